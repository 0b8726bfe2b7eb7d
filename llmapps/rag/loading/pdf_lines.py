"""The lines of a PDF page as they are printed: their text, size and position, read from PDFium's characters."""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

HYPHEN = "\x02"
"""What PDFium gives for a hyphen at the end of a printed line; the rest of the word follows it at once."""

_SAME_ROW = 0.5
"""Of the size: how much the baselines of two pieces of one printed line may differ."""


@dataclass(frozen=True, slots=True)
class PdfLine:
    """A printed line. All measures are in points; `baseline` and `last_baseline` count from the foot of the page.

    A word that goes on in the next line takes that whole line along (see `HYPHEN`), so the two baselines may differ.
    """

    page: int
    text: str
    size: float
    left: float
    right: float
    baseline: float
    last_baseline: float

    @property
    def width(self) -> float:
        """From its first character to its last."""
        return self.right - self.left

    @property
    def is_upright(self) -> bool:
        """Whether it runs from left to right; stamps in the margin often run upwards."""
        return self.width >= 0.2 * self.size * (len(self.text) - 1)


def lines_of_page(textpage: Any, page: int) -> list[PdfLine]:
    """The lines of an open PDFium text page, in the order of the file; pieces of one printed line are put together."""
    lines: list[PdfLine] = []
    for line in _pieces(textpage, page):
        if lines and _is_same_row(lines[-1], line):
            lines[-1] = _joined(lines[-1], line)
        else:
            lines.append(line)
    return lines


def _pieces(textpage: Any, page: int) -> Iterator[PdfLine]:
    import pypdfium2.raw as pdfium

    handle = textpage.raw
    count = textpage.count_chars()
    characters = "".join(_character(pdfium.FPDFText_GetUnicode(handle, index)) for index in range(count))
    for match in re.finditer(r"[^\r\n]+", characters):
        text = match[0]
        inked = [index for index in range(match.start(), match.end()) if not characters[index].isspace()]
        if not inked:
            continue
        first, last = _origin(handle, inked[0]), _origin(handle, inked[-1])
        size = median(_size(handle, index) for index in (inked[0], inked[len(inked) // 2], inked[-1]))
        yield PdfLine(page, _whole_characters(text).strip(), size, first[0], last[0], first[1], last[1])


def _character(code: int) -> str:
    return chr(code) if code <= 0x10FFFF else "\ufffd"


def _whole_characters(text: str) -> str:
    """Pairs of surrogates put together, as PDFium gives them one by one."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _origin(handle: Any, index: int) -> tuple[float, float]:
    import pypdfium2.raw as pdfium

    x, y = ctypes.c_double(), ctypes.c_double()
    pdfium.FPDFText_GetCharOrigin(handle, index, x, y)
    return x.value, y.value


def _size(handle: Any, index: int) -> float:
    """Of a character as printed: the font's size times the scale of its text matrix, which often holds it all."""
    import pypdfium2.raw as pdfium

    matrix = pdfium.FS_MATRIX()
    scale = math.hypot(matrix.c, matrix.d) if pdfium.FPDFText_GetMatrix(handle, index, matrix) else 1.0
    return float(pdfium.FPDFText_GetFontSize(handle, index)) * scale


def _is_same_row(above: PdfLine, line: PdfLine) -> bool:
    """Whether PDFium broke one printed line in two, as it does after a raised number or between the cells of a row."""
    near = abs(above.last_baseline - line.baseline) <= _SAME_ROW * max(above.size, line.size)
    return near and line.left >= above.right - above.size


def _joined(first: PdfLine, second: PdfLine) -> PdfLine:
    touches = second.left - first.right < 0.8 * first.size and second.text[0] in ",.;:)]}"
    text = first.text + ("" if touches else " ") + second.text
    size = max((first, second), key=lambda line: len(line.text)).size
    return replace(first, text=text, size=size, right=second.right, last_baseline=second.last_baseline)
