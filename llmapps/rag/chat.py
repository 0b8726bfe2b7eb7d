"""`Chat`: a conversation about the notes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from llmapps.rag.answering.conversation import Turn, stand_alone
from llmapps.rag.answering.writer import Event, Finished, Understood
from llmapps.types import Answer

if TYPE_CHECKING:
    from llmapps.rag.rag import Rag


class Chat:
    """A conversation about the notes.

    Attributes:
        turns: what was asked and answered so far.
    """

    def __init__(self, rag: Rag) -> None:
        self.rag = rag
        self.turns: list[Turn] = []

    def understand(self, question: str) -> str:
        """The question with what it leans on spelled out, such as "its" after an earlier question."""
        return stand_alone(question, self.turns, self.rag.model, self.rag.prompt("condense-question"))

    def stream(self, question: str) -> Iterator[Event]:
        """The events of the answer; the turn is remembered when the answer is finished."""
        understood = self.understand(question)
        if understood != question.strip():
            yield Understood(understood)
        for event in self.rag.stream(understood, self.turns):
            if isinstance(event, Finished):
                self.turns.append(Turn(question, understood, event.answer.text))
            yield event

    def ask(self, question: str) -> Answer:
        """The answer to a question that may lean on earlier ones."""
        *_, last = self.stream(question)
        assert isinstance(last, Finished)
        return last.answer
