"""How an answer looks in the terminal, as it is written: shared by `ask` and `chat`."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator
from typing import TextIO

from llmapps.cli.output import Style, emit, is_terminal, say
from llmapps.cli.wrapping import WordWrap
from llmapps.rag.answering.events import Checked, Event, Finished, Found, Token, Understood
from llmapps.types import Answer, Hit, Sentence

_LEAST_COLUMNS = 30


def show_events(events: Iterator[Event], *, quiet: bool = False) -> Answer:
    """Show an answer while it arrives, and return it.

    Args:
        events: of `Rag.stream`.
        quiet: show nothing, as for `--json`.
    """
    page = _Page()
    for event in events:
        if isinstance(event, Finished):
            if not quiet:
                page.end(event)
            return event.answer
        if not quiet:
            page.show(event)
    raise AssertionError("an answer's last event is Finished")


def mark(sentence: Sentence) -> str:
    """What is put behind a sentence: its citations, or that the notes do not back it.

    >>> mark(Sentence("RAG searches.", "supported", (2,)))
    ' [2]'
    >>> mark(Sentence("RAG is from 1950.", "unsupported"))
    ' [not in the notes]'
    """
    if sentence.status == "unsupported":
        return " [not in the notes]"
    numbers = "".join(f"[{n}]" for n in sentence.citations)
    if sentence.status == "partial":
        return f" {numbers}[in part]"
    return f" {numbers}" if numbers else ""


class _Page:
    """What stands on the screen. In a pipe nothing is printed before the end, as an answer may still be withdrawn."""

    def __init__(self) -> None:
        self._live = is_terminal()
        self._wrap = WordWrap(shutil.get_terminal_size().columns if self._live else 0)
        self._held: list[str] = []

    def show(self, event: Event) -> None:
        if isinstance(event, Understood):
            say(f"Understood as: {event.question}", style="dim")
        elif isinstance(event, Found):
            say("Found in the notes:", style="dim")
            for hit in event.hits:
                say(_entry(hit, sys.stderr), style="dim")
            say("")
        elif isinstance(event, Token):
            self._print(self._wrap.feed(event.text))
        elif isinstance(event, Checked):
            self._print(self._wrap.flush())
            self._print(self._wrap.feed(mark(event.sentence)) + self._wrap.flush(), "cyan")

    def end(self, event: Finished) -> None:
        """The rest of the answer, and its sources; or the refusal."""
        answer = event.answer
        self._print(self._wrap.flush())
        if self._held:
            if self._live:
                emit("\n")
            elif not answer.abstained:
                emit("".join(self._held) + "\n")
        if event.withdrawn:
            say("The notes back no sentence of this answer, so it is withdrawn.", style="yellow")
        if answer.abstained:
            self._wrap = WordWrap(shutil.get_terminal_size().columns if self._live else 0)
            emit(self._wrap.feed(answer.text) + self._wrap.flush())
            return
        if answer.sources:
            emit("Sources", style="bold")
            for hit in answer.sources:
                emit(_entry(hit, sys.stdout))
        if answer.is_cut:
            say(f"\n{_cut(answer)}", style="yellow")
        say(f"\n{_summary(answer)}", style="dim")

    def _print(self, text: str, style: Style | None = None) -> None:
        if not text:
            return
        self._held.append(text)
        if self._live:
            emit(text, style=style, end="")


def _entry(hit: Hit, stream: TextIO) -> str:
    """A hit in a list; in a terminal its lines are broken between words, and those after the first stand back."""
    if not is_terminal(stream):
        return f"  {hit}"
    columns = max(shutil.get_terminal_size().columns, _LEAST_COLUMNS)
    return textwrap.fill(str(hit), columns, initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False)


def _cut(answer: Answer) -> str:
    """That the answer is not whole, and what to do."""
    if answer.finish == "length":
        return "The answer was cut: it reached its most tokens. Raise max_tokens (LLMAPPS_MAX_TOKENS) for longer ones."
    return f'The answer was cut by the provider, which says "{answer.finish}".'


def _summary(answer: Answer) -> str:
    claims = [sentence for sentence in answer.sentences if sentence.status != "no-claim"]
    backed = sum(sentence.status in ("supported", "misattributed") for sentence in claims)
    seconds = answer.timings_s.get("total", 0.0)
    return f"{backed} of {len(claims)} sentences supported by the notes. {answer.model}, {seconds:.1f} s."
