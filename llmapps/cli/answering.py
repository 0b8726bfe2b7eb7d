"""How an answer looks in the terminal, as it is written: shared by `ask` and `chat`."""

from __future__ import annotations

from collections.abc import Iterator

from llmapps.cli.output import emit, say
from llmapps.rag.answering.writer import Checked, Event, Finished, Found, Token, Understood
from llmapps.types import Answer, Sentence


def show_events(events: Iterator[Event], *, quiet: bool = False) -> Answer:
    """Show an answer while it arrives; the whole of it at the end.

    Args:
        events: of `Rag.stream`.
        quiet: show nothing, as for `--json`.
    """
    begun = False
    for event in events:
        if isinstance(event, Finished):
            if not quiet:
                _show_end(event, begun)
            return event.answer
        if quiet:
            continue
        if isinstance(event, Understood):
            say(f"Understood as: {event.question}", style="dim")
        elif isinstance(event, Found):
            say("Found in the notes:", style="dim")
            for hit in event.hits:
                say(f"  {hit}", style="dim")
            say("")
        elif isinstance(event, Token):
            begun = True
            emit(event.text, end="")
        elif isinstance(event, Checked):
            emit(mark(event.sentence), style="cyan", end="")
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


def _show_end(event: Finished, begun: bool) -> None:
    answer = event.answer
    if begun:
        emit("\n")
    if event.withdrawn:
        say("The notes back no sentence of this answer, so it does not count.", style="yellow")
    if answer.abstained:
        emit(answer.text)
        return
    if answer.sources:
        emit("Sources", style="bold")
        for hit in answer.sources:
            emit(f"  {hit}")
    say(f"\n{_summary(answer)}", style="dim")


def _summary(answer: Answer) -> str:
    claims = [sentence for sentence in answer.sentences if sentence.status != "no-claim"]
    backed = sum(sentence.status in ("supported", "misattributed") for sentence in claims)
    seconds = answer.timings_s.get("total", 0.0)
    return f"{backed} of {len(claims)} sentences supported by the notes. {answer.model}, {seconds:.1f} s."
