"""What the index records of documents and chunks, and how content names them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from llmapps.errors import NotesIndexError
from llmapps.rag.index.faults import MAKE_ANEW
from llmapps.types import Place

if TYPE_CHECKING:
    from llmapps.rag.splitting import Chunk

DocumentStatus = Literal["indexed", "empty", "failed"]


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """What the index knows of a file.

    Attributes:
        path: below the notes' folder, with forward slashes.
        ctime_ns: when the file's content or its permissions last changed (on Windows: when it was made).
        checked_ns: when it was read; a file changed less than two seconds before that may change again unnoticed.
        sha256: of its content; "" if it could not be read.
        version: of the loader and the splitter that read it.
        reason: why it failed, else "".
    """

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    checked_ns: int
    sha256: str
    version: str
    status: DocumentStatus
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk as the index holds it; `number` is its row."""

    number: int
    id: str
    path: str
    ordinal: int
    context: str
    text: str
    start: int
    end: int
    place: Place


def embedded_text(chunk: Chunk) -> str:
    """What is embedded for a chunk: its title and headings, then its text."""
    return f"{chunk.context}\n{chunk.text}" if chunk.context else chunk.text


def vector_key(identity: str, text: str) -> str:
    """The name of a vector: by the embedding's identity and the text."""
    return hashlib.sha256(f"{identity}\0{text}".encode()).hexdigest()[:32]


def chunk_id(path: str, chunk: Chunk) -> str:
    """The name of a chunk: by its document, its position and its content."""
    return hashlib.sha256(f"{path}\0{chunk.ordinal}\0{embedded_text(chunk)}".encode()).hexdigest()[:32]


def place_to_json(place: Place) -> str:
    """A place as the index stores it."""
    return json.dumps({name: value for name, value in asdict(place).items() if value}, ensure_ascii=False)


def parse_place(text: str) -> Place:
    """The inverse of `place_to_json`."""
    try:
        parts = json.loads(text)
    except ValueError as error:
        raise NotesIndexError(f"The index is damaged (a place that is none: {text[:40]!r}). {MAKE_ANEW}") from error
    for name in ("heading", "lines"):
        if name in parts:
            parts[name] = tuple(parts[name])
    return Place(**parts)
