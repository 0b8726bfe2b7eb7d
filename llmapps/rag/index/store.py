"""Reading the index: documents, chunks, vectors, and full-text search."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from llmapps.errors import NotesIndexError
from llmapps.rag.index.faults import MAKE_ANEW, index_faults
from llmapps.rag.index.records import DocumentRecord, StoredChunk, parse_place
from llmapps.rag.index.schema import FILE_NAME, open_to_read

if TYPE_CHECKING:
    import numpy as np

_T = TypeVar("_T")
_VECTORS = "SELECT number, vector FROM chunks JOIN vectors USING (key)"
_CHUNKS = 'SELECT number, id, path, ordinal, context, text, start, "end", place FROM chunks'
_MANY = 500  # values in one IN (...), below SQLite's limit on variables


class IndexStore:
    """The index in one folder, to read. It needs no lock, and sees whole documents only, whatever a writer does.

    Raises:
        NotesIndexError: there is no index, or it cannot be read; so does every method.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._connection = self._connect(folder)
        self._file = _identity_of_file(folder)

    def _connect(self, folder: Path) -> sqlite3.Connection:
        return open_to_read(folder)

    def close(self) -> None:
        """Close the database; the store cannot be used afterwards."""
        self._connection.close()

    @property
    def is_replaced(self) -> bool:
        """Whether another file lies in the place of the one that is open: open the index again."""
        return _identity_of_file(self.folder) != self._file

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with index_faults(self.folder):
            return self._connection.execute(sql, values).fetchall()

    def _rows_in(self, sql: str, values: Iterable[_T]) -> list[Any]:
        """The rows of a statement with one `IN (?)`, for any number of values."""
        rows: list[Any] = []
        for some in _in_groups(list(values)):
            rows += self._rows(sql.replace("(?)", f"({', '.join('?' * len(some))})"), some)
        return rows

    # --- what the index says about itself -----------------------------------------------------

    @property
    def identity(self) -> str | None:
        """The identity of the embedding that made the vectors; None in an index without any."""
        return self._meta("identity")

    @property
    def generation(self) -> str:
        """The name of what the chunks are now: another one after every change, never the same again."""
        return self._meta("generation") or ""

    @property
    def is_finished(self) -> bool:
        """Whether the last writer came to its end."""
        return self._meta("unfinished") is None

    def _meta(self, name: str) -> str | None:
        rows = self._rows("SELECT value FROM meta WHERE name = ?", (name,))
        return rows[0][0] if rows else None

    def documents(self) -> dict[str, DocumentRecord]:
        """All documents by path."""
        return {row[0]: DocumentRecord(*row) for row in self._rows("SELECT * FROM documents")}

    # --- vectors ------------------------------------------------------------------------------------

    @property
    def dimension(self) -> int | None:
        """How many numbers a vector has; None if there is no vector."""
        rows = self._rows("SELECT length(vector) / 4 FROM vectors LIMIT 1")
        return rows[0][0] if rows else None

    def missing_keys(self, keys: Iterable[str]) -> set[str]:
        """Those of the keys that name no vector yet."""
        wanted = set(keys)
        return wanted - {key for (key,) in self._rows_in("SELECT key FROM vectors WHERE key IN (?)", sorted(wanted))}

    def all_vectors(self) -> tuple[list[int], np.ndarray]:
        """The chunks' numbers, ascending, and their vectors in that order, (n, d) float32."""
        return self._matrix(self._rows(f"{_VECTORS} ORDER BY number"))

    def vectors_of(self, numbers: Iterable[int]) -> tuple[list[int], np.ndarray]:
        """Like `all_vectors`, for some chunks."""
        return self._matrix(self._rows_in(f"{_VECTORS} WHERE number IN (?) ORDER BY number", sorted(numbers)))

    def _matrix(self, rows: Sequence[tuple[int, bytes]]) -> tuple[list[int], np.ndarray]:
        import numpy as np

        if not rows:
            return [], np.zeros((0, 0), np.float32)
        if len({len(blob) for _, blob in rows}) != 1:
            raise NotesIndexError(f"The index in {self.folder} is damaged (vectors of several lengths). {MAKE_ANEW}")
        joined = b"".join(blob for _, blob in rows)
        return [number for number, _ in rows], np.frombuffer(joined, dtype="<f4").reshape(len(rows), -1)

    # --- chunks ---------------------------------------------------------------------------------------

    def chunk_count(self) -> int:
        """How many chunks there are."""
        count: int = self._rows("SELECT count(*) FROM chunks")[0][0]
        return count

    def chunks(self, numbers: Sequence[int]) -> list[StoredChunk]:
        """The chunks with these numbers, in the order asked; numbers that are gone are left out."""
        rows = self._rows_in(f"{_CHUNKS} WHERE number IN (?)", sorted(set(numbers)))
        found = {row[0]: StoredChunk(*(*row[:-1], parse_place(row[-1]))) for row in rows}
        return [found[number] for number in numbers if number in found]

    def numbers_and_ids(self) -> dict[int, str]:
        """Every chunk's number and id."""
        return dict(self._rows("SELECT number, id FROM chunks"))

    def numbers_of_ids(self, ids: Iterable[str]) -> dict[str, int]:
        """The numbers of the chunks with these ids; ids that are gone are left out."""
        return dict(self._rows_in("SELECT id, number FROM chunks WHERE id IN (?)", ids))

    def numbers_in(self, paths: Iterable[str]) -> set[int]:
        """The numbers of all chunks of these documents."""
        return {number for (number,) in self._rows_in("SELECT number FROM chunks WHERE path IN (?)", sorted(paths))}

    # --- full text ------------------------------------------------------------------------------------

    def full_text_search(self, query: str, limit: int, weights: tuple[float, float]) -> list[tuple[int, float]]:
        """Chunks that match an FTS5 query, best first, as (number, BM25 score, higher is better).

        Args:
            query: in FTS5's language.
            limit: how many at the most.
            weights: of the context (title and headings) and of the text.
        """
        sql = (
            "SELECT rowid, -bm25(chunks_fts, ?, ?) AS score FROM chunks_fts WHERE chunks_fts MATCH ?"
            " ORDER BY score DESC, rowid LIMIT ?"
        )
        return self._rows(sql, (*weights, query, limit))

    def document_frequencies(self, words: Iterable[str]) -> dict[str, int]:
        """In how many chunks each word (or a word of the same stem) stands."""
        counts = {}
        for word in words:
            quoted = '"' + word.replace('"', '""') + '"'
            counts[word] = self._rows("SELECT count(*) FROM chunks_fts WHERE chunks_fts MATCH ?", (quoted,))[0][0]
        return counts


def _identity_of_file(folder: Path) -> tuple[int, int] | None:
    try:
        stat = (folder / FILE_NAME).stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _in_groups(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for first in range(0, len(values), _MANY):
        yield values[first : first + _MANY]
