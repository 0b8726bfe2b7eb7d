"""The tables of the index, and how its file is opened, made, and made anew."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import quote

from llmapps.errors import NotesIndexError
from llmapps.rag.index.faults import MAKE_ANEW, index_faults, is_damage, is_unopened

FILE_NAME = "index.sqlite"
SCHEMA_VERSION = 2

_BUSY_S = 30.0  # how long SQLite waits for a lock; our own writers never wait, they hold the lock of `lock`

# chunks.number is never used twice (AUTOINCREMENT): a reader that holds a number of a removed chunk finds nothing,
# not another chunk. chunks.key names the vector by what was embedded and by which model, so that a renamed or repeated
# text is embedded once; its rows are too long for WITHOUT ROWID (measured: twice the size, five times slower to read).
# chunks_fts reads its text from chunks ("external content"); the triggers keep the two in step inside one transaction.
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE documents (
    path TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL,
    checked_ns INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    version TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('indexed', 'empty', 'failed')),
    reason TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE chunks (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL REFERENCES documents (path),
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
INSERT OR REPLACE INTO meta VALUES ('generation', lower(hex(randomblob(8)))), ('unfinished', '1');
"""

# Without the vectors, which are worth keeping: they are named by their content, whatever the tables around them are.
_DROP_ALL_BUT_VECTORS = """
DROP TABLE IF EXISTS chunks_fts;
DROP TABLE IF EXISTS chunks;
DROP TABLE IF EXISTS documents;
"""
_DROP_VECTORS = """
DROP TABLE IF EXISTS vectors;
DROP TABLE IF EXISTS meta;
"""


def open_to_read(folder: Path) -> sqlite3.Connection:
    """A connection that cannot write, to the index in `folder`, also when that lies on a medium that cannot be written.

    Raises:
        NotesIndexError: there is no finished index of this version, or the file is no sound database.
    """
    path = folder / FILE_NAME
    with index_faults(folder):
        if not path.is_file():
            raise NotesIndexError(f"There is no index in {folder}. Make it with `llmapps index`.")
        connection = _connect(path, "mode=ro")
        try:
            found = _version(connection)
        except sqlite3.Error as error:
            connection.close()
            if not (is_unopened(error) and _holds_all(path)):
                raise
            # SQLite wants to make its files of shared memory beside the database, and must not: do without.
            connection = _connect(path, "immutable=1")
            found = _version(connection)
    if found != SCHEMA_VERSION:
        connection.close()
        _refuse_newer(folder, found)
        raise NotesIndexError(f"The index in {folder} is not finished. Run `llmapps index`.")
    return connection


def open_to_write(folder: Path) -> sqlite3.Connection:
    """A connection to the index in `folder`, in autocommit mode (transactions are explicit); made if it is not there.

    The tables of an older version are made anew, and filled from the notes by the next sync; vectors are kept.

    Raises:
        NotesIndexError: it cannot be written, is no sound database, or a newer version of llmapps made it.
    """
    with index_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
        connection = _connect(folder / FILE_NAME, "mode=rwc")
        try:
            # WAL: readers are never blocked by the writer, and see whole transactions only.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            found = _version(connection)
            _refuse_newer(folder, found)
            if found < SCHEMA_VERSION:
                _make_tables(connection, _DROP_ALL_BUT_VECTORS)
            connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            connection.close()
            raise
    return connection


def open_anew(folder: Path) -> sqlite3.Connection:
    """Like `open_to_write`, with everything forgotten that the index held.

    It is emptied in place, as others may be reading it; only a file that is damaged, or of a newer version, is deleted.
    """
    with index_faults(folder):
        if (folder / FILE_NAME).is_dir():
            raise NotesIndexError(
                f"{folder / FILE_NAME} is a folder where the index should be. Delete it, and try again."
            )
        try:
            return _open_emptied(folder)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if not is_damage(error):
                raise
        _remove_database(folder)
        return open_to_write(folder)


def _open_emptied(folder: Path) -> sqlite3.Connection:
    if not _is_sound(folder / FILE_NAME):
        _remove_database(folder)
    connection = open_to_write(folder)
    try:
        _make_tables(connection, _DROP_ALL_BUT_VECTORS + _DROP_VECTORS)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: Path, how: str) -> sqlite3.Connection:
    posix = path.absolute().as_posix()
    # A drive needs a slash before it, a network path keeps its two.
    url = "file://" + quote(posix if posix.startswith("/") else f"/{posix}", safe="/:") + f"?{how}"
    return sqlite3.connect(url, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)


def _version(connection: sqlite3.Connection) -> int:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    return int(found)


def _holds_all(path: Path) -> bool:
    """Whether everything that was committed is in the file itself, nothing in the log beside it."""
    log = path.with_name(f"{path.name}-wal")
    return not log.exists() or log.stat().st_size == 0


def _refuse_newer(folder: Path, found: int) -> None:
    if found > SCHEMA_VERSION:
        raise NotesIndexError(
            f"The index in {folder} was made by a newer llmapps (format {found}, this one knows {SCHEMA_VERSION}). "
            f"Update llmapps. Or: {MAKE_ANEW}"
        )


def _make_tables(connection: sqlite3.Connection, drop: str) -> None:
    connection.executescript(
        f"PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE; {drop} {_TABLES} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        "PRAGMA foreign_keys = ON;"
    )


def _is_sound(path: Path) -> bool:
    """Whether the file is a sound database of this version or an older one, or is not there."""
    if not path.is_file():
        return True
    connection = _connect(path, "mode=rw")
    try:
        sound = connection.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]
        return sound and _version(connection) <= SCHEMA_VERSION
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        if is_damage(error):
            return False
        raise
    finally:
        connection.close()


def _remove_database(folder: Path) -> None:
    # The log first: beside a new database, SQLite would take an old log for its own.
    for suffix in ("-wal", "-shm", "-journal", ""):
        (folder / f"{FILE_NAME}{suffix}").unlink(missing_ok=True)
