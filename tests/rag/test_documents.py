"""`place_of`: the place of any stretch of a document's text."""

from __future__ import annotations

import pytest

from llmapps.rag.documents import LineMark, LoadedDocument, Section, place_of
from llmapps.types import Place

#        0         1         2
#        0123456789012345678901234567
TEXT = "T\nfirst one\n\nsecond\nthird two"
SECTIONS = (
    Section(0, 1, Place(heading=("T",), cell=1), body=1),
    Section(2, 11, Place(heading=("T", "A"), cell=1)),
    Section(13, 29, Place(heading=("T", "B"), cell=2)),
)
MARKS = (LineMark(0, 1), LineMark(2, 2), LineMark(12, 0), LineMark(13, 1), LineMark(20, 2))
DOCUMENT = LoadedDocument(TEXT, SECTIONS, MARKS, "t")


@pytest.mark.parametrize(
    ("start", "end", "place"),
    [
        (2, 7, "T > A, cell 1, line 2"),
        (0, 1, "T, cell 1, line 1"),
        (0, 11, "T > A, cell 1, lines 1-2"),
        (13, 29, "T > B, cell 2, lines 1-2"),
        (20, 22, "T > B, cell 2, line 2"),
        (2, 29, "T, cell 2, lines 1-2"),
        (0, 29, "T, cell 2, lines 1-2"),
        (11, 13, "T > A, cell 1, line 2"),
    ],
)
def test_place_of(start: int, end: int, place: str) -> None:
    assert str(place_of(DOCUMENT, start, end)) == place


def test_without_marks_there_are_no_lines() -> None:
    assert place_of(LoadedDocument(TEXT, SECTIONS, (), "t"), 2, 7) == Place(heading=("T", "A"), cell=1)


def test_an_empty_document_has_an_empty_place() -> None:
    assert place_of(LoadedDocument("", (), (), "t"), 0, 0) == Place()
