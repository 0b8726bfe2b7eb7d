"""The evidence contract: what the notes say about each sentence of an answer, found without asking a model.

A sentence is compared with every sentence of the hits, and with every two that stand together. The measure of a quote
is the mean of two: how far the cosine of the embeddings rises above that of unrelated texts (the meaning), and the
share of the sentence's words, weighted by their rarity, that the quote or its headings hold (the wording). Numbers are
held to a harder rule: a sentence with one that neither the hits nor the question hold is not supported, and one whose
number stands only in another hit than its quote is supported in part at most. So is one that denies where its quote
does not, or the other way round. It finds invention, wrong numbers, wrong citations and most denials; it cannot find
a swapped comparison that is made of the notes' own words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from llmapps.rag.answering.claims import is_bare_number, is_claim, is_denial, numbers_held, numbers_stated
from llmapps.rag.answering.sentences import Span, sentence_spans
from llmapps.rag.search.baseline import lifted
from llmapps.rag.search.words import content_words, stem, stems
from llmapps.types import Evidence, Hit, Place, Sentence, SentenceStatus

if TYPE_CHECKING:
    import numpy as np

SUPPORTED, PARTIAL = 0.58, 0.42
"""A quote at or above the first supports a sentence, at or above the second in part: choice, measured in
tests/benchmarks/evidence.py on the questions of the built-in course."""

_AGAINST = 0.1  # taken off a quote that denies where the sentence does not, or the other way round
_CITED_TOGETHER = 0.1  # hits this close to the best one are cited with it
_MOST_CITATIONS = 2
_FENCES = re.compile(r"```|~~~")


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
    """Every sentence of the hits, and every two that stand together; of code, every line."""
    quotes = []
    for hit in hits:
        # Without their fences, the lines of code are lines like others; offsets stay.
        spans = [span for span in sentence_spans(_FENCES.sub("   ", hit.text)) if _is_quotable(hit.text, span)]
        pairs = [
            Span(first.start, second.end)
            for first, second in pairwise(spans)
            if not hit.text[first.end : second.start].strip()
        ]
        headings = stems(" ".join(hit.place.heading))
        for span in spans + pairs:
            text = hit.text[span.start : span.end]
            quotes.append(Quote(hit, span, text, frozenset(stems(text) | headings)))
    return quotes


class EvidenceChecker:
    """Checks the sentences of one answer against its hits.

    Args:
        question: numbers in it may stand in the answer.
        hits: what the model was shown.
        embed: texts to unit vectors, (n, d) float32.
        rarity: the weight of each of these words, higher for rarer ones.
        baseline: cosine of texts that have nothing to do with each other, in this embedding.
    """

    def __init__(
        self,
        question: str,
        hits: Sequence[Hit],
        embed: Callable[[Sequence[str]], np.ndarray],
        rarity: Callable[[Sequence[str]], Mapping[str, float]],
        baseline: float = 0.0,
    ) -> None:
        self._question = question
        self._embed = embed
        self._rarity = rarity
        self._baseline = baseline
        self._quotes = quotes_of(hits)
        self._vectors: np.ndarray | None = None
        asked = numbers_held(question)
        self._numbers = {hit.n: asked | numbers_held(f"{' '.join(hit.place.heading)}\n{hit.text}") for hit in hits}

    def check(self, text: str, claimed: Sequence[int] = ()) -> Sentence:
        """The sentence with its status and evidence.

        Args:
            text: one sentence, without citation marks.
            claimed: numbers of the hits that the model itself cited for it; numbers that no hit has are ignored.
        """
        if not is_claim(text):
            return Sentence(text, "no-claim")
        if not self._quotes:
            return Sentence(text, "unsupported")
        scores = self._scores(f"{self._question} {text}" if is_bare_number(text) else text)
        best = max(range(len(scores)), key=scores.__getitem__)
        status = self._status(text, scores[best], self._quotes[best])
        if status == "unsupported":
            return Sentence(text, status, support=scores[best])
        by_hit = self._best_by_hit(scores)
        real = [n for n in claimed if n in self._numbers]
        if status == "supported" and real and not any(n in by_hit and scores[by_hit[n]] >= PARTIAL for n in real):
            status = "misattributed"
        least = max(PARTIAL, scores[best] - _CITED_TOGETHER)
        near = [n for n in by_hit if scores[by_hit[n]] >= least]
        cited = sorted(near, key=lambda n: (-scores[by_hit[n]], n))[:_MOST_CITATIONS]
        more = tuple(self._quotes[by_hit[n]].as_evidence() for n in cited[1:])
        return Sentence(text, status, tuple(cited), self._quotes[by_hit[cited[0]]].as_evidence(), more, scores[best])

    def _status(self, text: str, support: float, quote: Quote) -> SentenceStatus:
        numbers = numbers_stated(text)
        if support < PARTIAL or not numbers <= set().union(*self._numbers.values()):
            return "unsupported"
        if support < SUPPORTED or not numbers <= self._numbers[quote.hit.n]:
            return "partial"
        return "supported" if is_denial(text) == is_denial(quote.text) else "partial"

    def _scores(self, text: str) -> list[float]:
        """How well each quote backs the sentence, about 0 to 1."""
        if self._vectors is None:
            self._vectors = self._embed([quote.text for quote in self._quotes])
        cosines = (self._vectors @ self._embed([text])[0]).tolist()
        words = {stem(word): weight for word, weight in self._rarity(content_words(text)).items()}
        total = sum(words.values()) or 1.0
        wordings = [sum(words[word] for word in words.keys() & quote.stems) / total for quote in self._quotes]
        meanings = [lifted(cosine, self._baseline) for cosine in cosines]
        denies = is_denial(text)
        against = [_AGAINST * (is_denial(quote.text) != denies) for quote in self._quotes]
        return [
            0.5 * meaning + 0.5 * wording - less
            for meaning, wording, less in zip(meanings, wordings, against, strict=True)
        ]

    def _best_by_hit(self, scores: Sequence[float]) -> dict[int, int]:
        """The index of the best quote of each hit, by the hit's number."""
        best: dict[int, int] = {}
        for index, quote in enumerate(self._quotes):
            n = quote.hit.n
            if n not in best or scores[index] > scores[best[n]]:
                best[n] = index
        return best


def _is_quotable(text: str, span: Span) -> bool:
    """Whether a line says something: not a heading, a rule, the language of a block of code."""
    line = text[span.start : span.end]
    is_fence = text[: span.start].rstrip(" \t").endswith(("```", "~~~"))
    return bool(re.search(r"\w", line)) and not line.startswith("#") and not is_fence
