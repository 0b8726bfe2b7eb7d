"""One writer at a time: an operating-system lock beside the index, and a note that says who holds it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from llmapps.errors import IndexBusyError
from llmapps.rag.index.faults import index_faults

if TYPE_CHECKING:
    from filelock import FileLock

_LOCK_FILE, _OWNER_FILE = "write.lock", "writer.json"


@contextmanager
def writing(folder: Path, *, wait: bool, on_wait: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the right to write the index in `folder`. The system frees the lock when its holder dies.

    Args:
        folder: of the index; made if it is not there.
        wait: whether to wait for another writer.
        on_wait: called once with a sentence that says who is writing.

    Raises:
        IndexBusyError: somebody else is writing, and `wait` is False.
        NotesIndexError: the folder cannot be written.
    """
    from filelock import FileLock

    with index_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / _LOCK_FILE)
    if not _take(lock, folder, timeout_s=0):
        owner = describe_writer(folder)
        if not wait:
            raise IndexBusyError(f"{owner} Try again when it has finished, or leave out --no-wait to wait for it.")
        if on_wait:
            on_wait(f"{owner} Waiting for it to finish.")
        _take(lock, folder, timeout_s=-1)
    try:
        _write_owner(folder)
        yield
    finally:
        with contextlib.suppress(OSError):
            (folder / _OWNER_FILE).unlink(missing_ok=True)
        lock.release()


def _take(lock: FileLock, folder: Path, timeout_s: float) -> bool:
    """Whether the lock was taken in time; -1: however long that takes."""
    from filelock import Timeout

    with index_faults(folder):
        try:
            lock.acquire(timeout=timeout_s)
        except Timeout:
            return False
    return True


def describe_writer(folder: Path) -> str:
    """A sentence about who is writing the index now."""
    # The owner writes its note a moment after it took the lock.
    for _ in range(10):
        try:
            owner = json.loads((folder / _OWNER_FILE).read_text(encoding="utf-8"))
            return f"The index is being written by process {owner['pid']} on {owner['host']} (since {owner['since']})."
        except (OSError, ValueError, KeyError, TypeError):
            time.sleep(0.02)
    return f"The index in {folder} is being written by another process."


def _write_owner(folder: Path) -> None:
    owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%H:%M:%S")}
    with contextlib.suppress(OSError):  # the note only serves a message
        (folder / _OWNER_FILE).write_text(json.dumps(owner), encoding="utf-8")
