"""The headings of a Markdown text: `# ATX`, setext (underlined) and one-line `<h1>`, outside code and comments.

After CommonMark 0.31, sections 4.2 (ATX), 4.3 (setext), 4.5 (fenced code) and 4.6 (HTML comments); fences may be
indented further than there, as they are in lists.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from llmapps.rag.loading.headings import MAX_HEADING_CHARACTERS, Heading

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r"[ \t]*(?:[-*+] +|\d+[.)] +)?(`{3,}|~{3,})(.*)$")
_HTML_HEADING = re.compile(r"\s*<h([1-6])\b[^>]*>(.*?)</h\1>\s*$", re.IGNORECASE)
# Indented text goes on with a list, so only a paragraph at the margin can be the text of an underlined heading.
_NOT_A_PARAGRAPH = re.compile(
    r"[ \t]|>|[-*+][ \t]|\d{1,9}[.)][ \t]|\||<|\[[^\]]{1,99}\]:|([-*_])(?:[ \t]*\1){2,}[ \t]*$"
)
_MAX_LINE_CHARACTERS = 10 * MAX_HEADING_CHARACTERS


def find_headings(text: str, *, at: int = 0) -> list[Heading]:
    r"""The headings of a Markdown text that begins at offset `at` of the loaded text, in order.

    >>> [(h.level, h.text) for h in find_headings("# One\n\nTwo\n---\n\n```\n# no\n```\n")]
    [(1, 'One'), (2, 'Two')]
    """
    scan = _Scan()
    offset = at
    for line in text.split("\n"):
        scan.read(line, offset)
        offset += len(line) + 1
    return scan.headings


def plain_heading(markup: str) -> str:
    """A heading's text without Markdown and HTML marks.

    >>> plain_heading("The **loss** of a [GAN](gan.md) `G` {#loss}")
    'The loss of a GAN G'
    """
    text = re.sub(r"\s*\{#[^{}]*\}\s*$", "", markup[: 10 * MAX_HEADING_CHARACTERS])
    text = re.sub(r"!?\[([^\[\]]*)\]\([^()]*\)", r"\1", text)
    text = re.sub(r"</?[A-Za-z][^<>]*>", "", text)
    text = re.sub(r"(\*\*|__|`+|~~)(?=\S)(.+?)(?<=\S)\1", r"\2", text)
    text = re.sub(r"(?<!\w)([*_])(?=\S)(.+?)(?<=\S)\1(?!\w)", r"\2", text)
    text = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text)
    return " ".join(html.unescape(text).split())[:MAX_HEADING_CHARACTERS]


@dataclass(slots=True)
class _Paragraph:
    start: int
    text: str


class _Scan:
    """Reads a text line by line and remembers what it is inside of."""

    def __init__(self) -> None:
        self.headings: list[Heading] = []
        self._fence = ""
        self._in_comment = False
        self._in_other_block = False  # a list, a quotation, a table
        self._paragraph: _Paragraph | None = None

    def read(self, line: str, start: int) -> None:
        if self._in_comment:
            self._in_comment = "-->" not in line
        elif self._fence:
            self._fence = "" if closes_fence(line, self._fence) else self._fence
        elif fence := opened_fence(line):
            self._fence, self._paragraph = fence, None
        elif line.lstrip().startswith("<!--"):
            self._in_comment, self._paragraph = "-->" not in line, None
        elif not self._take_heading(line, start):
            self._take_text(line, start)

    def _take_heading(self, line: str, start: int) -> bool:
        """Whether the line is a heading, or the underline of one, and was taken as such."""
        end = start + len(line)
        if len(line) > _MAX_LINE_CHARACTERS:
            return False
        if match := _ATX.match(line):
            self._add(start, end, len(match[1]), match[2] or "")
        elif match := _HTML_HEADING.match(line):
            self._add(start, end, int(match[1]), match[2])
        elif self._paragraph and (match := _UNDERLINE.match(line)):
            self._add(self._paragraph.start, end, 1 if match[1][0] == "=" else 2, self._paragraph.text)
        else:
            return False
        self._paragraph, self._in_other_block = None, False
        return True

    def _add(self, start: int, end: int, level: int, markup: str) -> None:
        if text := plain_heading(markup):
            self.headings.append(Heading(start, end, level, text))

    def _take_text(self, line: str, start: int) -> None:
        if not line.strip():
            self._paragraph, self._in_other_block = None, False
        elif self._in_other_block:
            pass
        elif self._paragraph and len(self._paragraph.text) + len(line) <= MAX_HEADING_CHARACTERS:
            self._paragraph.text += " " + line.strip()
        elif self._paragraph or len(line) > MAX_HEADING_CHARACTERS or _NOT_A_PARAGRAPH.match(line):
            self._paragraph, self._in_other_block = None, True  # a rule below this is a rule, not an underline
        else:
            self._paragraph = _Paragraph(start, line.strip())


def opened_fence(line: str) -> str:
    """The backticks or tildes that open a block of code on this line, or ""."""
    match = _FENCE.match(line)
    if not match or (match[1][0] == "`" and "`" in match[2]):
        return ""
    return match[1]


def closes_fence(line: str, fence: str) -> bool:
    """Whether the line ends the block of code that this fence opened."""
    mark = line.strip()
    return len(mark) >= len(fence) and not mark.strip(fence[0])
