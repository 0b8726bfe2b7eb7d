"""Markdown: the source text itself without its front matter, in sections by headings."""

from __future__ import annotations

import re

from llmapps.rag.documents import LoadedDocument, marks_of_lines
from llmapps.rag.loading.cleaning import clean
from llmapps.rag.loading.decoding import decode
from llmapps.rag.loading.headings import SectionBuilder
from llmapps.rag.loading.markdown_headings import find_headings
from llmapps.types import Place

VERSION = 1
MAX_FRONT_MATTER_CHARACTERS = 65_536

_FRONT_MATTER = re.compile(r"(---|\+\+\+)[ \t]*\n(.*?)^(?:\1|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_KEY_FIRST = re.compile(r"(?:[ \t]*(?:#.*)?\n)*[\w\"'][\w \"'.-]{0,80}(?::(?:\s|$)|=)")
_TITLE = re.compile(r"^title[ \t]*[:=][ \t]*(\S.*)", re.MULTILINE)


def load(data: bytes, title: str) -> LoadedDocument:
    """The text below the front matter; the title is the first main heading, else the front matter's."""
    source = clean(decode(data))
    front_matter = find_front_matter(source)
    text = source[len(front_matter) :]
    headings = find_headings(text)
    builder = SectionBuilder()
    builder.add(text, headings, (0, len(text)), Place(), "markdown")
    marks = marks_of_lines(text, first_line=1 + front_matter.count("\n"))
    main = next((heading.text for heading in headings if heading.level == 1), "")
    return LoadedDocument(text, tuple(builder.sections), tuple(marks), main or _title_in(front_matter) or title)


def find_front_matter(source: str) -> str:
    r"""The YAML or TOML block that a note begins with, marks included; "" when there is none.

    It is not parsed: a few hundred bytes of YAML can unfold to gigabytes.

    >>> find_front_matter("---\ntitle: A\n---\nText")
    '---\ntitle: A\n---\n'
    >>> find_front_matter("---\nA rule above, a rule below.\n\n---\nText")
    ''
    """
    match = _FRONT_MATTER.match(source[:MAX_FRONT_MATTER_CHARACTERS])
    if not match or (match[2].strip() and not _KEY_FIRST.match(match[2])):
        return ""
    return match[0]


def _title_in(front_matter: str) -> str:
    match = _TITLE.search(front_matter)
    value = match[1].strip() if match else ""
    if value[:1] in {'"', "'"}:
        return value[1:].partition(value[0])[0].strip()
    return "" if value[:1] in {"|", ">", "{", "[", "&", "*", "!"} else value
