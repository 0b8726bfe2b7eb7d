"""Which documents a folder of notes holds."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from llmapps.errors import NotesError
from llmapps.project import Notes
from llmapps.rag.index.report import Failure
from llmapps.rag.loading import SUFFIXES

# Folders that hold what programs made, not what a person wrote; so does a folder with the file below in it.
_SKIPPED_FOLDERS = {"__pycache__", "node_modules"}
_MARK_OF_VIRTUAL_ENVIRONMENTS = "pyvenv.cfg"


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A document on disk: its path below the notes' folder (forward slashes), and its stat."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(slots=True)
class Scan:
    """What a folder holds.

    Attributes:
        files: the documents, in the order of their paths.
        unreadable: documents and folders that are there and cannot even be looked at, each with the reason.
        other_files: how many files of other formats there are.
    """

    files: list[FoundFile] = field(default_factory=list)
    unreadable: list[Failure] = field(default_factory=list)
    other_files: int = 0


def scan_notes(notes: Notes) -> Scan:
    """Every document of the notes. Hidden files and folders are left out; links to folders are not followed.

    Raises:
        NotesError: there is no document; names the formats that can be read.
    """
    scan = Scan()
    if notes.path.is_file():
        _look_at(scan, notes.path.name, str(notes.path))
    else:
        for path, full_path in _walk(scan, str(notes.path)):
            _look_at(scan, path, full_path)
    scan.files.sort(key=lambda file: file.path)
    if not scan.files:
        raise NotesError(_no_document(notes, scan))
    return scan


def _walk(scan: Scan, root: str) -> Iterator[tuple[str, str]]:
    """Every file that is not hidden, as its path below the root and its full path."""
    folders = [("", root)]
    while folders:
        prefix, folder = folders.pop()
        try:
            with os.scandir(folder) as listing:
                entries = [entry for entry in listing if not entry.name.startswith((".", "~$"))]
        except OSError as error:
            scan.unreadable.append(_failure(prefix or "./", "cannot be opened", error))
            continue
        if prefix and any(entry.name == _MARK_OF_VIRTUAL_ENVIRONMENTS for entry in entries):
            continue
        for entry in entries:
            if entry.is_symlink() and _leads_out(entry.path, root):
                if not _is_folder(entry):
                    reason = "is a link that leads out of the notes: copy the file there instead"
                    scan.unreadable.append(Failure(prefix + entry.name, reason))
            elif not _is_folder(entry):
                yield prefix + entry.name, entry.path
            elif entry.name not in _SKIPPED_FOLDERS and not entry.is_symlink():
                folders.append((f"{prefix}{entry.name}/", entry.path))


def _leads_out(link: str, root: str) -> bool:
    """Whether a link leads out of the notes: a course from somebody else must not draw in what lies beside it."""
    try:
        target = Path(link).resolve()
        return target.exists() and not target.is_relative_to(Path(root).resolve())
    except (OSError, RuntimeError):  # links that lead to each other
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links that lead to each other
        return False


def _look_at(scan: Scan, path: str, full_path: str) -> None:
    """Put a file where it belongs. Strings and one stat, as this is done to every file at each question."""
    if "." not in path or path[path.rindex(".") :].lower() not in SUFFIXES:
        scan.other_files += 1
        return
    try:
        path.encode()
        found = os.stat(full_path)  # noqa: PTH116 - a Path each takes twice as long
    except UnicodeEncodeError:
        printable = path.encode(errors="replace").decode()
        scan.unreadable.append(Failure(printable, "has a name that is not valid Unicode: rename it"))
    except FileNotFoundError as error:
        if Path(full_path).is_symlink():  # else it was deleted a moment ago
            scan.unreadable.append(_failure(path, "is a link that leads nowhere", error))
    except OSError as error:
        scan.unreadable.append(_failure(path, "cannot be opened", error))
    else:
        if stat.S_ISREG(found.st_mode):
            scan.files.append(FoundFile(path, found.st_size, found.st_mtime_ns, found.st_ctime_ns))
        else:  # opening a pipe would wait for ever
            scan.unreadable.append(Failure(path, "is a pipe or a device, not a file: remove it"))


def _failure(path: str, what: str, error: OSError) -> Failure:
    return Failure(path, f"{what} ({error.strerror or error}): check its permissions, or remove it")


def _no_document(notes: Notes, scan: Scan) -> str:
    also = f" ({scan.other_files} files of other formats are there)" if scan.other_files else ""
    failed = "".join(f" {failure.path} {failure.reason}." for failure in scan.unreadable[:3])
    formats = " ".join(sorted(SUFFIXES))
    return (
        f'"{notes.path}" holds no document that can be read{also}.{failed} '
        f"Put notes there; these formats are read: {formats}."
    )
