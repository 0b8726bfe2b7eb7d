"""What a sync is told, tells while it works, and reports at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol


class SyncProgress(Protocol):
    """What is told while an index is made; amounts are bytes of the documents to read."""

    def begin(self, total: int) -> None:
        """There is work to do, of this many bytes."""

    def advance(self, amount: float) -> None:
        """Some of it is done."""

    def end(self) -> None:
        """All of it is done."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A document that could not be read, and why."""

    path: str
    reason: str


@dataclass(slots=True)
class SyncReport:
    """What a sync found and did. Added, changed, unchanged, empty and failed add up to the documents seen.

    Attributes:
        chunks: in the index now; embedded: how many texts were embedded in this run.
        empty_paths: of the documents that hold no text.
        skipped: files of formats that are not read.
        warnings: sentences about what is not as it should be, though nothing is missing from the index.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    empty: int = 0
    empty_paths: list[str] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    chunks: int = 0
    embedded: int = 0
    skipped: int = 0
    warnings: list[str] = field(default_factory=list)

    @property
    def is_usable(self) -> bool:
        """Whether at least one document is indexed."""
        return self.added + self.changed + self.unchanged > 0

    def to_dict(self) -> dict[str, Any]:
        """The object that `llmapps index --json` prints."""
        return {
            "added": self.added,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "removed": self.removed,
            "empty": self.empty,
            "empty_paths": list(self.empty_paths),
            "failed": [{"path": failure.path, "reason": failure.reason} for failure in self.failed],
            "chunks": self.chunks,
            "embedded": self.embedded,
            "skipped": self.skipped,
        }


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """How to sync.

    Attributes:
        rebuild: from nothing, also with another embedding.
        wait: for another writer.
        chroma: make Chroma from the index too. That takes a second or two, mostly to load Chroma; without it, Chroma is
            stale until a sync that makes it, and search is exact.
        progress, on_wait: whom to tell.
    """

    rebuild: bool = False
    chroma: bool = True
    wait: bool = True
    progress: SyncProgress | None = None
    on_wait: Callable[[str], None] | None = None
