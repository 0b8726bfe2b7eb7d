"""One downloader of a file at a time, across processes; the others wait and find the file there."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock

POLL_S = 0.3


@contextlib.contextmanager
def one_downloader(
    unfinished: Path, on_wait: Callable[[str], None], while_waiting: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Holds the lock of a file during the block.

    Args:
        unfinished: where the file grows; the lock lies beside it.
        on_wait: told once who holds the lock, such as "process 4711 on fox", when somebody does. May raise, not to
            wait.
        while_waiting: called about three times a second until the lock is free.
    """
    from filelock import FileLock, Timeout

    unfinished.parent.mkdir(parents=True, exist_ok=True)
    # The operating system frees the lock when its holder dies, so that none is ever left behind.
    lock = FileLock(unfinished.with_name(unfinished.name + ".lock"))
    # A file of its own: on Windows nobody else can read a locked one.
    owner = unfinished.with_name(unfinished.name + ".owner")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        on_wait(_read_owner(owner))
        _acquire_patiently(lock, while_waiting)
    try:
        owner.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _read_owner(owner: Path) -> str:
    try:
        return owner.read_text(encoding="utf-8") or "another process"
    except OSError:
        return "another process"


def _acquire_patiently(lock: BaseFileLock, while_waiting: Callable[[], None]) -> None:
    from filelock import Timeout

    while True:
        try:
            lock.acquire(timeout=POLL_S)
        except Timeout:
            while_waiting()
        else:
            return
