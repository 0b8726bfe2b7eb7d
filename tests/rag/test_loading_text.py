"""Cleaning and decoding: every encoding gives the same text, and lines stay those of an editor."""

from __future__ import annotations

import codecs
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmapps.errors import DocumentError
from llmapps.rag.documents import place_of
from llmapps.rag.loading import plain_text
from llmapps.rag.loading.cleaning import clean
from llmapps.rag.loading.decoding import decode

WORDS = "Café: naïve “quotes” – and a longer line of plain words."


@pytest.mark.parametrize(
    "data",
    [
        WORDS.encode(),
        codecs.BOM_UTF8 + WORDS.encode(),
        codecs.BOM_UTF16_LE + WORDS.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + WORDS.encode("utf-16-be"),
        codecs.BOM_UTF32_LE + WORDS.encode("utf-32-le"),
        WORDS.encode("utf-16-le"),
        WORDS.encode("utf-16-be"),
        WORDS.encode("cp1252"),
    ],
)
def test_every_encoding_gives_the_same_text(data: bytes) -> None:
    assert decode(data) == WORDS


def test_a_declared_encoding_is_used_unless_the_bytes_are_utf8() -> None:
    assert decode("日本語".encode("shift_jis"), declared="Shift_JIS") == "日本語"
    assert decode("日本語".encode("iso2022_jp"), declared="iso-2022-jp") == "日本語"
    assert decode(WORDS.encode(), declared="iso-8859-1") == WORDS
    assert decode(WORDS.encode("cp1252"), declared="iso-8859-1") == WORDS
    assert decode(b"\xe9t\xe9", declared="rot13") == "été"
    assert decode(b"\xe9t\xe9", declared="cp99999") == "été"


def test_a_damaged_byte_does_not_spoil_utf8() -> None:
    assert decode("ééééééé".encode() + b"\xff") == "ééééééé\ufffd"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a\0b", "NUL bytes; remove"),
        (b"\x01\x02\x03abc" * 9, "control characters; remove"),
        (b"%PDF-1.4\n", "not text but a PDF: give it the right ending"),
        (b"PK\x03\x04....", "a zip archive or an Office file"),
    ],
)
def test_what_is_not_text_is_named(data: bytes, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        decode(data)


@given(st.binary(max_size=200))
def test_decoding_gives_text_or_a_document_error(data: bytes) -> None:
    try:
        text = decode(data)
    except DocumentError:
        return
    assert "\0" not in text


@given(st.text(alphabet=st.characters(), max_size=80))
def test_cleaning_keeps_the_number_of_lines_and_is_done_once(text: str) -> None:
    cleaned = clean(text)
    assert cleaned.count("\n") == len(re.findall("\r\n|\r|\n", text))
    assert clean(cleaned) == cleaned
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u202a-\u202e\u2066-\u2069\ud800-\udfff]", cleaned)
    assert not re.search("[\U000e0000-\U000e007f\ufeff]", cleaned)


@given(st.text(alphabet="abc éüß中文 \n\t.,;", max_size=80))
def test_cleaning_leaves_ordinary_text_alone(text: str) -> None:
    assert clean(text) == text


def test_joiners_stay_where_they_spell_a_word() -> None:
    persian, family = "می\u200cخواهم", "👩\u200d👧"
    assert clean(persian) == persian
    assert clean(family) == family
    assert clean("pay\u200dload \u200c") == "payload "


def test_terminal_colours_go_and_words_stay_apart() -> None:
    assert clean("\x1b[31mred\x1b[0m\x0bnext\x85line\u2028end") == "red next line end"


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_lines_of_plain_text_are_those_of_an_editor(line_break: str) -> None:
    source = line_break.join(["first", "", "third\x0cform feed", "fourth"])
    document = plain_text.load(source.encode(), "t")
    start = document.text.index("third")
    assert place_of(document, start, len(document.text)).lines == (3, 4)
    assert place_of(document, 0, 5).lines == (1, 1)
    assert document.title == "t"
