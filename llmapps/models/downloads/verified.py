"""Whether a file of weights is the right one, told by its checksum once and by a stamp ever after.

The stamp is a small file `<file>.verified` that holds the sha256 and, of the file that had it, the size and the time of
change. As long as those two fit, nothing is read: hashing a gigabyte at every start would cost seconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

from llmapps.models.catalog import WeightFile


def stamp_path(path: Path) -> Path:
    """Where the stamp of a file lies."""
    return path.with_name(path.name + ".verified")


def find_fault(path: Path, file: WeightFile) -> str | None:
    """What is wrong with the file at `path`, as a clause; None when it is the right one, and then it has its stamp.

    Args:
        path: must exist.
        file: what it should be; without a sha256 only the size counts.
    """
    size = path.stat().st_size
    if size != file.size:
        return f"it has {size} bytes instead of {file.size}"
    if is_stamped(path, file):
        return None
    with path.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    if file.sha256 and sha256 != file.sha256:
        return f"its sha256 is {sha256} instead of {file.sha256}"
    write_stamp(path, sha256)
    return None


def is_stamped(path: Path, file: WeightFile) -> bool:
    """Whether the file has a stamp that fits both it and the checksum asked for."""
    try:
        stamp = json.loads(stamp_path(path).read_text(encoding="utf-8"))
        sha256 = stamp["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return sha256 == (file.sha256 or sha256) and bool(stamp == _stamp(path, sha256))


def write_stamp(path: Path, sha256: str) -> None:
    """Notes that the file, as it is now, has this checksum."""
    # A folder that cannot be written, such as one shared by a class, costs a hash at each start and nothing else.
    with contextlib.suppress(OSError):
        stamp_path(path).write_text(json.dumps(_stamp(path, sha256)), encoding="utf-8")


def _stamp(path: Path, sha256: str) -> dict[str, Any]:
    status = path.stat()
    return {"sha256": sha256, "size": status.st_size, "mtime_ns": status.st_mtime_ns}
