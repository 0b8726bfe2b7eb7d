"""A loaded document in, chunks out: pieces small enough to embed and to show, whole enough to be understood alone.

A section that fits is one chunk. Sections too small to mean anything (a bare heading, an import cell) join a neighbour
they belong to (`section_groups`); longer ones are cut at the best boundary that semantic-text-splitter finds: blocks,
so that tables and code stay whole where they fit, then lines, then sentences (`chunk_size`). A chunk is always the
document's own text at [start:end], so a quote from it can be shown where it stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from llmapps.errors import DocumentError
from llmapps.rag.chunk_size import ChunkSize
from llmapps.rag.documents import LoadedDocument, place_of
from llmapps.rag.loading.headings import trimmed
from llmapps.rag.section_groups import Group, group_sections
from llmapps.types import HEADING_SEPARATOR, Place

SPLITTER_VERSION = 1
"""Grows when the same document would be split differently."""

MAX_CHUNKS = 50_000
_MAX_CONTEXT_CHARACTERS = 240


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document that is indexed: `text` is the document's text at [start:end].

    Attributes:
        ordinal: its number in the document, from 0.
        context: the document's title and the headings above the chunk, to be put before the text when it is embedded
            and full-text indexed; not part of the text.
    """

    ordinal: int
    text: str
    start: int
    end: int
    place: Place
    context: str


def split_document(
    document: LoadedDocument, *, max_tokens: int = 180, tokenizer_path: Path | None = None
) -> list[Chunk]:
    """The document's chunks, in order, without overlap; together they hold every word of it.

    Args:
        document: as a loader made it.
        max_tokens: of a chunk; one that keeps a section whole or takes in a short neighbour may have a quarter more,
            and the headings right above a text come on top.
        tokenizer_path: the `tokenizer.json` of the embedding model; None: a token is counted as 4 characters.

    Raises:
        DocumentError: there would be more than `MAX_CHUNKS`.
    """
    size = ChunkSize(max_tokens, str(tokenizer_path) if tokenizer_path else None)
    texts = [document.text[section.start : section.end] for section in document.sections]
    chunks: list[Chunk] = []
    for group in group_sections(document.sections, size.count(texts), size):
        for start, end in _spans_of(document.text, group, size):
            text = document.text[start:end]
            if re.search(r"[^\W_]", text):  # a rule or a row of dots says nothing
                place = place_of(document, start, end)
                chunks.append(Chunk(len(chunks), text, start, end, place, context_of(document.title, place)))
    if len(chunks) > MAX_CHUNKS:
        raise DocumentError(f"would make {len(chunks):,} chunks; {MAX_CHUNKS:,} is the limit: split it")
    return chunks


def context_of(title: str, place: Place) -> str:
    """The title and the headings, outermost first; a title that is also the first heading is not said twice.

    >>> context_of("GANs", Place(heading=("GANs", "Mode collapse")))
    'GANs > Mode collapse'
    """
    names = place.heading if place.heading[:1] == (title,) else (title, *place.heading)
    context = HEADING_SEPARATOR.join(names)
    if len(context) <= _MAX_CONTEXT_CHARACTERS:
        return context
    return "… " + context[-_MAX_CONTEXT_CHARACTERS:].partition(" ")[2]  # the innermost headings say most


def _spans_of(text: str, group: Group, size: ChunkSize) -> list[tuple[int, int]]:
    """The [start:end] of the group's chunks in the document's text."""
    if group.tokens <= size.stretched:
        return [(group.start, group.end)]
    pieces = size.cut(text[group.body : group.end], group.main.kind)
    spans = [trimmed(text, group.body + start, group.body + end) for start, end in pieces]
    if not spans:
        return [(group.start, group.end)]
    # The headings, left out of the cutting so that they cannot end up alone, go with the first piece.
    return [(group.start, spans[0][1]), *spans[1:]]
