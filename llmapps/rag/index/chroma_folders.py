"""The folders that Chroma lies in: one for each generation of the index, and what makes one count.

`chroma/<generation>/` comes into being by one renaming, when it is finished and checked, with its marker
`complete.json` in it. Chroma's own files in it are never changed by us again; opening it, even to read, makes Chroma
add a row to its `chroma.sqlite3`, which is why that file has no checksum.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import time
import uuid
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = "chroma"
_MARKER, _FAILED, _BUILDING = "complete.json", "failed.json", ".building"
_CHROMA_DATABASE = "chroma.sqlite3"
_CHROMA_INDEX = "index_metadata.pickle"  # there when Chroma has written its graph of vectors to disk (1,000 or more)
_FAILURE_LASTS_S = 86_400


@dataclass(frozen=True, slots=True)
class Marker:
    """What is known of a finished folder.

    Attributes:
        chunks: how many it holds.
        drift: how many chunks were added to and removed from it since it was made from nothing.
        checksums: CRC-32 of the files of the graph, by path; a damaged graph can end the process that opens it.
    """

    chunks: int
    drift: int
    checksums: dict[str, int]


def chroma_folder(index: Path, generation: str) -> Path:
    """Where the Chroma of a generation lies."""
    return index / FOLDER / generation


def new_building_folder(index: Path, generation: str) -> Path:
    """A name that nobody else builds under, also not the child of a writer that was killed."""
    return index / FOLDER / f"{generation}-{uuid.uuid4().hex[:8]}{_BUILDING}"


def complete_folders(index: Path) -> list[Path]:
    """The finished ones, newest first."""
    markers = [path for path in (index / FOLDER).glob(f"*/{_MARKER}") if path.parent.suffix != _BUILDING]
    return [path.parent for path in sorted(markers, key=lambda path: path.stat().st_mtime_ns, reverse=True)]


def write_marker(folder: Path, *, chunks: int, drift: int) -> None:
    """Say that the Chroma in `folder` is finished and was checked."""
    marker = Marker(chunks, drift, _checksums(folder))
    (folder / _MARKER).write_text(json.dumps(asdict(marker)), encoding="utf-8")


def read_marker(folder: Path) -> Marker | None:
    """The marker of a finished folder, else None."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        return Marker(**json.loads((folder / _MARKER).read_text(encoding="utf-8")))
    return None


def is_intact(folder: Path) -> bool:
    """Whether the folder is finished and its files hold what they held then (1 s for each 1 to 2 GB)."""
    marker = read_marker(folder)
    try:
        return marker is not None and _checksums(folder) == marker.checksums and _is_sound(folder / _CHROMA_DATABASE)
    except OSError:
        return False


def _checksums(folder: Path) -> dict[str, int]:
    """Of the files of graphs that are on disk; of smaller ones Chroma makes new files whenever it opens the folder."""
    graphs = [path.parent for path in folder.glob(f"*/{_CHROMA_INDEX}")]
    return {
        path.relative_to(folder).as_posix(): _checksum(path) for graph in graphs for path in sorted(graph.iterdir())
    }


def _checksum(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            value = zlib.crc32(block, value)
    return value


def _is_sound(database: Path) -> bool:
    if not database.is_file():
        return False
    connection = sqlite3.connect(database, timeout=5)
    try:
        return bool(connection.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)])
    except sqlite3.DatabaseError:
        return False
    finally:
        connection.close()


def remove_others(index: Path, keep: Path | None = None) -> None:
    """Delete everything but `keep`. On Windows a folder that a reader has open stays, until the next time."""
    with contextlib.suppress(OSError):
        for path in (index / FOLDER).iterdir():
            if path == keep:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def record_failure(index: Path, generation: str, reason: str) -> None:
    """Remember that Chroma cannot be made for this generation."""
    record = {"generation": generation, "reason": reason, "at": time.time()}
    with contextlib.suppress(OSError):
        (index / FOLDER).mkdir(exist_ok=True)
        (index / FOLDER / _FAILED).write_text(json.dumps(record), encoding="utf-8")


def has_failed(index: Path, generation: str) -> bool:
    """Whether Chroma could not be made for this generation, within the last day: trying at each question is no help."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        record = json.loads((index / FOLDER / _FAILED).read_text(encoding="utf-8"))
        return bool(record["generation"] == generation and 0 <= time.time() - record["at"] < _FAILURE_LASTS_S)
    return False
