"""Which hits the model is shown, and the messages that show them.

Prompt tokens are the cost of an answer on a laptop, so there are few hits, and whole ones: what does not fit is left
out, last hits first, never cut.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from llmapps.errors import QuestionError
from llmapps.prompts import Message, Prompt
from llmapps.rag.loading.markdown_headings import plain_heading
from llmapps.types import HEADING_SEPARATOR, Hit

_HEADING_LINE = re.compile(r"#{1,6}[ \t]+(?P<heading>.*?)(?:[ \t]+#+)?[ \t]*\n+")
_MESSAGE_TOKENS = 8  # what a chat template adds to a message, at the most
_BYTES_PER_TOKEN = 3  # few: English has 4 to 5, languages without blank spaces about 3
_SURELY_TOO_FEW = 2  # an estimate is never wrong by more than this factor (choice), so half the room needs no counting


@dataclass(frozen=True, slots=True)
class FittedPrompt:
    """A prompt that fits: the hits that it shows, and its messages."""

    hits: tuple[Hit, ...]
    messages: tuple[Message, ...]


def estimated_tokens(text: str) -> int:
    """About how many tokens a text has, rather too many than too few.

    >>> estimated_tokens("What is attention?")
    7
    """
    return len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN + 1


def answer_messages(
    prompt: Prompt, question: str, hits: Sequence[Hit], history: Sequence[Message] = ()
) -> list[Message]:
    """The messages that ask the question over these hits."""
    shown = [_shown(hit) for hit in hits]
    return prompt.messages(history, question=question, fence=_fence(question, shown), hits=shown)


def fit_prompt(
    prompt: Prompt,
    question: str,
    hits: Sequence[Hit],
    *,
    room: int,
    count_tokens: Callable[[str], int] | None = None,
    history: Sequence[Message] = (),
) -> FittedPrompt:
    """The prompt with as many of the hits, best first, as leave it within `room` tokens.

    The conversation so far is given up before the first hit is.

    Args:
        count_tokens: counts exactly, at a cost; asked only where an estimate could be wrong. None: there is only the
            estimate.

    Raises:
        QuestionError: not even the first hit fits, as the question is too long.
    """
    kept = list(hits)
    while True:
        messages = answer_messages(prompt, question, kept, history)
        tokens = _tokens_of(messages, room, count_tokens)
        if tokens <= room:
            return FittedPrompt(tuple(kept), tuple(messages))
        if len(kept) > 1:
            kept.pop()
        elif history:
            kept, history = list(hits), ()
        else:
            raise QuestionError(
                f"The question is too long: with the notes it takes {tokens} tokens, but the model has room for {room}. "
                "Shorten the question, or raise context_tokens."
            )


def _tokens_of(messages: Sequence[Message], room: int, count_tokens: Callable[[str], int] | None) -> int:
    def total(count: Callable[[str], int]) -> int:
        return sum(count(message.content) + _MESSAGE_TOKENS for message in messages)

    estimate = total(estimated_tokens)
    return estimate if count_tokens is None or estimate * _SURELY_TOO_FEW <= room else total(count_tokens)


def _shown(hit: Hit) -> dict[str, object]:
    return {
        "n": hit.n,
        "heading": HEADING_SEPARATOR.join(hit.place.heading) or hit.document,
        "text": _without_headings(hit.text, hit.place.heading),
    }


def _without_headings(text: str, headings: Sequence[str]) -> str:
    """A hit's text without the lines at its beginning that repeat the headings shown above it."""
    while (match := _HEADING_LINE.match(text)) and plain_heading(match["heading"]) in headings:
        text = text[match.end() :]
    return text


def _fence(question: str, shown: Sequence[Mapping[str, object]]) -> str:
    """A mark for the limits of the notes that stands nowhere in them, so that no document can end its part.

    The same prompt always has the same mark, so that what is cached by prompt is found again.
    """
    texts = "\0".join([question, *(f"{hit['heading']}\0{hit['text']}" for hit in shown)])
    for attempt in itertools.count():
        mark = hashlib.sha256(f"{attempt}\0{texts}".encode("utf-8", "replace")).hexdigest()[:6]
        if mark not in texts:
            return mark
    raise AssertionError("there are more marks than any text can hold")
