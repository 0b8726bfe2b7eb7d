"""HTML: the visible text block by block, with the source line of every piece of it.

Scripts, styles, navigation and hidden elements are left out. Headings give the sections, a table's row becomes one
line, "a | b", and preformatted text keeps its lines. The parser is the standard library's: no network, no entities
from outside, no recursion.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

from llmapps.errors import DocumentError
from llmapps.rag.documents import LoadedDocument
from llmapps.rag.loading.cleaning import clean
from llmapps.rag.loading.decoding import MAX_TEXT_CHARACTERS, decode
from llmapps.rag.loading.headings import SectionBuilder
from llmapps.rag.loading.html_text import Break, TextWriter
from llmapps.types import Place

VERSION = 1

_LEFT_OUT = frozenset(
    {"head", "script", "style", "nav", "template", "noscript", "svg", "math", "iframe", "object", "select", "button"}
)
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)
# fmt: off
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "center", "details", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "header", "hr", "html", "legend", "main", "menu", "ol", "p", "section",
    "summary", "table", "tbody", "tfoot", "thead", "ul",
})
# fmt: on
_BREAKS = {**dict.fromkeys(_BLOCKS, Break.BLOCK), **dict.fromkeys(("caption", "dd"), Break.LINE)}
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
# A start tag ends an open element of these kinds, as in `<p hidden>one<p>two` (HTML standard, 13.1.2.4).
_ENDS_OPEN = {
    "li": {"p", "li"},
    "dt": {"p", "dt", "dd"},
    "dd": {"p", "dt", "dd"},
    "tr": {"p", "td", "th", "tr"},
    "td": {"p", "td", "th"},
    "th": {"p", "td", "th"},
    "body": {"head"},
    **{tag: {"p"} for tag in (_BLOCKS | _HEADINGS.keys() | {"pre"}) - {"dt", "body", "html"}},
}
_STARTS: dict[str, Callable[[TextWriter], None]] = {
    "li": TextWriter.start_item,
    "tr": TextWriter.start_row,
    "td": TextWriter.start_cell,
    "th": TextWriter.start_cell,
    "pre": TextWriter.start_preformatted,
    "br": TextWriter.end_line,
}
_ENDS: dict[str, Callable[[TextWriter], None]] = {
    "li": TextWriter.end_item,
    "tr": TextWriter.end_row,
    "td": TextWriter.end_cell,
    "th": TextWriter.end_cell,
    "pre": TextWriter.end_preformatted,
}
_HIDDEN_STYLE = re.compile(
    r"(?:^|[;\s])(?:display\s*:\s*none|visibility\s*:\s*hidden|(?:opacity|font-size)\s*:\s*0(?![.\d]*[1-9]))",
    re.IGNORECASE,
)
_HUGE_NUMBERS = re.compile(r"&#(?:\d{9,}|[xX][\da-fA-F]{9,});?")
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w-]{1,30})""", re.IGNORECASE)


def load(data: bytes, title: str) -> LoadedDocument:
    """The visible text; the title is the first main heading, else the page's `<title>`."""
    charset = _CHARSET.search(data[:4096])
    reader = _PageReader()
    reader.feed(defused(clean(decode(data, declared=charset[1].decode() if charset else ""))))
    reader.close()
    text = reader.writer.text
    builder = SectionBuilder()
    builder.add(text, reader.writer.headings, (0, len(text)), Place(), "text")
    main = next((heading.text for heading in reader.writer.headings if heading.level == 1), "")
    return LoadedDocument(text, tuple(builder.sections), tuple(reader.writer.marks), main or reader.title or title)


def defused(source: str) -> str:
    """The page without what makes Python's parser search to the end of it again and again, or stop; lines are kept.

    That is, in Python 3.11: tags and comments that are never closed (their time is quadratic), `<![` with anything but
    the few words it knows (an AssertionError), and numbers of characters with thousands of digits (a ValueError).
    """
    last_tag_end = source.rfind(">") + 1
    source = source[:last_tag_end] + source[last_tag_end:].replace("<", "&lt;")
    last_comment_end = max(0, source.rfind("-->"))
    source = source[:last_comment_end] + source[last_comment_end:].replace("<!--", "<! ")
    return _HUGE_NUMBERS.sub("\ufffd", source.replace("<![", "<! ["))


class _PageReader(HTMLParser):
    """Walks through the tags and tells a `TextWriter` what is visible."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.writer = TextWriter()
        self._open: list[str] = []
        self._open_count: dict[str, int] = {}
        self._hidden_from: int | None = None  # how many elements were open when the outermost hidden one began
        self._title_parts: list[str] = []

    @property
    def title(self) -> str:
        """The text of `<title>`, on one line."""
        return " ".join(clean("".join(self._title_parts)).split())[:200]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        while self._open and self._open[-1] in _ENDS_OPEN.get(tag, ()):
            self._close(self._open[-1])
        if tag not in _VOID:
            if self._hidden_from is None and (tag in _LEFT_OUT or _is_hidden(dict(attrs))):
                self._hidden_from = len(self._open)
            self._open.append(tag)
            self._open_count[tag] = self._open_count.get(tag, 0) + 1
        if self._hidden_from is None:
            self._show_start(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open_count.get(tag):  # never opened: without this, each one would search the whole stack
            return
        while self._open[-1] != tag:
            self._close(self._open[-1])
        self._close(tag)

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "title" and "svg" not in self._open_count:
            self._title_parts.append(data)
        if self._hidden_from is None:
            self.writer.write(clean(data), self.getpos()[0])
            if self.writer.length > MAX_TEXT_CHARACTERS:
                raise DocumentError(
                    f"holds more than {MAX_TEXT_CHARACTERS // 10**6} million characters of text: split it"
                )

    def _close(self, tag: str) -> None:
        self._open.pop()
        self._open_count[tag] -= 1
        if self._hidden_from is None:
            self._show_end(tag)
        elif len(self._open) <= self._hidden_from:
            self._hidden_from = None

    def _show_start(self, tag: str) -> None:
        if tag in _HEADINGS:
            self.writer.start_heading(_HEADINGS[tag])
        elif start := _STARTS.get(tag):
            start(self.writer)
        elif tag in _BREAKS:
            self.writer.part(_BREAKS[tag])

    def _show_end(self, tag: str) -> None:
        if tag in _HEADINGS:
            self.writer.end_heading()
        elif end := _ENDS.get(tag):
            end(self.writer)
        elif tag in _BREAKS:
            self.writer.part(Break.LINE if tag == "dt" else _BREAKS[tag])


def _is_hidden(attributes: dict[str, str | None]) -> bool:
    if "hidden" in attributes or attributes.get("aria-hidden") == "true" or attributes.get("role") == "navigation":
        return True
    return bool(_HIDDEN_STYLE.search((attributes.get("style") or "")[:1000]))
