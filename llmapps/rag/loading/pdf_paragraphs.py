"""Printed lines put together to paragraphs: wrapped lines and parted words joined, running heads dropped."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from llmapps.rag.loading.pdf_headings import PdfHeading
from llmapps.rag.loading.pdf_lines import HYPHEN, PdfLine

_LIST_ITEM = re.compile(r"(?:[•◦▪●○■‣∙·*–—-]|\(?\d{1,2}[.)]|\(?[a-z]\)|\[\d{1,3}\])\s")
_SENTENCE_END = re.compile(r"[.!?:;][\"'”’)\]]*$")
_LEADER = re.compile(r"\.{4}|(?:\. ){4}|…{2}")
_HYPHENATED = re.compile(rf"([^\W\d_]+){HYPHEN}([^\W\d_]+)")
_FULL_WIDTH = 0.8
"""Of the page's usual width of lines: a line shorter than this was ended by its author, not by the margin."""
_WIDE_GAP = 1.35
"""Times the page's usual distance of lines: a paragraph begins below it ..."""
_WIDE_GAP_IN_SIZES = 1.5
"""... if it is also this many times the size, as on a page of small print and large the usual distance says little."""


@dataclass(slots=True)
class PdfParagraph:
    """Text of one page that belongs together; `gap`: what parts it from the paragraph before on the page."""

    page: int
    text: str
    gap: str
    heading: PdfHeading | None = None


def paragraphs_of(lines: list[PdfLine], headings: dict[int, PdfHeading]) -> list[PdfParagraph]:
    """The paragraphs of a whole document, in order; a heading is one of its own."""
    words = _words_of(lines)
    paragraphs: list[PdfParagraph] = []
    measures = _measures_of_pages(lines)
    heading_ends_at = -1
    for index, line in enumerate(lines):
        heading = headings.get(index)
        above = lines[index - 1] if index and lines[index - 1].page == line.page else None
        if heading and heading.lines:
            heading_ends_at = index + heading.lines
        if (
            above
            and not heading
            and (index < heading_ends_at or (index != heading_ends_at and measures[line.page].wraps(above, line)))
        ):
            paragraphs[-1].text = _wrapped(paragraphs[-1].text, line.text)
        else:
            is_apart = heading or index == heading_ends_at or (above and measures[line.page].is_apart(above, line))
            paragraphs.append(PdfParagraph(line.page, line.text, "\n\n" if is_apart else "\n", heading))
    for paragraph in paragraphs:
        paragraph.text = resolve_hyphens(paragraph.text, words)
    return paragraphs


def resolve_hyphens(text: str, words: Counter[str]) -> str:
    r"""Words that a line end parted are joined, with a hyphen only where the document spells them so elsewhere.

    >>> resolve_hyphens("trans\x02former, well\x02known", Counter(["well-known"]))
    'transformer, well-known'
    """

    def whole(match: re.Match[str]) -> str:
        joined, hyphenated = match[1] + match[2], f"{match[1]}-{match[2]}"
        return hyphenated if words[hyphenated.casefold()] > words[joined.casefold()] else joined

    return _HYPHENATED.sub(whole, text).replace(HYPHEN, "")


def without_running_heads(lines: list[PdfLine], pages: int) -> list[PdfLine]:
    """The lines without those that head or end most pages, the same but for numbers; the first of each stays."""
    edges: dict[int, list[int]] = {}
    for index, line in enumerate(lines):
        edges.setdefault(line.page, [index, index])[1] = index
    forms = {index: re.sub(r"\d+", "#", lines[index].text) for pair in edges.values() for index in pair}
    counts = Counter(forms.values())
    running = {index for index, form in forms.items() if counts[form] >= max(3, pages // 2)}
    seen: set[str] = set()
    kept = []
    for index, line in enumerate(lines):
        if index in running and forms[index] in seen:
            continue
        seen.add(forms.get(index, ""))
        kept.append(line)
    return kept


@dataclass(frozen=True, slots=True)
class _PageMeasures:
    """The usual width and distance of the lines of a page, in points."""

    width: float
    distance: float

    def is_apart(self, above: PdfLine, line: PdfLine) -> bool:
        """Whether there is blank space between two lines, or they stand in different columns."""
        distance = above.last_baseline - line.baseline
        return distance <= 0 or distance > max(_WIDE_GAP * self.distance, _WIDE_GAP_IN_SIZES * line.size)

    def wraps(self, above: PdfLine, line: PdfLine) -> bool:
        """Whether a paragraph goes on from one line to the next."""
        if abs(above.size - line.size) > 0.1 * max(above.size, line.size) or _LIST_ITEM.match(line.text):
            return False
        if _is_of_table(above.text) or _is_of_table(line.text):
            return False
        is_new_column = above.last_baseline < line.baseline
        if self.is_apart(above, line) and not (is_new_column and not _SENTENCE_END.search(above.text)):
            return False
        return above.width >= _FULL_WIDTH * self.width


def _is_of_table(text: str) -> bool:
    """Whether a line is a row of figures, or of a table of contents with its dots."""
    words = text.split()
    return bool(_LEADER.search(text)) or (len(words) > 3 and sum(map(_has_digit, words)) >= 0.4 * len(words))


def _has_digit(word: str) -> bool:
    return any(map(str.isdigit, word))


def _measures_of_pages(lines: list[PdfLine]) -> dict[int, _PageMeasures]:
    by_page: dict[int, list[PdfLine]] = {}
    for line in lines:
        by_page.setdefault(line.page, []).append(line)
    measures = {}
    for page, of_page in by_page.items():
        widths = [line.width for line in of_page if len(line.text) >= 25]
        steps = [above.last_baseline - line.baseline for above, line in pairwise(of_page)]
        distances = [step for step in steps if step > 0]
        measures[page] = _PageMeasures(median(widths) if widths else 0.0, median(distances) if distances else 0.0)
    return measures


def _wrapped(text: str, line: str) -> str:
    """The text with a wrapped line added; a hyphen between letters at its end is treated as PDFium's own."""
    if re.search(r"[^\W\d_]-$", text) and line[:1].islower():
        return text[:-1] + HYPHEN + line
    return f"{text} {line}"


def _words_of(lines: list[PdfLine]) -> Counter[str]:
    """How often the document spells each word, hyphens included."""
    words: Counter[str] = Counter()
    for line in lines:
        words.update(match.casefold() for match in re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*(?![\w\x02-])", line.text))
    return words
