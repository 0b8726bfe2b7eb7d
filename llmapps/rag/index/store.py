"""Reading and writing the index: whole documents in, chunks and vectors out."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from llmapps.rag.index.records import DocumentRecord, StoredChunk, chunk_id, parse_place, place_to_json
from llmapps.rag.index.schema import open_database

if TYPE_CHECKING:
    import numpy as np

    from llmapps.rag.splitting import Chunk

_T = TypeVar("_T")
_VECTORS = "SELECT number, vector FROM chunks JOIN vectors USING (key)"
_CHUNKS = 'SELECT number, id, path, ordinal, context, text, start, "end", place FROM chunks'
_MANY = 500  # values in one IN (...), below SQLite's limit on variables


class IndexStore:
    """The index in one folder. Writing needs the lock of `llmapps.rag.index.lock`; reading needs nothing."""

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        self.folder = folder
        self._connection = open_database(folder, create=create)

    def close(self) -> None:
        """Close the database; the store cannot be used afterwards."""
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    # --- what the index says about itself -----------------------------------------------------

    @property
    def identity(self) -> str | None:
        """The identity of the embedding that made the vectors; None in a new index."""
        return self._meta("identity")

    def set_identity(self, identity: str) -> None:
        """Record which embedding makes the vectors."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('identity', ?)", (identity,))

    @property
    def generation(self) -> int:
        """Grows with every change of the chunks; what Chroma and readers compare to know that they are stale."""
        return int(self._meta("generation") or 0)

    def _meta(self, name: str) -> str | None:
        row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    # --- documents -------------------------------------------------------------------------------

    def documents(self) -> dict[str, DocumentRecord]:
        """All documents by path."""
        rows = self._connection.execute("SELECT * FROM documents")
        return {row[0]: DocumentRecord(*row) for row in rows}

    def put_document(self, record: DocumentRecord, chunks: Sequence[Chunk], keys: Sequence[str]) -> None:
        """Replace a document and its chunks, in one transaction; the vectors named by `keys` must be there.

        Putting the same document twice is putting it once: ids come from the content.
        """
        with self._transaction() as connection:
            connection.execute("DELETE FROM chunks WHERE path = ?", (record.path,))
            connection.execute(
                "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    record.path,
                    record.size,
                    record.mtime_ns,
                    record.checked_ns,
                    record.sha256,
                    record.version,
                    record.status,
                    record.reason,
                ),
            )
            connection.executemany(
                'INSERT INTO chunks (id, path, ordinal, context, text, start, "end", place, key)'
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        chunk_id(record.path, chunk),
                        record.path,
                        chunk.ordinal,
                        chunk.context,
                        chunk.text,
                        chunk.start,
                        chunk.end,
                        place_to_json(chunk.place),
                        key,
                    )
                    for chunk, key in zip(chunks, keys, strict=True)
                ],
            )
            _grow_generation(connection)

    def touch_document(self, path: str, size: int, mtime_ns: int, checked_ns: int) -> None:
        """Record that a file with a new time stamp holds what it held before."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE documents SET size = ?, mtime_ns = ?, checked_ns = ? WHERE path = ?",
                (size, mtime_ns, checked_ns, path),
            )

    def remove_documents(self, paths: Iterable[str]) -> None:
        """Remove documents with their chunks, and then every vector that no chunk uses any more."""
        with self._transaction() as connection:
            gone = [(path,) for path in paths]
            connection.executemany("DELETE FROM chunks WHERE path = ?", gone)
            connection.executemany("DELETE FROM documents WHERE path = ?", gone)
            connection.execute("DELETE FROM vectors WHERE key NOT IN (SELECT key FROM chunks)")
            if gone:
                _grow_generation(connection)

    # --- vectors ------------------------------------------------------------------------------------

    def missing_keys(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys that name no vector yet."""
        known: set[str] = set()
        for some in _in_groups(sorted(set(keys))):
            rows = self._connection.execute(f"SELECT key FROM vectors WHERE key IN ({_marks(some)})", some)  # noqa: S608
            known.update(key for (key,) in rows)
        return set(keys) - known

    def put_vectors(self, keys: Sequence[str], vectors: np.ndarray) -> None:
        """Store vectors, (n, d) float32; a key that is there keeps its vector."""
        with self._transaction() as connection:
            rows = [(key, vector.astype("<f4").tobytes()) for key, vector in zip(keys, vectors, strict=True)]
            connection.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)

    def all_vectors(self) -> tuple[list[int], np.ndarray]:
        """The chunks' numbers, ascending, and their vectors in that order, (n, d) float32."""
        rows = self._connection.execute(f"{_VECTORS} ORDER BY number").fetchall()
        return _matrix(rows)

    def vectors_of(self, numbers: Sequence[int]) -> tuple[list[int], np.ndarray]:
        """Like `all_vectors`, for some chunks."""
        rows: list[tuple[int, bytes]] = []
        for some in _in_groups(sorted(numbers)):
            sql = f"{_VECTORS} WHERE number IN ({_marks(some)}) ORDER BY number"
            rows += self._connection.execute(sql, some).fetchall()
        return _matrix(rows)

    # --- chunks ---------------------------------------------------------------------------------------

    def chunk_count(self) -> int:
        """How many chunks there are."""
        count: int = self._connection.execute("SELECT count(*) FROM chunks").fetchone()[0]
        return count

    def chunks(self, numbers: Sequence[int]) -> list[StoredChunk]:
        """The chunks with these numbers, in the order asked; numbers that are gone are left out."""
        found: dict[int, StoredChunk] = {}
        for some in _in_groups(sorted(set(numbers))):
            for row in self._connection.execute(f"{_CHUNKS} WHERE number IN ({_marks(some)})", some):
                found[row[0]] = StoredChunk(*row[:-1], parse_place(row[-1]))
        return [found[number] for number in numbers if number in found]

    def numbers_and_ids(self) -> dict[int, str]:
        """Every chunk's number and id."""
        return dict(self._connection.execute("SELECT number, id FROM chunks"))

    def numbers_of_ids(self, ids: Sequence[str]) -> dict[str, int]:
        """The numbers of the chunks with these ids; ids that are gone are left out."""
        found: dict[str, int] = {}
        for some in _in_groups(list(ids)):
            found.update(self._connection.execute(f"SELECT id, number FROM chunks WHERE id IN ({_marks(some)})", some))  # noqa: S608
        return found

    def numbers_in(self, paths: Iterable[str]) -> set[int]:
        """The numbers of all chunks of these documents."""
        found: set[int] = set()
        for some in _in_groups(sorted(paths)):
            rows = self._connection.execute(f"SELECT number FROM chunks WHERE path IN ({_marks(some)})", some)  # noqa: S608
            found.update(number for (number,) in rows)
        return found

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
        return list(self._connection.execute(sql, (*weights, query, limit)))

    def document_frequencies(self, words: Sequence[str]) -> dict[str, int]:
        """In how many chunks each word (or a word of the same stem) stands."""
        counts = {}
        for word in words:
            quoted = '"' + word.replace('"', '""') + '"'
            sql = "SELECT count(*) FROM chunks_fts WHERE chunks_fts MATCH ?"
            counts[word] = self._connection.execute(sql, (quoted,)).fetchone()[0]
        return counts


def _grow_generation(connection: sqlite3.Connection) -> None:
    connection.execute(
        "INSERT INTO meta VALUES ('generation', '1')"
        " ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
    )


def _matrix(rows: Sequence[tuple[int, bytes]]) -> tuple[list[int], np.ndarray]:
    import numpy as np

    if not rows:
        return [], np.zeros((0, 0), np.float32)
    numbers = [number for number, _ in rows]
    joined = b"".join(blob for _, blob in rows)
    return numbers, np.frombuffer(joined, dtype="<f4").reshape(len(rows), -1)


def _in_groups(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for first in range(0, len(values), _MANY):
        yield values[first : first + _MANY]


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
