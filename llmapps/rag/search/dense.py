"""Search by meaning: exactly, over the vectors in the index, or for large indexes by Chroma."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from llmapps.rag.index.chroma import ChromaVectors, open_chroma

if TYPE_CHECKING:
    import numpy as np

    from llmapps.rag.index.store import IndexStore

EXACT_LIMIT = 50_000
"""Up to this many chunks all vectors are compared (77 MB of them); above, Chroma is asked. Choice: at 25,000 chunks a
first search takes 0.12 s so, and 0.88 s with Chroma, most of which goes into loading Chroma."""


class DenseSearch:
    """Cosine similarity of a question to chunks, over one generation of an index.

    Args:
        exact_limit: see `EXACT_LIMIT`.
    """

    def __init__(self, store: IndexStore, exact_limit: int = EXACT_LIMIT) -> None:
        self._store = store
        self.generation = store.generation
        self._chroma: ChromaVectors | None = open_chroma(store) if store.chunk_count() > exact_limit else None
        self._exact: tuple[np.ndarray, np.ndarray] | None = None

    def nearest(self, query: np.ndarray, limit: int, hidden: Collection[str] = ()) -> dict[int, float]:
        """The nearest chunks by number, with their similarities; documents in `hidden` are left out.

        Args:
            query: (d,) float32, unit length.
        """
        if self._chroma is not None:
            try:
                found = self._chroma.nearest(query, limit, hidden)
            except Exception:  # noqa: BLE001 - a writer has removed or something has damaged its folder: do without
                self._chroma = None
            else:
                numbers = self._store.numbers_of_ids([chunk_id for chunk_id, _ in found])
                return {numbers[chunk_id]: score for chunk_id, score in found if chunk_id in numbers}
        return self._nearest_exactly(query, limit, self._store.numbers_in(hidden) if hidden else ())

    def similarities(self, query: np.ndarray, numbers: Iterable[int]) -> dict[int, float]:
        """The similarity of these chunks."""
        found, matrix = self._store.vectors_of(list(numbers))
        return dict(zip(found, (matrix @ query).tolist(), strict=True)) if found else {}

    def _nearest_exactly(self, query: np.ndarray, limit: int, hidden: Collection[int]) -> dict[int, float]:
        import numpy as np

        if self._exact is None:
            numbers, matrix = self._store.all_vectors()
            self._exact = np.array(numbers, dtype=np.int64), matrix
        known, matrix = self._exact
        if not len(known):
            return {}
        scores = matrix @ query
        if hidden:
            scores = np.where(np.isin(known, list(hidden)), -np.inf, scores)
        best = np.argpartition(-scores, min(limit, len(scores)) - 1)[:limit]
        best = best[np.lexsort((known[best], -scores[best]))]
        return {int(known[i]): float(scores[i]) for i in best if np.isfinite(scores[i])}
