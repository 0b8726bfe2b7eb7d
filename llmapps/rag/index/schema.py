"""The tables of the index, and how its file is opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from llmapps.errors import NotesIndexError

FILE_NAME = "index.sqlite"
SCHEMA_VERSION = 1

# chunks.key names the vector by what was embedded and by which model, so that a renamed or repeated text is embedded
# once.
# chunks_fts reads its text from chunks ("external content"); the triggers keep the two in step inside one transaction.
_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    path TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    checked_ns INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    version TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('indexed', 'empty', 'failed')),
    reason TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE TABLE vectors (key TEXT PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE chunks (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL REFERENCES documents (path) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    context TEXT NOT NULL,
    text TEXT NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    place TEXT NOT NULL,
    key TEXT NOT NULL REFERENCES vectors (key),
    UNIQUE (path, ordinal)
);
CREATE INDEX chunks_key ON chunks (key);
CREATE VIRTUAL TABLE chunks_fts USING fts5 (
    context, text, content = 'chunks', content_rowid = 'number', tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER chunks_added AFTER INSERT ON chunks BEGIN
    INSERT INTO chunks_fts (rowid, context, text) VALUES (new.number, new.context, new.text);
END;
CREATE TRIGGER chunks_removed AFTER DELETE ON chunks BEGIN
    INSERT INTO chunks_fts (chunks_fts, rowid, context, text) VALUES ('delete', old.number, old.context, old.text);
END;
"""


def open_database(folder: Path, *, create: bool) -> sqlite3.Connection:
    """A connection to the index in `folder`, in autocommit mode (transactions are explicit).

    Args:
        folder: of the index.
        create: make the folder and the tables if they are not there.

    Raises:
        NotesIndexError: there is no index, the file is no database, or a newer version of llmapps made it.
    """
    path = folder / FILE_NAME
    if create:
        folder.mkdir(parents=True, exist_ok=True)
    elif not path.is_file():
        raise NotesIndexError(f"There is no index in {folder}. Make it with `llmapps index`.")
    try:
        connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        # WAL: readers are never blocked by the writer, and see whole transactions only.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        _require_schema(connection, folder, create=create)
    except sqlite3.DatabaseError as error:
        raise NotesIndexError(
            f"The index in {folder} cannot be opened ({error}). "
            "Make it anew with `llmapps index --rebuild`; your notes are not touched."
        ) from error
    return connection


def _require_schema(connection: sqlite3.Connection, folder: Path, *, create: bool) -> None:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found == SCHEMA_VERSION:
        return
    if found > SCHEMA_VERSION:
        raise NotesIndexError(
            f"The index in {folder} was made by a newer llmapps (format {found}, this one knows {SCHEMA_VERSION}). "
            "Update llmapps, or make the index anew with `llmapps index --rebuild`."
        )
    if not create:
        raise NotesIndexError(f"The index in {folder} is not finished. Run `llmapps index`.")
    connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")


def remove_database(folder: Path) -> None:
    """Delete the index's own files, and nothing else that may lie in the folder."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        (folder / f"{FILE_NAME}{suffix}").unlink(missing_ok=True)
