"""What can go wrong with the files of an index, as errors that a person can act on."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llmapps.errors import NotesIndexError

# SQLITE_ERROR: tables that are not there, or a full-text index that cannot be opened; our statements are right.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR}
_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
_CLOSED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
_HELD = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
MAKE_ANEW = "Make it anew with `llmapps index --rebuild` and the --notes that you named, if any; they are not touched."
"""What to do about a damaged index. Its folder does not tell which notes it is of."""

_NO_ROOM = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


@contextmanager
def index_faults(folder: Path) -> Iterator[None]:
    """Within it, errors of SQLite and of the file system become `NotesIndexError`; `folder` is the index's."""
    try:
        yield
    except UnicodeDecodeError as error:  # of SQLite's own message about a damaged table
        raise NotesIndexError(f"The index in {folder} is damaged. {MAKE_ANEW}") from error
    except (sqlite3.Error, OSError) as error:
        raise NotesIndexError(f"The index in {folder} {_what_and_what_next(folder, error)}") from error


def is_damage(error: BaseException | None) -> bool:
    """Whether this is SQLite saying that a file is no sound database, or not one of ours."""
    return isinstance(error, UnicodeDecodeError) or (
        isinstance(error, sqlite3.Error) and _primary_code(error) in _DAMAGED
    )


def is_unopened(error: sqlite3.Error) -> bool:
    """Whether this is SQLite saying that a file, or one it needs beside it, cannot be opened or made."""
    return _primary_code(error) in _CLOSED


def _what_and_what_next(folder: Path, error: sqlite3.Error | OSError) -> str:
    if isinstance(error, OSError):
        why = error.strerror or str(error)
        if error.errno in _NO_ROOM:
            return f"cannot be written ({why}): {_free_space(folder)}."
        return f"cannot be written ({why}): check that the folder may be written to."
    code = _primary_code(error)
    if code in _FULL:
        return f"cannot be written or read ({error}): {_free_space(folder)}, and check the disk."
    if code in _CLOSED:
        return f"cannot be opened or written ({error}): check that the folder and its files may be written to."
    if code in _HELD:
        return f"is held by another program ({error}): close what has it open, such as a database browser."
    what = "is damaged" if is_damage(error) else "cannot be used"
    return f"{what} ({error}). {MAKE_ANEW}"


def _primary_code(error: sqlite3.Error) -> int:
    """SQLite's error code without its details; 0 where Python raised the error itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _free_space(folder: Path) -> str:
    try:
        return f"free disk space ({shutil.disk_usage(folder).free / 1e6:,.0f} MB are free there)"
    except OSError:
        return "free disk space"
