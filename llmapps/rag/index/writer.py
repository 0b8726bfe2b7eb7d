"""Writing the index: whole documents in, each in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING

from llmapps.errors import IndexIdentityError
from llmapps.rag.index.faults import MAKE_ANEW, index_faults
from llmapps.rag.index.records import DocumentRecord, chunk_id, place_to_json
from llmapps.rag.index.schema import open_anew, open_to_write
from llmapps.rag.index.store import IndexStore

if TYPE_CHECKING:
    import numpy as np

    from llmapps.rag.splitting import Chunk

_PUT_DOCUMENT = """
INSERT INTO documents (path, size, mtime_ns, ctime_ns, checked_ns, sha256, version, status, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns,
    checked_ns = excluded.checked_ns, sha256 = excluded.sha256, version = excluded.version, status = excluded.status,
    reason = excluded.reason
"""
_PUT_CHUNK = """
INSERT INTO chunks (id, path, ordinal, context, text, start, "end", place, key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_MOVE_CHUNK = 'UPDATE chunks SET start = ?, "end" = ?, place = ? WHERE id = ?'
_NEW_GENERATION = "INSERT OR REPLACE INTO meta VALUES ('generation', lower(hex(randomblob(8))))"


class IndexWriter(IndexStore):
    """The index in one folder, to write. It needs the lock of `llmapps.rag.index.lock`.

    Args:
        folder: of the index; made if it is not there.
        anew: forget everything that the index holds.
    """

    def __init__(self, folder: Path, *, anew: bool = False) -> None:
        self._anew = anew
        super().__init__(folder)

    def _connect(self, folder: Path) -> sqlite3.Connection:
        return open_anew(folder) if self._anew else open_to_write(folder)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with index_faults(self.folder):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:  # SQLite itself undoes it when, say, the disk is full
                    self._connection.execute("ROLLBACK")

    def begin(self) -> None:
        """Record that a writer is at work, so that the next one notices if it came to no end."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('unfinished', '1')")

    def finish(self) -> None:
        """Forget every vector that no chunk uses, and record that all is done."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM vectors WHERE key NOT IN (SELECT key FROM chunks)")
            connection.execute("DELETE FROM meta WHERE name = 'unfinished'")

    def set_identity(self, identity: str) -> None:
        """Record which embedding makes the vectors."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('identity', ?)", (identity,))

    def put_vectors(self, keys: Sequence[str], vectors: np.ndarray) -> None:
        """Store vectors, (n, d) float32; a key that is there keeps its vector.

        Raises:
            IndexIdentityError: the index holds vectors of another length.
        """
        known = self.dimension
        if known is not None and vectors.shape[1] != known:
            raise IndexIdentityError(
                f"The embedding model now gives vectors of {vectors.shape[1]} numbers, but the index in {self.folder} "
                f"holds vectors of {known}. {MAKE_ANEW}"
            )
        rows = [(key, vector.astype("<f4").tobytes()) for key, vector in zip(keys, vectors, strict=True)]
        with self._transaction() as connection:
            connection.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)

    def put_document(self, record: DocumentRecord, chunks: Sequence[Chunk], keys: Sequence[str]) -> None:
        """Replace a document and its chunks, in one transaction; the vectors named by `keys` must be there.

        Putting the same document twice is putting it once: ids come from the content, and a chunk that was there keeps
        its number.
        """
        wanted = {chunk_id(record.path, chunk): (chunk, key) for chunk, key in zip(chunks, keys, strict=True)}
        with self._transaction() as connection:
            connection.execute(_PUT_DOCUMENT, astuple(record))
            known = {name for (name,) in connection.execute("SELECT id FROM chunks WHERE path = ?", (record.path,))}
            gone, new = known - wanted.keys(), [name for name in wanted if name not in known]
            connection.executemany("DELETE FROM chunks WHERE id = ?", [(name,) for name in gone])
            connection.executemany(
                _MOVE_CHUNK, [(*_position(chunk), name) for name, (chunk, _) in wanted.items() if name in known]
            )
            connection.executemany(_PUT_CHUNK, [_chunk_row(name, record.path, *wanted[name]) for name in new])
            if gone or new:
                connection.execute(_NEW_GENERATION)

    def touch_document(self, record: DocumentRecord) -> None:
        """Replace what is known of a file whose chunks stay as they are."""
        with self._transaction() as connection:
            connection.execute(_PUT_DOCUMENT, astuple(record))

    def remove_documents(self, paths: Iterable[str]) -> None:
        """Remove documents with their chunks. Vectors stay until `finish`: the same text may come under a new name."""
        gone = [(path,) for path in paths]
        with self._transaction() as connection:
            removed = connection.executemany("DELETE FROM chunks WHERE path = ?", gone).rowcount
            connection.executemany("DELETE FROM documents WHERE path = ?", gone)
            if removed > 0:
                connection.execute(_NEW_GENERATION)


def _position(chunk: Chunk) -> tuple[int, int, str]:
    return chunk.start, chunk.end, place_to_json(chunk.place)


def _chunk_row(name: str, path: str, chunk: Chunk, key: str) -> tuple[str | int, ...]:
    return name, path, chunk.ordinal, chunk.context, chunk.text, *_position(chunk), key
