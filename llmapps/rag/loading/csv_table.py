"""Tables (CSV, TSV): each row in words, with the names of its columns, as a section of its own.

A row with prose in it, such as an entry of a glossary, is written with a line for each column; a row of short values
in one line. Where the first row names no columns, the values stand alone.

    term: agent                                  year: 2017; model: Transformer; layers: 6
    definition: An agent is a system in which ...
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from llmapps.rag.documents import LineMark, LoadedDocument, Section
from llmapps.rag.loading.cleaning import clean
from llmapps.rag.loading.decoding import decode
from llmapps.types import Place

VERSION = 1

_BETWEEN_ROWS = "\n\n"
_MAX_COLUMNS = 1_000
_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 100
_SAMPLE_CHARACTERS = 100_000
_MAX_ROW_LINES = 500
_MAX_NAME_CHARACTERS = 60
_PROSE_WORDS = 6
_NUMBER = re.compile(r"[-+]?[\d.,\s]{0,40}\d[%€$£]?")


@dataclass(frozen=True, slots=True)
class TableRow:
    """The cells of a row as they stand, and its first line in the source."""

    cells: tuple[str, ...]
    line: int

    @property
    def has_prose(self) -> bool:
        """Whether a cell holds a sentence rather than a value."""
        return any(len(cell.split()) >= _PROSE_WORDS for cell in self.cells)

    @property
    def name(self) -> tuple[str, ...]:
        """What the first cell calls the row, as a heading path; empty when it holds a number or prose."""
        name = " ".join(self.cells[0].split())
        is_name = len(name) <= _MAX_NAME_CHARACTERS and any(map(str.isalpha, name))
        return (name,) if is_name else ()


def load(data: bytes, title: str) -> LoadedDocument:
    """The rows in words; blank rows are left out, short and long ones are kept."""
    rows = read_rows(clean(decode(data, drops_nul=True)))
    names = tuple(" ".join(cell.split()) for cell in rows.pop(0).cells) if names_columns(rows) else ()
    are_records = 5 * sum(row.has_prose for row in rows) >= len(rows)
    parts: list[str] = []
    sections: list[Section] = []
    marks: list[LineMark] = []
    length = 0
    for row in rows:
        words, row_marks = row_in_words(row, names, at=length, between="\n" if are_records else "; ")
        place = Place(heading=row.name) if are_records else Place()
        sections.append(Section(length, length + len(words), place, "record" if are_records else "row"))
        marks += row_marks
        parts.append(words)
        length += len(words) + len(_BETWEEN_ROWS)
    return LoadedDocument(_BETWEEN_ROWS.join(parts), tuple(sections), tuple(marks), title)


def read_rows(text: str) -> list[TableRow]:
    """The rows that are not blank. A quotation mark that is never closed does not swallow the rows below it."""
    delimiter = find_delimiter(text)
    lines = text.split("\n")
    try:
        rows = list(_parsed(lines, delimiter))
        if all(sum(cell.count("\n") for cell in row.cells) < _MAX_ROW_LINES for row in rows):
            return rows
    except csv.Error:  # a field longer than the parser's limit
        pass
    return [
        TableRow(tuple(line.split(delimiter)), number)
        for number, line in enumerate(lines, 1)
        if line.strip(delimiter + " ")
    ]


def find_delimiter(text: str) -> str:
    r"""The delimiter that gives most of the first rows the same number of cells, two or more; else a comma.

    >>> find_delimiter("a;b\n1,5;2\n2,5;3")
    ';'
    """
    lines = text[:_SAMPLE_CHARACTERS].split("\n")[:_SAMPLE_LINES]
    return max(_DELIMITERS, key=lambda delimiter: _agreement(lines, delimiter))


def names_columns(rows: list[TableRow]) -> bool:
    """Whether the first row holds names of columns: short, each there once, with letters, unlike the row below."""
    if len(rows) < 2:
        return False
    cells = [cell.strip().casefold() for cell in rows[0].cells]
    names = [cell for cell in cells if cell]
    return (
        len(names) >= max(1, len(cells) - 1)  # the column of row numbers often has no name
        and len(set(names)) == len(names)
        and all(len(name) <= _MAX_NAME_CHARACTERS and not _NUMBER.fullmatch(name) for name in names)
        and any(cell.strip().casefold() not in names for cell in rows[1].cells)
    )


def row_in_words(row: TableRow, names: tuple[str, ...], *, at: int, between: str) -> tuple[str, list[LineMark]]:
    """The row's filled cells, each after its column's name, and the source line of each piece.

    Args:
        row: any row below the names.
        names: of the columns, in order; "" where a column has none.
        at: where the row begins in the loaded text.
        between: what stands between two cells; when it is a line break, cells keep their own line breaks.
    """
    text = ""
    marks: list[LineMark] = []
    line = row.line
    within = "\n" if between == "\n" else " "
    for name, cell in zip_longest(names, row.cells[:_MAX_COLUMNS], fillvalue=""):
        for number, (line_in_cell, words) in enumerate(_lines_of_cell(cell, keeps_blank=within == "\n")):
            text += (between if text else "") if number == 0 else within
            marks.append(LineMark(at + len(text), line + line_in_cell))
            text += f"{name}: {words}" if name and number == 0 else words
        line += cell.count("\n")
    return text, marks


def _lines_of_cell(cell: str, *, keeps_blank: bool) -> list[tuple[int, str]]:
    """The lines of a cell without blank ones at its ends, each with its number in the cell, from 0."""
    lines = [(number, line.strip()) for number, line in enumerate(cell.split("\n"))]
    filled = [number for number, line in lines if line]
    if not filled:
        return []
    return [(n, line) for n, line in lines[filled[0] : filled[-1] + 1] if line or keeps_blank]


def _parsed(lines: list[str], delimiter: str) -> Iterator[TableRow]:
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter, skipinitialspace=True)
    line = 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield TableRow(tuple(cells), line)
        line = reader.line_num + 1


def _agreement(lines: list[str], delimiter: str) -> float:
    """The share of rows that have the commonest number of cells above one."""
    try:
        widths = Counter(len(row.cells) for row in _parsed(lines, delimiter))
    except csv.Error:
        return 0.0
    return max((count for width, count in widths.items() if width > 1), default=0) / max(1, widths.total())
