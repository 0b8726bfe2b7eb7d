"""What a sync has to do: which files to read, which records hold as they are, which documents are gone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from llmapps.rag.index.records import DocumentRecord
from llmapps.rag.index.scan import FoundFile, Scan
from llmapps.rag.loading import loader_version
from llmapps.rag.splitting import SPLITTER_VERSION

CHUNK_TOKENS = 180
"""Size of a chunk: choice, measured in tests/benchmarks/search.py."""

_SETTLED_NS = 2_000_000_000  # file systems tell times as coarsely as two seconds (FAT)


@dataclass(slots=True)
class Plan:
    """Files to read, records that hold as they are, and paths of documents that are gone."""

    tasks: list[FoundFile] = field(default_factory=list)
    same: list[DocumentRecord] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)


def make_plan(scan: Scan, known: Mapping[str, DocumentRecord], folder: Path) -> Plan:
    """What is to be done to make records of what was `known` into records of what was found in `folder`."""
    plan = Plan(gone=set(known))
    for file in scan.files:
        record = known.get(file.path)
        plan.gone.discard(file.path)
        if record is not None and _is_same(file, record, folder):
            plan.same.append(record)
        else:
            plan.tasks.append(file)
    # What lies in a folder that cannot be opened now (a drive that is not there yet) is not gone.
    closed = tuple(failure.path for failure in scan.unreadable if failure.path.endswith("/"))
    plan.gone = {path for path in plan.gone if not path.startswith(closed)}
    return plan


def document_version(path: str) -> str:
    """What decides how a file becomes chunks; when it changes, the file is read again."""
    return _version_of_ending(path[path.rindex(".") :])


@lru_cache(maxsize=64)
def _version_of_ending(ending: str) -> str:
    return f"{loader_version(Path(f'any{ending}'))}/{SPLITTER_VERSION}/{CHUNK_TOKENS}"


def _is_same(file: FoundFile, record: DocumentRecord, folder: Path) -> bool:
    if (file.size, file.mtime_ns, file.ctime_ns) != (record.size, record.mtime_ns, record.ctime_ns):
        return False
    if record.version != document_version(file.path):
        return False
    if not record.sha256:  # it could not be opened; nothing in its stat would tell that now it can
        return not _can_be_opened(folder / file.path)
    return _changed_ns(record) < record.checked_ns - _SETTLED_NS


def _changed_ns(record: DocumentRecord) -> int:
    """When the file last changed. Nobody can set a ctime, as unpacking an archive sets the mtime; Windows has none.

    A file that changed just before it was read may have changed again just after, with the same times.
    """
    return record.mtime_ns if os.name == "nt" else record.ctime_ns


def _can_be_opened(path: Path) -> bool:
    try:
        path.open("rb").close()
    except OSError:
        return False
    return True
