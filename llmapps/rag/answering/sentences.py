"""Texts cut into sentences: the notes for quotes, and an answer while it arrives.

Every decision that a sentence ends looks at the text before, and at no more than one character after the blank space:
so when the first character of the next sentence is there, all sentences before it are settled, whatever still arrives.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# A dot after one of these does not end a sentence, ...
_ABBREVIATIONS = frozenset("e.g i.e cf vs fig figs eq eqs sec dr mr mrs ms prof st approx ca resp".split())
# ... and after one of these only before a capital letter.
_ALSO_AT_THE_END = frozenset("etc al inc ltd jr".split())

_CODE = r"^[ \t]*(?P<fence>`{3,}(?=[^`\n]*(?:\n|\Z))|~{3,}).*?(?:\n[ \t]*(?P=fence)[`~]*[ \t]*(?=\n|\Z)|\Z)"
_END = re.compile(
    rf"""(?P<code>{_CODE})"""
    r"""|[.!?…]+(?P<closing>["'”’»)\]*_`]*)(?=\s|\Z)"""
    r"""|[。！？]+["'”’»)」』）]*"""
    r"""|\n+""",
    re.DOTALL | re.MULTILINE,
)
_VISIBLE = re.compile(r"\S")
_LIST_MARK = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)]|[a-zA-Z][.)])\s*")
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘]+$")
_LEAST_WRAPPED = 50  # a line that is shorter was ended on purpose (choice)
_NOT_PROSE = re.compile(r"\s*(?:#{1,6}\s|\||>|```|~~~)")


@dataclass(frozen=True, slots=True)
class Span:
    """The part [start, end) of a text, without white space around it."""

    start: int
    end: int


def sentence_spans(text: str, begin: int = 0) -> list[Span]:
    """The sentences of a text, in order; together they hold all that is not blank.

    A line break ends a sentence, as in lists and tables, unless a long line of prose goes on with a small letter. A
    block of code between fences is one sentence.

    Args:
        text: in plain words or Markdown.
        begin: the end of a sentence that was found before; those after it are found.

    >>> text = "It is 0.5, e.g. here. Is it? Yes"
    >>> [text[span.start : span.end] for span in sentence_spans(text)]
    ['It is 0.5, e.g. here.', 'Is it?', 'Yes']
    """
    spans: list[Span] = []
    start = begin
    for match in _END.finditer(text, begin):
        if match["code"] is not None:
            _add(spans, text, start, match.start())
            start = match.start()
        elif not _ends_sentence(text, start, match):
            continue
        _add(spans, text, start, match.end())
        start = match.end()
    _add(spans, text, start, len(text))
    return spans


def _ends_sentence(text: str, start: int, match: re.Match[str]) -> bool:
    following = _VISIBLE.search(text, match.end())
    next_character = following.group() if following else ""
    if match.group().startswith("\n"):
        return not (match.group() == "\n" and next_character.islower() and _is_wrapped(text, start, match.start()))
    if _LIST_MARK.fullmatch(text[start : match.end()]):
        return False  # "1." and "a)" begin a point
    if not next_character:
        return True
    if match["closing"] or not match.group().startswith(".") or match.group().startswith(".."):
        return not next_character.islower()  # "Is it?" she asked
    last = _LAST_WORD.search(text, start, match.start())
    word = last.group() if last else ""
    if word.lower() in _ALSO_AT_THE_END:
        return next_character.isupper()
    return word.lower() not in _ABBREVIATIONS and not re.fullmatch(r"[A-Z]", word)


def _is_wrapped(text: str, start: int, end: int) -> bool:
    """Whether the line that ends here is a full line of prose, broken only because it was full."""
    line = text[text.rfind("\n", 0, end) + 1 : end]
    return len(line) >= _LEAST_WRAPPED and not line.rstrip().endswith(":") and not _NOT_PROSE.match(text, start)


def _add(spans: list[Span], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if end > start:
        spans.append(Span(start, end))
