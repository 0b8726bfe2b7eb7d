"""Which lines of a PDF are headings: those its outline (bookmarks) names, else those printed larger than the text."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass

from llmapps.rag.loading.headings import MAX_HEADING_CHARACTERS
from llmapps.rag.loading.pdf_lines import PdfLine

LARGER = 1.2
"""A heading's size, at least, as a multiple of the text's."""

_MAX_LINES = 4
_NUMBER_LETTERS = 4
"""How many letters and digits a printed heading may have before the words of its bookmark: "4.3 Results"."""
_MAX_SHARE = 0.3
"""Of all characters: when more than this is printed large, size says nothing about headings."""


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """A bookmark: its level from 1, its page from 1, and the height on the page that it opens, if it says so."""

    level: int
    text: str
    page: int
    top: float | None = None


@dataclass(frozen=True, slots=True)
class PdfHeading:
    """A heading that takes `lines` lines; 0: it begins above the line that it is noted for."""

    level: int
    text: str
    lines: int


def find_pdf_headings(lines: list[PdfLine], outline: list[OutlineEntry]) -> dict[int, PdfHeading]:
    """The headings by the index of the line that they begin at."""
    return _headings_of_outline(lines, outline) if outline else headings_by_size(lines)


def headings_by_size(lines: list[PdfLine]) -> dict[int, PdfHeading]:
    """Lines at least `LARGER` times the size of most of the text, with letters; the largest size is level 1."""
    body = _body_size(lines)
    large = [_is_large(line, body) for line in lines]
    characters = sum(len(line.text) for line in lines)
    if sum(len(line.text) for line, is_large in zip(lines, large, strict=True) if is_large) > _MAX_SHARE * characters:
        return {}
    runs: list[list[int]] = []
    for index, line in enumerate(lines):
        if not large[index]:
            continue
        if runs and runs[-1][-1] == index - 1 and _goes_on(lines[index - 1], line):
            runs[-1].append(index)
        else:
            runs.append([index])
    sound = [
        run for run in runs if len(run) <= _MAX_LINES and sum(len(lines[i].text) for i in run) <= MAX_HEADING_CHARACTERS
    ]
    levels = _levels([lines[run[0]].size for run in sound])
    return {
        run[0]: PdfHeading(levels[_rounded(lines[run[0]].size)], " ".join(lines[i].text for i in run), len(run))
        for run in sound
    }


def _body_size(lines: list[PdfLine]) -> float:
    """The size that most characters are printed in."""
    weights: Counter[float] = Counter()
    for line in lines:
        weights[_rounded(line.size)] += len(line.text)
    return weights.most_common(1)[0][0] if weights else 0.0


def _is_large(line: PdfLine, body: float) -> bool:
    is_short = len(line.text) <= MAX_HEADING_CHARACTERS
    return is_short and line.is_upright and line.size >= LARGER * body and sum(map(str.isalpha, line.text)) >= 3


def _goes_on(above: PdfLine, line: PdfLine) -> bool:
    same_size = abs(above.size - line.size) <= 0.05 * above.size
    return same_size and above.page == line.page and 0 < above.last_baseline - line.baseline <= 1.8 * line.size


def _rounded(size: float) -> float:
    return round(2 * size) / 2


def _levels(sizes: list[float]) -> dict[float, int]:
    """Level 1 for the largest size, 2 for the next, at most 6."""
    distinct = sorted({_rounded(size) for size in sizes}, reverse=True)
    return {size: min(number, 6) for number, size in enumerate(distinct, 1)}


def _headings_of_outline(lines: list[PdfLine], outline: list[OutlineEntry]) -> dict[int, PdfHeading]:
    """Each bookmark at the lines that hold its words, else at the height that it opens, else at the top of its page."""
    pages: dict[int, list[int]] = defaultdict(list)
    for index, line in enumerate(lines):
        pages[line.page].append(index)
    found: dict[int, PdfHeading] = {}
    for entry in outline:
        indices = pages.get(entry.page)
        if not indices or not entry.text:
            continue
        start, count = _lines_with_words(lines, indices, entry) or (_line_at_height(lines, indices, entry), 0)
        # Of two bookmarks for one line the first is the outer one, and the line has only one heading: keep the inner.
        found[start] = PdfHeading(entry.level, entry.text, count)
    return dict(sorted(found.items()))


def _lines_with_words(lines: list[PdfLine], indices: list[int], entry: OutlineEntry) -> tuple[int, int] | None:
    wanted = _letters(entry.text)
    if not wanted:
        return None
    for position, first in enumerate(indices):
        words = ""
        for index in indices[position : position + _MAX_LINES]:
            words += _letters(lines[index].text)
            if words.endswith(wanted) and len(words) <= len(wanted) + _NUMBER_LETTERS:
                return first, index - first + 1
            if len(words) > len(wanted) + _NUMBER_LETTERS:
                break
    return None


def _line_at_height(lines: list[PdfLine], indices: list[int], entry: OutlineEntry) -> int:
    if entry.top is None:
        return indices[0]
    return next((index for index in indices if lines[index].baseline < entry.top), indices[0])


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()
