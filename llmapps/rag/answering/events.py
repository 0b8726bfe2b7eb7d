"""What is told while an answer is written: events, in the order in which they happen."""

from __future__ import annotations

from dataclasses import dataclass

from llmapps.types import Answer, Hit, Sentence


@dataclass(frozen=True, slots=True)
class Understood:
    """How a follow-up question was understood. Only in conversations, before `Found`."""

    question: str


@dataclass(frozen=True, slots=True)
class Found:
    """The hits that the model is shown now."""

    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """The sentence whose text was just delivered has been checked; its citations stand behind it."""

    sentence: Sentence


@dataclass(frozen=True, slots=True)
class Finished:
    """The whole answer. The last event; `withdrawn` when the notes back no sentence of what was delivered."""

    answer: Answer
    withdrawn: bool = False


Event = Understood | Found | Token | Checked | Finished


def citations_of(sentence: Sentence) -> str:
    """What stands behind a sentence in an answer's text.

    >>> citations_of(Sentence("RAG searches.", "supported", (2, 1)))
    ' [2][1]'
    >>> citations_of(Sentence("Hello!", "no-claim"))
    ''
    """
    numbers = "".join(f"[{n}]" for n in sentence.citations)
    return f" {numbers}" if numbers else ""
