"""Make the PDF handout of the sample course from its Markdown source.

The script reads a small part of Markdown: one title (`# `), sections (`## `),
paragraphs, bullet and numbered lists, bold text (`**bold**`) and page breaks
(a line `<!-- page break -->`). It writes a PDF with real text, large headings,
bookmarks, page numbers and metadata. Dates are fixed, so the same source and
the same version of fpdf2 give the same bytes.

Usage:

    pip install fpdf2
    python make_pdf.py
    python make_pdf.py source.md target.pdf
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from fpdf import FPDF
from fpdf.enums import XPos, YPos

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "31-five-questions.md"
TARGET = HERE.parent / "notes" / "31-five-questions.pdf"

CREATED = datetime(2025, 9, 1, 8, 0, 0, tzinfo=UTC)
AUTHOR = "Course team"
SUBJECT = "How to judge whether a generative AI project succeeds"
KEYWORDS = "generative AI, project, evaluation, cost, data rights, risk"

FONT = "Helvetica"
MARGIN_MM = 20.0
SIZES = {"title": 20.0, "heading": 14.0, "text": 11.0, "footer": 9.0}
LINE_MM = 6.0
GAP_MM = 2.4
PAGE_BREAK = "<!-- page break -->"
LIST_ITEM = re.compile(r"^(-|\d+\.) (.*)$")

Kind = Literal["title", "heading", "paragraph", "item", "break"]


@dataclass(frozen=True)
class Block:
    """One piece of the document: its kind, its text and its list marker."""

    kind: Kind
    text: str = ""
    marker: str = ""


def parse(markdown: str) -> list[Block]:
    """Split Markdown text into blocks, in the order of the source."""
    blocks: list[Block] = []
    lines: list[str] = []

    def close_paragraph() -> None:
        if lines:
            blocks.append(Block("paragraph", " ".join(lines)))
            lines.clear()

    for raw in markdown.splitlines():
        line = raw.strip()
        block = parse_line(line)
        if block is not None:
            close_paragraph()
            blocks.append(block)
        elif line:
            lines.append(line)
        else:
            close_paragraph()
    close_paragraph()
    return blocks


def parse_line(line: str) -> Block | None:
    """Return the block a line makes alone, or None for text and empty lines."""
    if line == PAGE_BREAK:
        return Block("break")
    if line.startswith("## "):
        return Block("heading", line[3:])
    if line.startswith("# "):
        return Block("title", line[2:])
    match = LIST_ITEM.match(line)
    if match:
        marker = "\u2022" if match[1] == "-" else match[1]
        return Block("item", match[2], marker)
    return None


class Handout(FPDF):
    """An A4 document with a page number at the foot of each page."""

    def footer(self) -> None:
        """Write the page number (fpdf2 calls this method for each page)."""
        self.set_y(-14)
        self.set_font(FONT, size=SIZES["footer"])
        self.cell(w=0, h=5, text=f"Page {self.page_no()} of {{nb}}", align="C")


def new_handout(title: str) -> Handout:
    """Create an empty document with margins and fixed metadata."""
    pdf = Handout(format="A4")
    pdf.set_margins(MARGIN_MM, MARGIN_MM, MARGIN_MM)
    pdf.set_auto_page_break(True, margin=MARGIN_MM)
    pdf.core_fonts_encoding = "windows-1252"
    pdf.set_title(title)
    pdf.set_author(AUTHOR)
    pdf.set_subject(SUBJECT)
    pdf.set_keywords(KEYWORDS)
    pdf.set_lang("en")
    pdf.set_creation_date(CREATED)
    pdf.add_page()
    return pdf


def write_heading(pdf: Handout, block: Block) -> None:
    """Write the title or a section heading and add it to the bookmarks."""
    is_title = block.kind == "title"
    size = SIZES["title"] if is_title else SIZES["heading"]
    height = size * 0.5
    if not is_title and pdf.will_page_break(height + 4 * LINE_MM):
        pdf.add_page()
    if pdf.get_y() > MARGIN_MM:
        pdf.ln(2 * GAP_MM)
    pdf.set_font(FONT, style="B", size=size)
    pdf.start_section(block.text, level=0 if is_title else 1)
    pdf.multi_cell(w=0, h=height, text=block.text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.ln(GAP_MM)


def write_paragraph(pdf: Handout, text: str) -> None:
    """Write one paragraph; `**text**` becomes bold."""
    pdf.set_font(FONT, size=SIZES["text"])
    pdf.multi_cell(
        w=0,
        h=LINE_MM,
        text=text,
        align="L",
        markdown=True,
        new_x=XPos.LMARGIN,
        new_y=YPos.NEXT,
    )
    pdf.ln(GAP_MM)


def write_item(pdf: Handout, block: Block) -> None:
    """Write one list item with its marker and a hanging indent."""
    pdf.set_font(FONT, size=SIZES["text"])
    pdf.set_x(MARGIN_MM + 3)
    pdf.cell(w=7, h=LINE_MM, text=block.marker)
    pdf.multi_cell(
        w=0,
        h=LINE_MM,
        text=block.text,
        align="L",
        markdown=True,
        new_x=XPos.LMARGIN,
        new_y=YPos.NEXT,
    )
    pdf.ln(GAP_MM / 2)


def render(blocks: list[Block]) -> Handout:
    """Write all blocks into a new document and return the document."""
    title = next((block.text for block in blocks if block.kind == "title"), "Handout")
    pdf = new_handout(title)
    for block in blocks:
        if block.kind in ("title", "heading"):
            write_heading(pdf, block)
        elif block.kind == "item":
            write_item(pdf, block)
        elif block.kind == "break":
            pdf.add_page()
        else:
            write_paragraph(pdf, block.text)
    return pdf


def make_pdf(source: Path, target: Path) -> int:
    """Make the PDF `target` from the Markdown `source`; return the page count."""
    pdf = render(parse(source.read_text(encoding="utf-8")))
    pdf.output(str(target))
    return pdf.pages_count


def main() -> None:
    """Read the command line and make the PDF."""
    parser = argparse.ArgumentParser(description="Make the PDF handout from Markdown.")
    parser.add_argument("source", nargs="?", type=Path, default=SOURCE)
    parser.add_argument("target", nargs="?", type=Path, default=TARGET)
    options = parser.parse_args()
    pages = make_pdf(options.source, options.target)
    print(f"{options.target}: {pages} pages")


if __name__ == "__main__":
    main()
