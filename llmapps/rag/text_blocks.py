"""The blocks of a text, which are better kept whole, and its lines as sentences run, whatever lines they were typed in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from llmapps.rag.documents import SectionKind
from llmapps.rag.loading.markdown_headings import closes_fence, opened_fence

_LEAST_WRAPPED_CHARACTERS = 40
"""A shorter line of plain text was ended by its author, as in a list or an address."""

_BEGINS_ANEW = re.compile(r"\s*(?:$|[-*+•>|#<]|\(?\d{1,3}[.)]\s|\(?[a-z]\))")
_ENDS_SENTENCE = re.compile(r"[.!?:;][\"'”’»)\]*_`]*\s*$|[。！？]\s*$")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list, table or block of code at [start:end] of a text."""

    start: int
    end: int
    is_code: bool = False


def find_blocks(text: str, kind: SectionKind) -> list[Block]:
    """The blocks, in order. Only Markdown marks its blocks: other text is one block, and cut at its blank lines."""
    if kind != "markdown":
        return [Block(0, len(text), is_code=kind == "code")]
    return list(_markdown_blocks(text))


def unwrapped(text: str, kind: SectionKind) -> str:
    r"""The text, of the same length, with a space for each line break that stands within a sentence.

    >>> unwrapped("A sentence in\ntwo lines.\nAnother.", "markdown")
    'A sentence in two lines.\nAnother.'
    """
    if kind not in {"markdown", "wrapped"}:
        return text
    least = 0 if kind == "markdown" else _LEAST_WRAPPED_CHARACTERS
    lines = text.split("\n")
    parts = [lines[0]]
    for above, line in pairwise(lines):
        is_whole = len(above) < least or not above.strip() or "|" in above or _ENDS_SENTENCE.search(above[-9:])
        parts += ["\n" if is_whole or _BEGINS_ANEW.match(line) else " ", line]
    return "".join(parts)


def _markdown_blocks(text: str) -> Iterator[Block]:
    """Runs of lines without a blank one, but blocks of code whole, from fence to fence."""
    fence = ""
    start = -1  # of the block that is being read, or -1
    offset = 0
    for line in text.split("\n"):
        end = offset + len(line)
        if fence:
            if closes_fence(line, fence):
                yield Block(start, end, is_code=True)
                fence, start = "", -1
        elif fence := opened_fence(line):
            if start >= 0:
                yield Block(start, offset - 1)
            start = offset
        elif line.strip():
            start = offset if start < 0 else start
        elif start >= 0:
            yield Block(start, offset - 1)
            start = -1
        offset = end + 1
    if start >= 0:
        yield Block(start, len(text), is_code=bool(fence))
