"""A file that arrives from its start to its end, and that an interrupted download can go on with.

Whatever the source, the bytes are appended to one file, so that the disk needs room for it only once. A journal beside
it notes, at each checkpoint, how long the file is and the sha256 of everything up to there. The next run reads the file
once, believes it up to the last checkpoint that fits, and cuts off the rest: neither a killed process nor a power cut
can leave bytes in it that nobody checked. As the checksum grows with the file, none is needed at the end.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from types import TracebackType

BLOCK_BYTES = 1 << 20


def unfinished_path(folder: Path, file: str) -> Path:
    """Where a file grows: on the same disk as the weights folder, so that putting it into place is renaming it."""
    return folder / ".fetching" / file


def journal_path(unfinished: Path) -> Path:
    """Where the journal of a growing file lies."""
    return unfinished.with_name(unfinished.name + ".journal")


class PartialFile:
    """The beginning of a file; `size` bytes of it are here."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._journal = journal_path(path)
        path.touch()
        # Unbuffered: after a full disk there must be nothing left to flush.
        self._file = path.open("r+b", buffering=0)
        self._checkpoint = self._go_to(*_trusted_start(path, self._journal))

    def __enter__(self) -> PartialFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def sha256(self) -> str:
        """Of the bytes that are here."""
        return self._digest.hexdigest()

    def append(self, data: bytes) -> None:
        """Adds bytes at the end; they count for the next run once there was a checkpoint."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._digest.update(data)
        self.size += len(data)

    def checkpoint(self) -> None:
        """Everything up to here is good."""
        if self.size == self._checkpoint[0]:
            return
        with self._journal.open("a", encoding="utf-8") as journal:
            journal.write(json.dumps({"size": self.size, "sha256": self.sha256}) + "\n")
        self._checkpoint = (self.size, self._digest.copy())

    def rewind(self) -> None:
        """Forgets what came after the last checkpoint."""
        size, digest = self._checkpoint
        self._checkpoint = self._go_to(size, digest)

    def discard(self) -> None:
        """Forgets everything."""
        self._journal.unlink(missing_ok=True)
        self._checkpoint = self._go_to(0, hashlib.sha256())

    def move_to(self, target: Path) -> None:
        """Puts the finished file in its place, all at once, and closes it."""
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self.path, target)  # noqa: PTH105 - atomic, and overwrites on Windows too
        self._journal.unlink(missing_ok=True)

    def _go_to(self, size: int, digest: hashlib._Hash) -> tuple[int, hashlib._Hash]:
        """Cuts the file off there; returns the new checkpoint."""
        self._file.truncate(size)
        self._file.seek(size)
        self.size, self._digest = size, digest.copy()
        return size, digest


def _trusted_start(path: Path, journal: Path) -> tuple[int, hashlib._Hash]:
    """The length up to which the file is what the journal says it was, and the checksum of that much."""
    checkpoints = _read_journal(journal)
    trusted = (0, hashlib.sha256())
    digest = hashlib.sha256()
    at = 0
    with path.open("rb") as file:
        for size in sorted(checkpoints):
            while at < size and (block := file.read(min(BLOCK_BYTES, size - at))):
                digest.update(block)
                at += len(block)
            if at < size or digest.hexdigest() != checkpoints[size]:
                break
            trusted = (size, digest.copy())
    return trusted


def _read_journal(journal: Path) -> dict[int, str]:
    """The sha256 up to each checkpoint; lines that were cut off by a crash are left out."""
    checkpoints: dict[int, str] = {}
    if journal.is_file():
        for line in journal.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                entry = json.loads(line)
                checkpoints[int(entry["size"])] = str(entry["sha256"])
            except (ValueError, KeyError, TypeError):
                continue
    return checkpoints
