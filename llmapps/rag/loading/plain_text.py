"""Plain text: one section, with the file's own lines."""

from __future__ import annotations

from llmapps.rag.documents import LoadedDocument, marks_of_lines
from llmapps.rag.loading.cleaning import clean
from llmapps.rag.loading.decoding import decode
from llmapps.rag.loading.headings import SectionBuilder
from llmapps.types import Place

VERSION = 1


def load(data: bytes, title: str) -> LoadedDocument:
    """The text as it stands, without invisible characters."""
    text = clean(decode(data))
    builder = SectionBuilder()
    builder.add(text, [], (0, len(text)), Place(), "wrapped")
    return LoadedDocument(text, tuple(builder.sections), tuple(marks_of_lines(text)), title)
