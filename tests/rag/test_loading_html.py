"""HTML: what a reader sees, in blocks, with source lines; hidden text, broken tags, depth and time."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmapps.errors import DocumentError
from llmapps.rag.documents import LoadedDocument, place_of
from llmapps.rag.loading.html_page import load


def text_of(source: str) -> str:
    return load(source.encode(), "t").text


def lines_of(document: LoadedDocument, words: str) -> tuple[int, int] | None:
    start = document.text.index(words)
    return place_of(document, start, start + len(words)).lines


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>one\n two</p><p>three", "one two\n\nthree"),
        ("a<br>b<br><br>c", "a\nb\n\nc"),
        ("a <b>bold</b>, <i>it</i>alic", "a bold, italic"),
        ("<ul><li>one<li><p>two</p></ul>end", "- one\n- two\n\nend"),
        ("<ul><li></li></ul><p>end", "end"),
        ("<dl><dt>term<dd>meaning<dt>next<dd>more</dl>", "term\nmeaning\n\nnext\nmore"),
        ("<table><tr><td><p>a</p></td><td><div>b</div></td></tr><tr><td>c<td>d</table>e", "a | b\nc | d\n\ne"),
        ("<table><tr><td><p>a</p><p>b</p></td><td>c</td></tr></table>", "a\n\nb\n\nc"),
        ("<table><tr><td><table><tr><td>x<td>y</table></td><td>z</td></tr></table>", "x | y\n\nz"),
        ("<pre>  if x:\n\n    y</pre>z", "  if x:\n\n    y\n\nz"),
        ("&lt;b&gt; &eacute; &#233; &nbsp; &#x1F408; &unknown;", "<b> é é 🐈 &unknown;"),
        ("a<script>b</script>c<style>d</style>e<!-- f -->g<template>h</template>", "aceg"),
        ("<svg><title>x</title><text>y</text></svg>z", "z"),
        ("1 < 2 and <3", "1 < 2 and <3"),
        ("a <![if !x]>b<![endif]> c", "a b c"),
    ],
)
def test_text(source: str, text: str) -> None:
    assert text_of(source) == text


@pytest.mark.parametrize(
    "hidden",
    [
        "<p hidden>x</p>",
        '<div hidden=""><p>x</p></div>',
        '<p style="color: red; DISPLAY : none">x</p>',
        '<span style="font-size:0px">x</span>',
        '<span style="opacity:0">x</span>',
        '<i aria-hidden="true">x</i>',
        '<div role="navigation">x</div>',
        "<nav><ul><li>x</li></ul></nav>",
        "<p hidden>x<p>",
        "<ul><li hidden>x<li></ul>",
        "<head><meta name=a></head>",
        "<noscript>x</noscript>",
        "<button>x</button>",
        "&#8203;\u202e&#x200B;",
    ],
)
def test_what_is_hidden_is_left_out(hidden: str) -> None:
    assert text_of(f"before{hidden}<div>after</div>") == "before\n\nafter"


@pytest.mark.parametrize("style", ["opacity:0.5", "font-size:0.9em", "display:block", "--display:none-such"])
def test_what_only_looks_hidden_stays(style: str) -> None:
    assert text_of(f'<p style="{style}">seen</p>') == "seen"


def test_headings_give_the_sections_and_the_title() -> None:
    document = load(b"<title>Site</title>x<h1>A <b>page</b></h1>one<h2>Sub</h2><h3></h3>two<h1>B</h1>", "t")
    assert [section.place.heading for section in document.sections] == [(), ("A page",), ("A page", "Sub"), ("B",)]
    assert document.title == "A page"
    assert load(b"<title> Site\n name</title><h2>x</h2>", "t").title == "Site name"
    assert load(b"<p>x", "t").title == "t"


def test_every_line_of_a_paragraph_has_its_place() -> None:
    document = load(b"<html>\r\n<p>first\r\nsecond <b>third</b>\r\n\r\nfifth</p>\r\n<pre>\r\nseventh\r\n</pre>", "t")
    assert [lines_of(document, word) for word in ("first", "second", "third", "fifth", "seventh")] == [
        (2, 2),
        (3, 3),
        (3, 3),
        (5, 5),
        (7, 7),
    ]
    assert lines_of(document, "first second third fifth") == (2, 5)


def test_the_charset_of_the_page_is_used() -> None:
    page = '<meta http-equiv="Content-Type" content="text/html; charset=windows-1251"><p>привет'
    assert load(page.encode("cp1251"), "t").text == "привет"
    assert load(f'<meta charset="utf-8"><p>{"ü" * 9}'.encode("cp1252"), "t").text == "ü" * 9


def test_depth_does_not_matter() -> None:
    depth = 200_000
    started = time.perf_counter()
    assert text_of("<div>" * depth + "deep" + "</div>" * depth) == "deep"
    assert text_of("<b>" * depth + "deep" + "</i>" * depth) == "deep"
    assert text_of("<table><tr><td>" * 50_000 + "deep") == "deep"
    assert time.perf_counter() - started < 20


UNITS = ["<!--", "<a ", "<![", "<?", "</a ", "<script>", "<a b='", '<a b="', "<", "&", "<!", "<a b=", "<a b='x' "]
UNITS += ["<a/", "<!DOCTYPE ", "<!-- >", "<a b='>", "<title>", "</script ", "<textarea>", "&#9", "<svg>", "<p hidden>"]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("tail", ["", ">", "-->", '">'])
def test_time_is_not_quadratic(unit: str, tail: str) -> None:
    started = time.perf_counter()
    text_of(unit * 30_000 + tail)
    assert time.perf_counter() - started < 5


def test_a_number_of_a_character_may_be_absurd() -> None:
    assert text_of(f"a&#{'9' * 5000};b&#xFFFFFFFFFF;c") == "a\ufffdb\ufffdc"


def test_a_page_that_unfolds_is_refused() -> None:
    with pytest.raises(DocumentError, match="million characters"):
        text_of("<p>" + "x " * 5_100_000)


TAGS = ["p", "li", "ul", "td", "tr", "table", "h1", "h2", "pre", "b", "nav", "div", "dd", "br"]


PIECES = [*(f"<{tag}>" for tag in TAGS), *(f"</{tag}>" for tag in TAGS), "\n", "<p hidden>"]


@given(st.lists(st.sampled_from(PIECES) | st.sampled_from(["one", "two words"]), max_size=30))
def test_any_order_of_tags_gives_true_lines(pieces: list[str]) -> None:
    source = "".join(pieces)
    document = load(source.encode(), "t")
    source_lines = source.split("\n")
    for mark in document.line_marks:
        word = re.match(r"[-| ]*(one|two|words)", document.text[mark.offset :])
        assert word
        assert word[1] in source_lines[mark.line - 1]
    for section in document.sections:
        assert section.start < section.end
