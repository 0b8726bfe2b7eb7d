"""PDF: pages, headings, paragraphs out of printed lines; locked, broken and scanned files."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from standins.small_pdf import Bookmark, Line, lines_from, pdf_bytes

from llmapps.errors import DocumentError
from llmapps.rag.loading import pdf_pages
from llmapps.rag.loading.pdf_headings import PdfHeading, headings_by_size
from llmapps.rag.loading.pdf_lines import HYPHEN, PdfLine
from llmapps.rag.loading.pdf_pages import load
from llmapps.rag.loading.pdf_paragraphs import paragraphs_of, resolve_hyphens, without_running_heads

PROSE = [
    "Wolves hunt in packs and live in families of about eight,",
    "which is why they are able to bring down animals much larger",
    "than themselves. They sleep by day.",
]


def printed(text: str, baseline: float, *, page: int = 1, size: float = 10.0, left: float = 72.0) -> PdfLine:
    return PdfLine(page, text, size, left, left + 0.5 * size * len(text), baseline, baseline)


def test_pages_headings_and_wrapped_lines() -> None:
    pages = [[Line("Animals", 780, 20), *lines_from(740, PROSE)], [Line("Cats", 780, 15), *lines_from(740, PROSE)]]
    document = load(pdf_bytes(pages), "t")
    assert document.text == f"Animals\n\n{' '.join(PROSE)}\n\nCats\n\n{' '.join(PROSE)}"
    assert [str(section.place) for section in document.sections] == ["Animals, page 1", "Animals > Cats, page 2"]
    assert document.line_marks == ()
    assert document.title == "Animals"


def test_paragraphs_and_lists_stay_apart() -> None:
    lines = [*lines_from(740, PROSE), *lines_from(690, ["1. first", "2. second"]), *lines_from(640, PROSE)]
    assert load(pdf_bytes([lines]), "t").text == f"{' '.join(PROSE)}\n\n1. first\n2. second\n\n{' '.join(PROSE)}"


def test_bookmarks_name_the_headings_where_sizes_do_not() -> None:
    page = [*lines_from(780, ["1 Wolves", *PROSE]), *lines_from(700, ["Of cats", *PROSE])]
    marks = [Bookmark("Wolves", 0, 795), Bookmark("About cats (elsewhere)", 0, 715)]
    document = load(pdf_bytes([page], bookmarks=marks), "t")
    assert [section.place.heading for section in document.sections] == [("Wolves",), ("About cats (elsewhere)",)]
    assert document.text[document.sections[1].start :].startswith("Of cats")


def test_titles() -> None:
    assert load(pdf_bytes([lines_from(700, PROSE)], title="Own title"), "t").title == "Own title"
    assert load(pdf_bytes([lines_from(700, PROSE)]), "t").title == "t"


def test_pages_without_text_are_empty() -> None:
    document = load(pdf_bytes([[], []]), "t")
    assert (document.text, document.sections) == ("", ())


def test_an_encrypted_pdf_says_what_to_do() -> None:
    with pytest.raises(DocumentError, match=r"^is encrypted: remove the password and index it again$"):
        load(pdf_bytes([lines_from(700, PROSE)], is_encrypted=True), "t")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"Not a PDF at all", "is not a PDF: it does not begin with %PDF; give it the right ending"),
        (b"%PDF-1.4\nnothing more", "is a broken PDF: open it in a PDF reader and export it again"),
    ],
)
def test_what_is_no_pdf_says_so(data: bytes, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        load(data, "t")


def test_too_many_pages_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_pages, "MAX_PAGES", 2)
    with pytest.raises(DocumentError, match="has 3 pages; 2 is the limit: split it"):
        load(pdf_bytes([[], [], []]), "t")


def test_a_false_count_of_pages_does_no_harm() -> None:
    document = load(pdf_bytes([lines_from(700, PROSE)], count=2_000_000_000), "t")
    assert document.text == " ".join(PROSE)


def test_hyphens_at_line_ends() -> None:
    words = Counter(["well-known", "well-known", "transformer"])
    assert (
        resolve_hyphens(f"trans{HYPHEN}former and well{HYPHEN}known, x{HYPHEN}1", words)
        == "transformer and well-known, x1"
    )
    first, second = (
        "The transformer is a neural network that uses self-",
        "attention; it is the most widely used trans-",
    )
    page = [*lines_from(740, [first, second]), Line("former.", 712)]
    assert "most widely used transformer." in load(pdf_bytes([page]), "t").text


def test_running_heads_are_kept_once() -> None:
    pages = [[Line("A Journal of Wolves", 800), *lines_from(700, PROSE), Line(f"Page {n}", 40)] for n in range(1, 6)]
    text = load(pdf_bytes(pages), "t").text
    assert text.count("A Journal") == 1
    assert text.count("Page") == 1
    assert text.count("Wolves hunt") == 5


def test_short_documents_keep_their_first_lines() -> None:
    lines = [printed("same", 700, page=page) for page in (1, 2)]
    assert without_running_heads(lines, 2) == lines


def test_large_print_is_no_heading_where_much_of_it_is_large() -> None:
    lines = [printed("text of the body", 700), printed("Large words everywhere", 680, size=16)]
    assert headings_by_size(lines) == {}
    body = [printed("text of the body " * 5, 600 - 12 * n) for n in range(6)]
    assert headings_by_size([lines[1], *body]) == {0: PdfHeading(1, "Large words everywhere", 1)}
    upright = replace(lines[1], right=lines[1].left)
    assert headings_by_size([upright, *body]) == {}


def test_a_heading_of_two_lines_is_one() -> None:
    body = [printed("text of the body " * 5, 600 - 12 * n) for n in range(9)]
    lines = [printed("A heading that is", 680, size=16), printed("rather long", 661, size=16), *body]
    assert headings_by_size(lines) == {0: PdfHeading(1, "A heading that is rather long", 2)}
    paragraphs = paragraphs_of(lines, headings_by_size(lines))
    assert paragraphs[0].text == "A heading that is rather long"
    assert len(paragraphs) == 2


def test_rows_of_figures_are_not_joined() -> None:
    rows = [f"Model {n} 12.5 13.7 {n} 99 1.5 27 0.33 0.12 0.55 41" for n in range(3)]
    lines = [printed(row, 700 - 12 * n) for n, row in enumerate(rows)]
    assert [paragraph.text for paragraph in paragraphs_of(lines, {})] == rows
