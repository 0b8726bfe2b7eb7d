"""The text of a page as it is built: blank space folded, blocks parted, source lines and headings noted."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import IntEnum

from llmapps.rag.documents import LineMark
from llmapps.rag.loading.headings import Heading

_BLANK = re.compile(r"[ \t\u00a0]+")


class Break(IntEnum):
    """What parts two pieces of text; of two, the greater wins."""

    NONE = 0
    SPACE = 1
    CELL = 2
    LINE = 3
    BLOCK = 4


_WRITTEN = {Break.NONE: "", Break.SPACE: " ", Break.CELL: " | ", Break.LINE: "\n", Break.BLOCK: "\n\n"}


@dataclass(slots=True)
class _Row:
    """A row of a table that is being written; `is_broken`: it holds whole blocks, as in a table made for layout."""

    has_text: bool = False
    is_broken: bool = False


@dataclass(slots=True)
class _OpenHeading:
    level: int
    start: int = -1
    words: list[str] = field(default_factory=list)


class TextWriter:
    """Collects text; a break is written only when text follows it."""

    def __init__(self) -> None:
        self.headings: list[Heading] = []
        self.marks: list[LineMark] = []
        self.length = 0
        self._parts: list[str] = []
        self._break = Break.NONE
        self._bullet = ""
        self._at_start = False  # of a cell or an item: a paragraph right there stays in its line
        self._preformatted = 0
        self._rows: list[_Row] = []
        self._heading: _OpenHeading | None = None

    @property
    def text(self) -> str:
        """All that was written."""
        return "".join(self._parts)

    def part(self, by: Break) -> None:
        """Part what was written from what comes next."""
        if not self._at_start:
            self._break = max(self._break, by)

    def write(self, text: str, line: int) -> None:
        """Add text whose first character stands at this line of the source."""
        for number, source_line in enumerate(text.split("\n")):
            if number and self._preformatted:
                self.end_line()
            elif number:
                self.part(Break.SPACE)
            self._write_line(source_line, line + number)

    def end_line(self) -> None:
        """End a line where its author ended it; two such ends make a blank line."""
        self._break = Break.BLOCK if self._break >= Break.LINE else Break.LINE

    def start_item(self) -> None:
        """Begin a list item, on a line of its own."""
        self._at_start = False
        self.part(Break.LINE)
        self._bullet, self._at_start = "- ", True

    def end_item(self) -> None:
        """End a list item."""
        self._bullet, self._at_start = "", False
        self.part(Break.LINE)

    def start_row(self) -> None:
        """Begin a table's row, on a line of its own."""
        self._at_start = False
        self.part(Break.LINE)
        if self._rows:
            self._rows[-1].is_broken = True
        self._rows.append(_Row())

    def end_row(self) -> None:
        """End a table's row."""
        self._at_start = False
        self._rows.pop()
        self.part(Break.LINE)

    def start_cell(self) -> None:
        """Begin a cell: in the line of its row, unless the row holds whole blocks."""
        if not self._rows:
            self.part(Break.LINE)
        elif self._rows[-1].has_text:
            self._break = Break.BLOCK if self._rows[-1].is_broken else Break.CELL
        self._at_start = True

    def end_cell(self) -> None:
        """End a cell; the end of a paragraph in it does not end the row."""
        self._at_start = False
        if self._rows and not self._rows[-1].is_broken:
            self._break = min(self._break, Break.CELL)

    def start_preformatted(self) -> None:
        """From here on the blank space counts."""
        self.part(Break.BLOCK)
        self._preformatted += 1

    def end_preformatted(self) -> None:
        """Blank space is folded again."""
        self._preformatted -= 1
        self.part(Break.BLOCK)

    def start_heading(self, level: int) -> None:
        """What is written until `end_heading` is a heading, on a line of its own."""
        self.end_heading()
        self._bullet, self._at_start = "", False
        self.part(Break.BLOCK)
        self._heading = _OpenHeading(level)

    def end_heading(self) -> None:
        """Note the heading if it has text."""
        if self._heading and self._heading.words:
            text = " ".join(" ".join(self._heading.words).split())
            self.headings.append(Heading(self._heading.start, self.length, self._heading.level, text))
        self._heading = None
        self.part(Break.BLOCK)

    def _write_line(self, text: str, line: int) -> None:
        folded = text.replace("\u00a0", " ").rstrip() if self._preformatted else _BLANK.sub(" ", text).strip(" ")
        if not folded:
            if text:
                self.part(Break.SPACE)
            return
        if not self._preformatted and text[0] in " \t\u00a0":
            self.part(Break.SPACE)
        self._write_break()
        if not self.marks or self.marks[-1].line != line:
            self.marks.append(LineMark(self.length, line))
        if self._heading:
            if self._heading.start < 0:
                self._heading.start = self.length
            self._heading.words.append(folded)
        self._append(self._bullet + folded)
        self._bullet = ""
        if text[-1] in " \t\u00a0":
            self.part(Break.SPACE)

    def _write_break(self) -> None:
        if self._parts:
            self._append(_WRITTEN[self._break])
        if self._rows:
            row = self._rows[-1]
            row.is_broken = row.is_broken or (row.has_text and self._break >= Break.LINE)
            row.has_text = True
        self._break, self._at_start = Break.NONE, False

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self.length += len(text)
