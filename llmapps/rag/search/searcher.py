"""The search over one index: plan, ask both sides, fuse, choose."""

from __future__ import annotations

import datetime
import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmapps.models.embedding import embed_array
from llmapps.rag.course import Course
from llmapps.rag.index.records import StoredChunk
from llmapps.rag.index.store import IndexStore
from llmapps.rag.search.baseline import PROBES, baseline_of
from llmapps.rag.search.dense import EXACT_LIMIT, DenseSearch
from llmapps.rag.search.fusion import fuse
from llmapps.rag.search.words import content_words, full_text_query, stem, stems
from llmapps.types import Hit

if TYPE_CHECKING:
    import numpy as np
    from langchain_core.embeddings import Embeddings

POOL = 100
"""How many candidates each side brings."""

LEXICAL_WEIGHTS = (1.0, 1.0)
"""BM25 weights of the headings and of the text: choice, measured in tests/benchmarks/search.py."""

MOST_WORDS = 64
"""Of a question that are looked up; a whole page given as a question costs no more than a paragraph."""

MOST_PER_DOCUMENT = 3
"""Hits of one document at the most, so that no document can crowd out all others."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What was found, and how well it fits.

    Attributes:
        hits: best first.
        similarity: cosine of the question and the nearest chunk, -1 to 1; 0 without hits.
        coverage: share of the question's words, weighted by their rarity, that stand in the hits, 0 to 1.
        question_vector: (d,) float32, unit length.
    """

    hits: tuple[Hit, ...]
    similarity: float
    coverage: float
    question_vector: np.ndarray


class Searcher:
    """Finds the chunks of an index that fit a question best."""

    def __init__(
        self, store: IndexStore, embeddings: Embeddings, course: Course, exact_limit: int = EXACT_LIMIT
    ) -> None:
        self._store = store
        self._embeddings = embeddings
        self.course = course
        self._exact_limit = exact_limit
        self._dense: DenseSearch | None = None
        self._baseline: float | None = None

    def baseline(self) -> float:
        """The similarity of questions that have nothing to do with these notes; see `baseline`. Measured once an index."""
        if self._baseline is None:
            vectors = embed_array(self._embeddings, PROBES, kind="query")
            nearest = [self._dense_search().nearest(vector, 1) for vector in vectors]
            self._baseline = baseline_of([max(found.values()) for found in nearest if found])
        return self._baseline

    def search(self, question: str, top: int, as_of: datetime.date | None = None) -> SearchResult:
        """The `top` best hits. Notes of units that are not released on the day `as_of` (today) are never among them.

        Raises:
            ProviderError: the embedding model failed.
        """
        hidden = self.course.hidden(self._store.documents(), as_of) if self.course.units else set()
        query = embed_array(self._embeddings, [question], kind="query")[0]
        dense_search = self._dense_search()
        dense = dense_search.nearest(query, POOL, hidden)
        words = content_words(question)[:MOST_WORDS]
        lexical = self._lexical(words, hidden)
        missing = [number for number in lexical if number not in dense]
        fused = fuse({**dense, **dense_search.similarities(query, missing)}, lexical)
        chosen = self._choose(fused, top)
        hits = tuple(_hit(n, chunk, score) for n, (chunk, score) in enumerate(chosen, start=1))
        coverage = self._coverage(words, [chunk for chunk, _ in chosen])
        return SearchResult(hits, max(dense.values(), default=0.0), coverage, query)

    def _dense_search(self) -> DenseSearch:
        if self._dense is None or self._dense.generation != self._store.generation:
            self._dense = DenseSearch(self._store, self._exact_limit)
            self._baseline = None
        return self._dense

    def _lexical(self, words: Sequence[str], hidden: Collection[str]) -> dict[int, float]:
        """The chunks that hold any of the words, by number, with their BM25 scores; the best `POOL` of them."""
        if not words:
            return {}
        closed = self._store.numbers_in(hidden) if hidden else set()
        # However many hidden chunks come first, there are POOL others behind them.
        found = self._store.full_text_search(full_text_query(words), POOL + len(closed), LEXICAL_WEIGHTS)
        return dict([(number, score) for number, score in found if number not in closed][:POOL])

    def _choose(self, fused: Sequence[tuple[int, float]], top: int) -> list[tuple[StoredChunk, float]]:
        """The best, best first; more than `MOST_PER_DOCUMENT` of one document only if nothing else is near."""
        scores = dict(fused[: top * 10])
        per_document: Counter[str] = Counter()
        chosen: list[StoredChunk] = []
        spare: list[StoredChunk] = []
        for chunk in self._store.chunks(list(scores)):
            (chosen if per_document[chunk.path] < MOST_PER_DOCUMENT else spare).append(chunk)
            per_document[chunk.path] += 1
        best = (chosen[:top] + spare)[:top]
        return sorted(((chunk, scores[chunk.number]) for chunk in best), key=lambda pair: -pair[1])

    def _coverage(self, words: Sequence[str], chunks: Iterable[StoredChunk]) -> float:
        if not words:
            return 0.0
        count = max(self._store.chunk_count(), 1)
        weights = {
            word: math.log(1 + count / (1 + max(frequency, 1)))  # an unknown word is no rarer than the rarest known
            for word, frequency in self._store.document_frequencies(words).items()
        }
        present: set[str] = set()
        for chunk in chunks:
            present |= stems(f"{chunk.context} {chunk.text}")
        return sum(weight for word, weight in weights.items() if stem(word) in present) / sum(weights.values())


def _hit(n: int, chunk: StoredChunk, score: float) -> Hit:
    return Hit(n, chunk.path, chunk.place, score, chunk.text, chunk.start, chunk.end, chunk.id)
