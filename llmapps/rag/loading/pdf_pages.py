"""PDF by PDFium: the text of each page in reading order, with page numbers and headings; no lines.

Scanned pages hold no text and give none. PDFium is not made for threads: one document at a time is open.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from threading import Lock
from typing import Any

from llmapps.errors import DocumentError
from llmapps.rag.documents import LoadedDocument
from llmapps.rag.loading.cleaning import clean
from llmapps.rag.loading.decoding import MAX_TEXT_CHARACTERS
from llmapps.rag.loading.headings import Heading, SectionBuilder
from llmapps.rag.loading.pdf_headings import OutlineEntry, find_pdf_headings, headings_by_size
from llmapps.rag.loading.pdf_lines import PdfLine, lines_of_page
from llmapps.rag.loading.pdf_paragraphs import PdfParagraph, paragraphs_of, without_running_heads
from llmapps.types import Place

VERSION = 1
MAX_PAGES = 5_000

_MAX_OUTLINE_ENTRIES = 5_000
_ONE_AT_A_TIME = Lock()


def load(data: bytes, title: str) -> LoadedDocument:
    """The pages' text; the title is the first large line of the first page, else the PDF's own title."""
    if b"%PDF-" not in data[:1024]:
        raise DocumentError("is not a PDF: it does not begin with %PDF; give it the right ending, or export it again")
    with _ONE_AT_A_TIME, _opened(data) as pdf:
        pages = len(pdf)
        lines = _lines_of(pdf)
        outline = _outline_of(pdf)
        own_title = " ".join(clean(pdf.get_metadata_value("Title") or "").split())
    lines = without_running_heads(lines, pages)
    headings = find_pdf_headings(lines, outline)
    main = next((heading.text for index, heading in headings_by_size(lines).items() if lines[index].page == 1), "")
    return _assembled(paragraphs_of(lines, headings), " ".join(clean(main).split()) or own_title or title)


@contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    """An open document of PDFium; closed in the end, as on Windows an open file cannot be replaced.

    Raises:
        DocumentError: it is encrypted, broken, or has too many pages.
    """
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == pypdfium2.raw.FPDF_ERR_PASSWORD:
            raise DocumentError("is encrypted: remove the password and index it again") from error
        raise DocumentError("is a broken PDF: open it in a PDF reader and export it again") from error
    with closing(pdf):
        if len(pdf) > MAX_PAGES:
            raise DocumentError(f"has {len(pdf):,} pages; {MAX_PAGES:,} is the limit: split it")
        yield pdf


def _lines_of(pdf: Any) -> list[PdfLine]:
    import pypdfium2

    lines: list[PdfLine] = []
    characters = 0
    for number in range(len(pdf)):
        try:
            page = pdf[number]
        except pypdfium2.PdfiumError:  # a page that is named but not there
            continue
        with closing(page), closing(page.get_textpage()) as textpage:
            of_page = lines_of_page(textpage, number + 1)
        lines += of_page
        characters += sum(len(line.text) for line in of_page)
        if characters > MAX_TEXT_CHARACTERS:
            raise DocumentError(f"holds more than {MAX_TEXT_CHARACTERS // 10**6} million characters of text: split it")
    return lines


def _outline_of(pdf: Any) -> list[OutlineEntry]:
    entries = []
    for bookmark in islice(pdf.get_toc(), _MAX_OUTLINE_ENTRIES):
        target = bookmark.get_dest()
        page = target.get_index() if target else None
        if page is None or page < 0:
            continue
        text = " ".join(clean(bookmark.get_title() or "").split())
        entries.append(OutlineEntry(bookmark.level + 1, text, page + 1, _height(target)))
    return entries


def _height(target: Any) -> float | None:
    """The height on the page that a bookmark opens at; None when it opens the page as a whole."""
    import pypdfium2.raw as pdfium

    mode, numbers = target.get_view()
    if mode == pdfium.PDFDEST_VIEW_XYZ and len(numbers) > 1 and math.isfinite(numbers[1]) and numbers[1] > 0:
        return float(numbers[1])
    return None


def _assembled(paragraphs: list[PdfParagraph], title: str) -> LoadedDocument:
    """One text of all paragraphs, with sections by page and, within a page, by heading."""
    parts: list[str] = []
    headings: dict[int, list[Heading]] = {}
    spans: dict[int, tuple[int, int]] = {}
    length = 0
    for paragraph in paragraphs:
        words = " ".join(clean(paragraph.text).split())
        gap = ("\n\n" if paragraph.page not in spans else paragraph.gap) if parts else ""
        start, end = length + len(gap), length + len(gap) + len(words)
        parts += [gap, words]
        length = end
        spans[paragraph.page] = (spans.get(paragraph.page, (start, end))[0], end)
        if found := paragraph.heading:
            below = end if found.lines else start
            headings.setdefault(paragraph.page, []).append(Heading(start, below, found.level, found.text))
    text = "".join(parts)
    builder = SectionBuilder()
    for page, span in spans.items():
        builder.add(text, headings.get(page, []), span, Place(page=page), "text")
    return LoadedDocument(text, tuple(builder.sections), (), title)
