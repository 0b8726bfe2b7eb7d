"""What can go wrong outside of us: a source that fails, a disk that is full, a folder that cannot be written."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from llmapps.errors import WeightsError
from llmapps.models.downloads.progress import format_size

DISK_FULL = {errno.ENOSPC, errno.EFBIG} | ({errno.EDQUOT} if hasattr(errno, "EDQUOT") else set())
"""No space, a limit on the size of a file, a user's quota."""


class SourceFailed(Exception):  # noqa: N818 - it ends one source, not the download
    """One source cannot give the file; the next one is tried. The text is a clause, such as "pip: no such version"."""


def room_error(file: str, needed_bytes: int, free_bytes: int, folder: Path, cause: str = "") -> WeightsError:
    """The error for a disk without enough room; `cause` is the system's own word, which may be a limit or a quota."""
    because = f" ({cause})" if cause else ""
    return WeightsError(
        f"There is no room for {file}{because}: {format_size(needed_bytes)} ({needed_bytes} bytes) are needed and "
        f"{format_size(free_bytes)} ({free_bytes} bytes) are free in {folder}. Free some space, or set LLMAPPS_HOME to "
        "a folder on another disk; what was fetched so far is kept."
    )


@contextmanager
def disk_failures_explained(
    file: str, folder: Path, missing_bytes: Callable[[], int], free_bytes: Callable[[Path], int]
) -> Iterator[None]:
    """Turns an `OSError` inside the block into a `WeightsError` that says what to do.

    Args:
        file: the file that is being fetched.
        folder: where it is being written.
        missing_bytes: how much of it is still missing when the error comes.
        free_bytes: how much room a folder's disk has.
    """
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise room_error(file, missing_bytes(), free_bytes(folder), folder, error.strerror or "") from error
        raise WeightsError(
            f"{file} cannot be written to {folder}: {error}. Make the folder writable, or set LLMAPPS_HOME to another."
        ) from error
