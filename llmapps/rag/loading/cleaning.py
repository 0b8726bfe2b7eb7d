r"""Text without the characters that nobody sees: what the index holds is what a reader of the file can read.

Zero-width characters, bidirectional controls, Unicode tags and control characters can hide words from a reader and
show them to a model, or break up words so that a search misses them. Line breaks are all made "\n" and none is added
or removed, so line numbers stay those of the file in an editor.
"""

from __future__ import annotations

import re

VERSION = 1

_LINE_BREAKS = re.compile(r"\r\n?")
_TERMINAL_CODES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b\n]{0,2000}(?:\x07|\x1b\\)")
# Vertical tab, form feed, separators, next line, line and paragraph separator: they part words, so a space stays.
_SEPARATORS = re.compile("[\x0b\x0c\x1c-\x1f\x85\u2028\u2029]")
# Joiners belong to the spelling of Persian and Indic words and to emoji; alone after such a character they stay.
_STRAY_JOINERS = re.compile("(?<![\u0600-\u0dff\ufe0f\U0001f000-\U0001faff])[\u200c\u200d]")
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
_HIDDEN = re.compile(
    "["
    "\x00-\x08\x0e-\x1b\x7f-\x9f"  # control characters
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0"  # soft hyphen, fillers
    "\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb"  # zero width, bidirectional controls
    "\ufe00-\ufe0e\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # variation selectors, format controls
    "\U000e0000-\U000e0fff"  # tags, more variation selectors
    "]"
)


def clean(text: str) -> str:
    r"""The text with "\n" for every line break and without invisible characters.

    >>> clean("pay\u200bload\r\nnext\x0cpage")
    'payload\nnext page'
    """
    text = _LINE_BREAKS.sub("\n", text)
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    text = _TERMINAL_CODES.sub("", text)
    text = _SEPARATORS.sub(" ", text)
    text = _STRAY_JOINERS.sub("", text)
    text = _LONE_SURROGATES.sub("\ufffd", text)
    return _HIDDEN.sub("", text)
