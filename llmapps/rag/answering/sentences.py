"""Texts cut into sentences: the notes for quotes, and an answer while it arrives."""

from __future__ import annotations

import re
from dataclasses import dataclass

# A dot after one of these does not end a sentence.
_ABBREVIATIONS = frozenset(
    "e.g i.e etc cf vs fig figs eq eqs sec dr mr mrs ms prof st approx al ca resp inc ltd jr".split()
)
_END = re.compile(r"""[.!?…]+["'”’)\]*_`]*(?=\s|$)|[。！？]+["'”’)]*|\n+""")
_LIST_MARK = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)]|[a-zA-Z][.)])\s*")
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘]+$")


@dataclass(frozen=True, slots=True)
class Span:
    """The part [start, end) of a text, without white space around it."""

    start: int
    end: int


def sentence_spans(text: str) -> list[Span]:
    """The sentences of a text, in order. A line break ends a sentence, as in lists and tables.

    >>> [t[s.start:s.end] for t in ["It is 0.5, e.g. here. Is it? Yes"] for s in sentence_spans(t)]
    ['It is 0.5, e.g. here.', 'Is it?', 'Yes']
    """
    spans: list[Span] = []
    start = 0
    for match in _END.finditer(text):
        if match.group().startswith("\n") or _ends_sentence(text, start, match):
            _add(spans, text, start, match.end())
            start = match.end()
    _add(spans, text, start, len(text))
    return spans


def complete_sentences(text: str) -> list[Span]:
    """The sentences that are finished although more text may follow: all but the last, unless its line has ended."""
    spans = sentence_spans(text)
    if spans and "\n" not in text[spans[-1].end :]:
        spans.pop()
    return spans


def _ends_sentence(text: str, start: int, match: re.Match[str]) -> bool:
    before = text[start : match.start()]
    if _LIST_MARK.fullmatch(text[start : match.end()]):
        return False  # "1." and "a)" begin a point
    if not match.group().startswith("."):
        return True
    last = _LAST_WORD.search(before)
    word = last.group().lower() if last else ""
    if word in _ABBREVIATIONS or re.fullmatch(r"[A-Z]", last.group() if last else ""):
        return not text[match.end() :].strip()
    return True


def _add(spans: list[Span], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if end > start:
        spans.append(Span(start, end))
