"""Which documents a folder of notes holds."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from llmapps.errors import NotesError
from llmapps.project import Notes
from llmapps.rag.loading import SUFFIXES, can_load

# Folders that hold what programs made, not what a person wrote.
_SKIPPED_FOLDERS = {"__pycache__", "node_modules", "venv", "env"}


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A document on disk: its path below the notes' folder (forward slashes), and its stat."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Scan:
    """What a folder holds: documents in the order of their paths, and how many other files there are."""

    files: tuple[FoundFile, ...]
    other_files: int


def scan_notes(notes: Notes) -> Scan:
    """Every document of the notes. Hidden files and folders are left out; links to folders are not followed.

    Raises:
        NotesError: there is no document; names the formats that can be read.
    """
    if notes.path.is_file():
        candidates = [notes.path] if can_load(notes.path) else []
        others = 0 if candidates else 1
    else:
        everything = _walk(notes.path)
        candidates = [path for path in everything if can_load(path)]
        others = len(everything) - len(candidates)
    if not candidates:
        formats = " ".join(sorted(SUFFIXES))
        also = f" ({others} other files are there)" if others else ""
        raise NotesError(
            f'"{notes.path}" holds no document that can be read{also}. '
            f"Put notes there; these formats are read: {formats}."
        )
    return Scan(tuple(_found(path, notes.folder) for path in candidates), others)


def _walk(folder: Path) -> list[Path]:
    paths = []
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED_FOLDERS)
        paths += [Path(root, name) for name in sorted(files) if not name.startswith((".", "~$"))]
    return paths


def _found(path: Path, folder: Path) -> FoundFile:
    relative = path.relative_to(folder).as_posix()
    try:
        stat = path.stat()
    except OSError:  # a dangling link, or deleted meanwhile: reading it will say so
        return FoundFile(relative, 0, 0)
    return FoundFile(relative, stat.st_size, stat.st_mtime_ns)
