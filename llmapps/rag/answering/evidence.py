"""The evidence contract: what the notes say about each sentence of an answer, found without asking a model.

A sentence is compared with every sentence of the hits, and with every two that stand together. The measure of a quote
is the mean of two: the cosine of the embeddings (the meaning), and the share of the sentence's words, weighted by
their rarity, that the quote or its headings hold (the wording). Numbers are held to a harder rule: one that no hit
holds cannot be supported. It finds invention, wrong numbers and wrong citations; it cannot find a denial or a
swapped comparison that is made of the notes' own words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from llmapps.rag.answering.sentences import Span, sentence_spans
from llmapps.rag.search.words import content_words, stem, stems
from llmapps.types import Evidence, Hit, Place, Sentence, SentenceStatus

if TYPE_CHECKING:
    import numpy as np

SUPPORTED, PARTIAL = 0.58, 0.42
"""A quote at or above the first supports a sentence, at or above the second in part: choice, measured in
tests/benchmarks/evidence.py on the questions of the built-in course."""

_CITED_TOGETHER = 0.1  # hits this close to the best one are cited with it
_MOST_CITATIONS = 2
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*")
_REFUSAL = re.compile(
    r"\b(notes?|context|sources?|text|documents?|information)\b[^.]{0,40}\b(do|does|did|is|are)(n't|n’t| not)\b"
    r"|\bnot (mentioned|covered|provided|specified|stated|available) in\b"
    r"|\bI (don't|don’t|do not|cannot|can't|can’t) (know|answer|find)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Quote:
    """One sentence of a hit, or two that stand together: `text` is the hit's text at `span`."""

    hit: Hit
    span: Span
    text: str
    stems: frozenset[str]

    def as_evidence(self) -> Evidence:
        """The quote with its place in the document."""
        start = self.hit.start + self.span.start
        return Evidence(self.text, self.hit.document, self.place, start, self.hit.start + self.span.end)

    @property
    def place(self) -> Place:
        """The hit's place, with the lines of the quote where the hit's lines are those of its text."""
        lines = self.hit.place.lines
        if lines is None or lines[1] - lines[0] != self.hit.text.count("\n"):
            return self.hit.place
        first = lines[0] + self.hit.text.count("\n", 0, self.span.start)
        return replace(self.hit.place, lines=(first, first + self.text.count("\n")))


def quotes_of(hits: Sequence[Hit]) -> list[Quote]:
    """Every sentence of the hits, and every two neighbours."""
    quotes = []
    for hit in hits:
        spans = [span for span in sentence_spans(hit.text) if _is_quotable(hit.text[span.start : span.end])]
        pairs = [Span(first.start, second.end) for first, second in pairwise(spans)]
        headings = stems(" ".join(hit.place.heading))
        for span in spans + pairs:
            text = hit.text[span.start : span.end]
            quotes.append(Quote(hit, span, text, frozenset(stems(text) | headings)))
    return quotes


class EvidenceChecker:
    """Checks the sentences of one answer against its hits.

    Args:
        hits: what the model was shown.
        embed: texts to unit vectors, (n, d) float32.
        rarity: the weight of each of these words, higher for rarer ones.
    """

    def __init__(
        self,
        question: str,
        hits: Sequence[Hit],
        embed: Callable[[Sequence[str]], np.ndarray],
        rarity: Callable[[Sequence[str]], Mapping[str, float]],
    ) -> None:
        self._embed = embed
        self._rarity = rarity
        self._hits = hits
        self._quotes = quotes_of(hits)
        self._vectors: np.ndarray | None = None
        given = " ".join([question, *(f"{' '.join(hit.place.heading)} {hit.text}" for hit in hits)])
        self._numbers = set(_NUMBER.findall(given))

    def check(self, text: str, claimed: Sequence[int] = ()) -> Sentence:
        """The sentence with its status and evidence.

        Args:
            text: one sentence, without citation marks.
            claimed: numbers of the hits that the model itself cited for it.
        """
        if not _is_claim(text) or not self._quotes:
            return Sentence(text, "no-claim" if not _is_claim(text) else "unsupported")
        scores = self._scores(text)
        best = max(range(len(scores)), key=scores.__getitem__)
        support = scores[best]
        status = self._status(text, support)
        if status == "unsupported":
            return Sentence(text, status, support=support)
        by_hit = self._best_by_hit(scores)
        if (
            status == "supported"
            and claimed
            and all(scores[by_hit[n]] < PARTIAL if n in by_hit else True for n in claimed)
        ):
            status = "misattributed"
        cited = sorted(by_hit, key=lambda n: -scores[by_hit[n]])
        cited = [n for n in cited if scores[by_hit[n]] >= max(PARTIAL, support - _CITED_TOGETHER)][:_MOST_CITATIONS]
        more = tuple(self._quotes[by_hit[n]].as_evidence() for n in cited[1:])
        return Sentence(text, status, tuple(cited), self._quotes[best].as_evidence(), more, support)

    def _status(self, text: str, support: float) -> SentenceStatus:
        if any(number not in self._numbers for number in _NUMBER.findall(text)) or support < PARTIAL:
            return "unsupported"
        return "supported" if support >= SUPPORTED else "partial"

    def _scores(self, text: str) -> list[float]:
        if self._vectors is None:
            self._vectors = self._embed([quote.text for quote in self._quotes])
        cosines = self._vectors @ self._embed([text])[0]
        words = {stem(word): weight for word, weight in self._rarity(content_words(text)).items()}
        total = sum(words.values()) or 1.0
        wordings = (
            sum(weight for word, weight in words.items() if word in quote.stems) / total for quote in self._quotes
        )
        return [0.5 * float(cosine) + 0.5 * wording for cosine, wording in zip(cosines, wordings, strict=True)]

    def _best_by_hit(self, scores: Sequence[float]) -> dict[int, int]:
        best: dict[int, int] = {}
        for index, quote in enumerate(self._quotes):
            n = quote.hit.n
            if n not in best or scores[index] > scores[best[n]]:
                best[n] = index
        return best


def _is_quotable(text: str) -> bool:
    """Whether a line says something: not a heading, a rule, a fence of code."""
    return bool(re.search(r"\w", text)) and not text.startswith(("#", "```", "~~~"))


def is_refusal(text: str) -> bool:
    """Whether a sentence says that the notes do not hold the answer."""
    return bool(_REFUSAL.search(text))


def _is_claim(text: str) -> bool:
    """Whether a sentence states something that notes could back: not a question, a lead-in or a single word."""
    text = text.strip()
    if text.endswith(("?", ":")) or text.startswith("```") or is_refusal(text):
        return False
    return len(content_words(text)) >= 2
