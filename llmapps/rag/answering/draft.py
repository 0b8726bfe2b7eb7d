"""An answer on its way: pieces of text in, tokens and checked sentences out."""

from __future__ import annotations

from collections.abc import Iterator

from llmapps.rag.answering.citation_marks import MarkFilter
from llmapps.rag.answering.events import Checked, Token, citations_of
from llmapps.rag.answering.evidence import EvidenceChecker
from llmapps.rag.answering.sentences import sentence_spans
from llmapps.types import Sentence


class Draft:
    """Collects an answer while it streams; each sentence is checked as soon as the next one has begun.

    Attributes:
        text: what was delivered, with citations.
        sentences: those that were delivered.
        checked: all that were checked, also those that were left out.

    Args:
        most: the highest number that a hit has.
        strict: leave out sentences that the notes do not back; then text is delivered by whole sentences.
    """

    def __init__(self, checker: EvidenceChecker, *, most: int, strict: bool = False) -> None:
        self.text = ""
        self.sentences: list[Sentence] = []
        self.checked: list[Sentence] = []
        self._checker = checker
        self._strict = strict
        self._marks = MarkFilter(most)
        self._checked_to = 0  # positions in the text without marks
        self._delivered_to = 0

    def feed(self, piece: str) -> Iterator[Token | Checked]:
        """Take the next piece of the model's text, of any length."""
        self._marks.feed(piece)
        return self._deliver(finished=False)

    def finish(self) -> Iterator[Token | Checked]:
        """There are no more pieces: the last sentence is complete."""
        self._marks.finish()
        return self._deliver(finished=True)

    def _deliver(self, *, finished: bool) -> Iterator[Token | Checked]:
        text = self._marks.text
        spans = sentence_spans(text, self._checked_to)
        for number, span in enumerate(spans if finished else spans[:-1], start=1):
            claimed = self._marks.claimed_in(span.start, spans[number].start if number < len(spans) else None)
            sentence = self._checker.check(text[span.start : span.end], claimed)
            self.checked.append(sentence)
            self._checked_to = span.end
            if self._strict and sentence.status == "unsupported":
                self._delivered_to = span.end
                continue
            yield from self._token(text, span.end)
            self.sentences.append(sentence)
            self.text += citations_of(sentence)
            yield Checked(sentence)
        if not self._strict:
            yield from self._token(text, len(text.rstrip()))

    def _token(self, text: str, end: int) -> Iterator[Token]:
        piece = text[self._delivered_to : end]
        piece = piece if self.text else piece.lstrip()
        if piece:
            self._delivered_to = end
            self.text += piece
            yield Token(piece)
