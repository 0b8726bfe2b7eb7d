"""A loaded document: its text, and for every stretch of the text the place it came from.

Loaders make these values once; everything after (chunks, hits, quotes, citations) only asks `place_of` and never
guesses a place again.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from operator import attrgetter
from typing import Literal

from llmapps.types import Place

SectionKind = Literal["text", "wrapped", "markdown", "code", "row", "record"]
"""How a section may be split and joined.

text: at blank lines, lines, sentences. wrapped: text whose lines may end within a sentence, so at blank lines and
sentences. markdown: such text with lists, tables and blocks of code. code: at blank lines, then lines. row: of a table
of short values; several make a chunk. record: a row that holds prose, such as an entry of a glossary; always a chunk
of its own.
"""


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of the loaded text, [start:end], that shares a place: a heading path, a page, a cell, a row.

    Attributes:
        body: where the text below the section's own heading begins; `start` when it has no heading, `end` when it
            has nothing but a heading; -1 in the constructor means `start`.
    """

    start: int
    end: int
    place: Place
    kind: SectionKind = "text"
    body: int = -1

    def __post_init__(self) -> None:
        if self.body < 0:
            object.__setattr__(self, "body", self.start)

    @property
    def is_only_a_heading(self) -> bool:
        """Whether there is no text below the heading."""
        return self.start < self.body == self.end


@dataclass(frozen=True, slots=True)
class LineMark:
    """From `offset` of the loaded text on, the line in the source is `line`; 0: the text has no line of its own."""

    offset: int
    line: int


@dataclass(frozen=True, slots=True)
class LoadedDocument:
    """What a loader makes of a file.

    Attributes:
        text: all that is indexed; offsets everywhere else count its characters. "" when there is no text.
        sections: in order, without overlap, covering everything but blank space.
        line_marks: in order of their offsets; empty for formats without lines.
        title: of the document: its first main heading, its own title, or the file's name.
    """

    text: str
    sections: tuple[Section, ...]
    line_marks: tuple[LineMark, ...]
    title: str


def place_of(document: LoadedDocument, start: int, end: int) -> Place:
    """The place of the document's text [start:end].

    Where it runs over several sections, its heading is what all of them stand under, its page and cell are those that
    most of it comes from, and its lines are those of that page or cell: first and last line in the source.
    """
    sections = _sections_within(document.sections, start, end)
    if not sections:
        return Place()
    main = max(sections, key=lambda section: min(end, section.end) - max(start, section.start)).place
    # A bare heading above the text is the parent of the heading that the text stands under, not its equal.
    headed = [section.place.heading for section in sections if not section.is_only_a_heading]
    heading = _common_start(headed or [section.place.heading for section in sections])
    near = [section for section in sections if (section.place.page, section.place.cell) == (main.page, main.cell)]
    lines = _lines_within(document.line_marks, max(start, near[0].start), max(start + 1, min(end, near[-1].end)))
    return replace(main, heading=heading, lines=lines)


def marks_of_lines(text: str, *, at: int = 0, first_line: int = 1) -> list[LineMark]:
    r"""One mark for each line of a text that begins at offset `at` of the loaded text and at line `first_line`.

    >>> marks_of_lines("a\nb", at=10)
    [LineMark(offset=10, line=1), LineMark(offset=12, line=2)]
    """
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    return [LineMark(at + start, first_line + number) for number, start in enumerate(starts)]


def title_from_name(stem: str) -> str:
    """A readable title from a file's name: "05-vector_databases" gives "vector databases".

    >>> title_from_name("05-vector_databases")
    'vector databases'
    >>> title_from_name("2024")
    '2024'
    """
    words = re.sub(r"[-_\s]+", " ", stem).strip()
    return re.sub(r"^\d{1,3}[.)]? (?=\D)", "", words) or stem


def _sections_within(sections: Sequence[Section], start: int, end: int) -> Sequence[Section]:
    """Those that share a character with [start:end]; when there is none, the nearest one."""
    first = bisect_right(sections, start, key=attrgetter("end"))
    last = bisect_left(sections, end, key=attrgetter("start"))
    return sections[first:last] or sections[max(0, first - 1) : first] or sections[:1]


def _common_start(paths: list[tuple[str, ...]]) -> tuple[str, ...]:
    shared = takewhile(lambda names: len(set(names)) == 1, zip(*paths, strict=False))
    return tuple(names[0] for names in shared)


def _lines_within(marks: Sequence[LineMark], start: int, end: int) -> tuple[int, int] | None:
    first = max(0, bisect_right(marks, start, key=attrgetter("offset")) - 1)
    last = max(first + 1, bisect_left(marks, end, key=attrgetter("offset")))
    lines = [mark.line for mark in marks[first:last] if mark.line]
    return (min(lines), max(lines)) if lines else None
