"""Bytes of a text file to text: the byte order mark decides, else UTF-8, else UTF-16, else Windows-1252."""

from __future__ import annotations

import codecs
import re

from llmapps.errors import DocumentError

MAX_TEXT_CHARACTERS = 10_000_000
"""Ten megabytes of text are about 3,000 pages; more is a data set, not a note."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_OTHER_FORMATS = (
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a zip archive or an Office file"),
    (b"\xd0\xcf\x11\xe0", "an old Office file"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"\x7fELF", "a program"),
    (b"\x1f\x8b", "a gzip archive"),
)
_SAMPLE_BYTES = 65_536
_MAX_CONTROL_SHARE = 0.02
_MAX_NUL_SHARE = 0.05
_CONTROLS = re.compile("[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f]")


def decode(data: bytes, *, declared: str = "", drops_nul: bool = False) -> str:
    """The text of a text file, without its byte order mark.

    Args:
        data: all of the file.
        declared: the encoding that the file itself names, as HTML pages do; used unless the bytes are UTF-8.
        drops_nul: leave out a few stray NUL characters, which programs write into tables, instead of an error.

    Raises:
        DocumentError: the bytes are not text, or the text is too long.
    """
    for magic, name in _OTHER_FORMATS:
        if data.startswith(magic):
            raise DocumentError(f"is not text but {name}: give it the right ending, or remove it")
    text = _decoded(data, declared)
    if drops_nul and text.count("\0") <= _MAX_NUL_SHARE * len(text):
        text = text.replace("\0", "")
    if "\0" in text:
        raise DocumentError("is not text: it holds NUL bytes; remove the file or save it as UTF-8 text")
    sample = text[:_SAMPLE_BYTES]
    if len(_CONTROLS.findall(sample)) > _MAX_CONTROL_SHARE * len(sample):
        raise DocumentError("is not text: it is full of control characters; remove the file or save it as UTF-8 text")
    return require_length(text)


def require_length(text: str) -> str:
    """The text itself, or DocumentError when it is too long to be a note."""
    if len(text) > MAX_TEXT_CHARACTERS:
        raise DocumentError(
            f"holds {len(text) / 1e6:.1f} million characters; {MAX_TEXT_CHARACTERS / 1e6:.0f} million is the limit: split it"
        )
    return text


def _decoded(data: bytes, declared: str) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace")
    if b"\0" in data[:_SAMPLE_BYTES] and (text := _utf16_without_mark(data)):
        return text
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return _decoded_as_declared(data, declared) or _decoded_with_errors(data)
    if text.isascii() and declared:  # as the encodings of Japan and China can be
        return _decoded_as_declared(data, declared) or text
    return text


def _utf16_without_mark(data: bytes) -> str:
    """The text when NUL bytes stand only in every second place and all of it is UTF-16; else ""."""
    sample = data[:_SAMPLE_BYTES]
    odd, even = sample[1::2].count(0), sample[0::2].count(0)
    if max(odd, even) <= 20 * min(odd, even):
        return ""
    try:
        return data.decode("utf-16-le" if odd > even else "utf-16-be")
    except UnicodeDecodeError:
        return ""


def _decoded_as_declared(data: bytes, declared: str) -> str:
    # A list of kinds, as Python also knows "encodings" such as rot13, idna and unicode_escape.
    known = re.fullmatch(
        r"(x-)?(iso|windows|cp|shift|sjis|euc|gb|big5|koi8|mac|tis)[\w-]{0,20}", declared, re.IGNORECASE
    )
    if not known or declared.lower() in {"iso-8859-1", "iso8859-1"}:  # which means Windows-1252 on the web
        return ""
    try:
        return data.decode(declared.lower().removeprefix("x-"), errors="replace")
    except (LookupError, UnicodeError):
        return ""


def _decoded_with_errors(data: bytes) -> str:
    """UTF-8 with a few damaged bytes stays UTF-8; anything else is taken as Windows-1252."""
    as_utf8 = data.decode("utf-8", errors="replace")
    damaged = as_utf8.count("\ufffd")
    intact = sum(1 for character in as_utf8 if character > "\x7f") - damaged
    if intact > 5 * damaged:
        return as_utf8
    # The five bytes that Windows-1252 does not define become control characters, which the check for binary counts.
    return re.sub("[\x80-\x9f]", lambda c: c[0].encode("latin-1").decode("cp1252", "replace"), data.decode("latin-1"))
