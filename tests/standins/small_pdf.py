"""PDF files of a few hundred bytes, written by hand: lines of text at given sizes and heights, bookmarks, a lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """A line of text: its size and where its baseline stands, in points from the lower left corner."""

    text: str
    y: float
    size: float = 11
    x: float = 72


@dataclass(frozen=True)
class Bookmark:
    """An entry of the outline, all on one level: the page, from 0, and the height that it opens."""

    text: str
    page: int
    y: float


def lines_from(top: float, texts: Sequence[str], *, size: float = 11, leading: float = 14) -> list[Line]:
    """Lines one below the other."""
    return [Line(text, top - number * leading, size) for number, text in enumerate(texts)]


def pdf_bytes(
    pages: Sequence[Sequence[Line]],
    *,
    bookmarks: Sequence[Bookmark] = (),
    title: str = "",
    is_encrypted: bool = False,
    count: int | None = None,
) -> bytes:
    """A PDF file; `count`: the number of pages that it claims to have; encrypted: it opens with no password known."""
    objects: dict[int, bytes] = {}
    first_page, first_mark = 10, 10 + 2 * len(pages)
    kids = " ".join(f"{first_page + 2 * number} 0 R" for number in range(len(pages)))
    objects[1] = b"<< /Type /Catalog /Pages 2 0 R" + (b" /Outlines 4 0 R" if bookmarks else b"") + b" >>"
    objects[2] = f"<< /Type /Pages /Kids [{kids}] /Count {len(pages) if count is None else count} >>".encode()
    objects[3] = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
    if bookmarks:
        last = first_mark + len(bookmarks) - 1
        objects[4] = f"<< /Type /Outlines /First {first_mark} 0 R /Last {last} 0 R /Count {len(bookmarks)} >>".encode()
    objects[5] = f"<< /Title ({_escaped(title)}) >>".encode("cp1252")
    objects[6] = b"<< /Filter /Standard /V 1 /R 2 /O <%b> /U <%b> /P -4 >>" % (b"11" * 32, b"22" * 32)
    for number, lines in enumerate(pages):
        drawn = "\n".join(f"BT /F {line.size} Tf {line.x} {line.y} Td ({_escaped(line.text)}) Tj ET" for line in lines)
        stream = drawn.encode("cp1252")
        objects[first_page + 2 * number] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {first_page + 2 * number + 1} 0 R "
            "/Resources << /Font << /F 3 0 R >> >> >>"
        ).encode()
        objects[first_page + 2 * number + 1] = b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream)
    for number, mark in enumerate(bookmarks):
        at = first_mark + number
        around = (f" /Prev {at - 1} 0 R" if number else "") + (f" /Next {at + 1} 0 R" if mark != bookmarks[-1] else "")
        objects[at] = (
            f"<< /Title ({_escaped(mark.text)}) /Parent 4 0 R{around} "
            f"/Dest [{first_page + 2 * mark.page} 0 R /XYZ 0 {mark.y} 0] >>"
        ).encode("cp1252")
    return _file(objects, b" /Encrypt 6 0 R /ID [<00> <00>]" if is_encrypted else b"")


def _file(objects: dict[int, bytes], trailer: bytes) -> bytes:
    parts, offsets = [b"%PDF-1.4\n"], {}
    for number, body in sorted(objects.items()):
        offsets[number] = sum(map(len, parts))
        parts.append(b"%d 0 obj\n%b\nendobj\n" % (number, body))
    start = sum(map(len, parts))
    size = max(objects) + 1
    table = b"".join(
        b"%010d 00000 n \n" % offsets[number] if number in offsets else b"0000000000 65535 f \n"
        for number in range(size)
    )
    parts.append(b"xref\n0 %d\n%b" % (size, table))
    parts.append(b"trailer << /Size %d /Root 1 0 R /Info 5 0 R%b >>\nstartxref\n%d\n%%%%EOF\n" % (size, trailer, start))
    return b"".join(parts)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
