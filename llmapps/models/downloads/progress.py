"""What a download tells whoever watches it; how it looks is `llmapps.cli.progress`."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from llmapps.models.catalog import Weights


class DownloadProgress(Protocol):
    """Watches a download. Calls come from one thread, in the order announce, then advance and note, then finish."""

    def announce(self, weights: Weights, folder: Path, free_bytes: int) -> None:
        """Something will be fetched: `weights.files` are the files that are missing. May raise, to call it off."""

    def advance(self, done_bytes: int, total_bytes: int) -> None:
        """So much of the missing files is here; `done_bytes` never falls."""

    def note(self, text: str) -> None:
        """A sentence that the user should read."""

    def finish(self) -> None:
        """The download is over, also when it failed."""


class SilentDownload:
    """Nobody watches."""

    def announce(self, weights: Weights, folder: Path, free_bytes: int) -> None:
        """Nothing is shown."""

    def advance(self, done_bytes: int, total_bytes: int) -> None:
        """Nothing is shown."""

    def note(self, text: str) -> None:
        """Nothing is shown."""

    def finish(self) -> None:
        """Nothing is shown."""


class Meter:
    """Turns bytes of the one file that is being fetched into bytes of all the files; never goes back."""

    def __init__(self, progress: DownloadProgress, before_bytes: int, total_bytes: int) -> None:
        self.progress = progress
        self._before = before_bytes
        self._done = before_bytes
        self._total = total_bytes

    def at(self, file_bytes: int) -> None:
        """The file has so many bytes by now."""
        self._done = max(self._done, self._before + file_bytes)
        self.progress.advance(self._done, self._total)


def format_size(size: int) -> str:
    """Bytes for people, in decimal units as disks are sold.

    >>> format_size(1_117_320_768), format_size(22_928_619), format_size(800)
    ('1.12 GB', '22.9 MB', '800 bytes')
    """
    if size < 1000:
        return f"{size} bytes"
    for unit_bytes, unit in ((1000, "kB"), (1000**2, "MB")):
        if size < 1000 * unit_bytes:
            return f"{size / unit_bytes:.1f} {unit}"
    return f"{size / 1000**3:.2f} GB"
