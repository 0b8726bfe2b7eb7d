"""Markdown: what is a heading and what is not, front matter, titles and true lines."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmapps.rag.documents import LoadedDocument, place_of
from llmapps.rag.loading.markdown_headings import find_headings, plain_heading
from llmapps.rag.loading.markdown_note import find_front_matter, load


def headings(text: str) -> list[tuple[int, str]]:
    found = find_headings(text)
    for heading in found:
        assert text[heading.start : heading.end].strip()
    return [(heading.level, heading.text) for heading in found]


def paths(text: str) -> list[tuple[str, ...]]:
    return [section.place.heading for section in load(text.encode(), "stem").sections]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# One\n## Two ##\n###### Six", [(1, "One"), (2, "Two"), (6, "Six")]),
        ("   # indented", [(1, "indented")]),
        ("    # code", []),
        ("#hashtag\n####### seven\n#", []),
        ("Title\n=====\n\nPart\nof two lines\n---", [(1, "Title"), (2, "Part of two lines")]),
        ("text\n\n---\n\n***", []),
        ("---\n---\n* * *\n---", []),
        ("- item\n---", []),
        ("- item\n  goes on\n---", []),
        ("> quoted\n---", []),
        ("| a |\n---", []),
        ("```\n# no\n```\n# yes", [(1, "yes")]),
        ("~~~~\n# no\n~~~\n# no\n~~~~~\n# yes", [(1, "yes")]),
        ("```\n# no, never closed", []),
        ("``` inline ``` code\n# yes", [(1, "yes")]),
        ("1. step\n   ```\n# no\n   ```\n# yes", [(1, "yes")]),
        ("<!-- # no\n# no\n-->\n# yes", [(1, "yes")]),
        ('<h1 align="center">A <b>logo</b></h1>', [(1, "A logo")]),
        ("x" * 300 + "\n---", []),
    ],
)
def test_headings(text: str, expected: list[tuple[int, str]]) -> None:
    assert headings(text) == expected


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("**Bold** and *it* and `code`", "Bold and it and code"),
        ("[link](http://x) ![img](y)", "link img"),
        ("A &amp; B \\* {#anchor}", "A & B *"),
        ("snake_case_name and 2 * 3 * 4", "snake_case_name and 2 * 3 * 4"),
        ("List<int> in C", "List in C"),
    ],
)
def test_headings_lose_their_marks(markup: str, text: str) -> None:
    assert plain_heading(markup) == text


def test_heading_paths_follow_the_levels() -> None:
    text = "before\n\n# A\na\n## B\nb\n### C\nc\n## D\nd\n# E\n## F"
    assert paths(text) == [(), ("A",), ("A", "B"), ("A", "B", "C"), ("A", "D"), ("E",), ("E", "F")]


def test_the_text_is_the_source_below_the_front_matter() -> None:
    source = "---\ntitle: T\nx: [1,\n 2]\n---\n\n# Head\n\ntext *as* it stands"
    document = load(source.encode(), "stem")
    assert source.endswith(document.text)
    start = document.text.index("text")
    assert place_of(document, start, start + 4).lines == (9, 9)


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("---\ntitle: Front\n---\n# Main\n", "Main"),
        ("---\ntitle: 'Front: matter' # note\n---\n## Sub\n", "Front: matter"),
        ('+++\ntitle = "Toml"\n+++\ntext', "Toml"),
        ("---\ntitle: >\n  folded\n---\ntext", "stem"),
        ("text", "stem"),
        ("## Sub\n", "stem"),
    ],
)
def test_titles(source: str, title: str) -> None:
    assert load(source.encode(), "stem").title == title


@pytest.mark.parametrize(
    "source",
    [
        "---\nOnly a rule.\n\n---\n",
        "---\nkey: never closed\n",
        "text\n---\na: b\n---\n",
        "---\nk: " + "x" * 70_000 + "\n---\n",
    ],
)
def test_what_is_not_front_matter_stays(source: str) -> None:
    assert find_front_matter(source) == ""
    assert load(source.encode(), "t").text == source


def test_a_yaml_bomb_is_not_unfolded() -> None:
    bomb = (
        "---\na: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{c}: &{c} [*a,*a,*a,*a,*a]\n" for c in "bcdefgh") + "---\ntext\n"
    )
    started = time.perf_counter()
    assert load(bomb.encode(), "t").text == "text\n"
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("unit", ["# ", "a ", "<h1>", "</h1> ", "[](", "**", "` ", "\n", "---\n", "#  \t"])
def test_time_is_not_quadratic(unit: str) -> None:
    started = time.perf_counter()
    for source in (unit * 200_000, "# " + unit * 200_000, "---\n" + unit * 200_000):
        load(source.encode(), "t")
    assert time.perf_counter() - started < 10


@given(
    st.lists(st.sampled_from(["# H", "text", "", "```", "---", "- x", "    y", "> q", "<!--", "-->", "===", "| a |"]))
)
def test_every_line_is_at_its_place(lines: list[str]) -> None:
    source = "\n".join(lines)
    require_true_lines(load(source.encode(), "t"), source)


@given(st.text(alphabet="#-=`~> |\n\r\taé<!", max_size=60))
def test_every_mark_is_true_for_odd_text(source: str) -> None:
    require_true_lines(load(source.encode(), "t"), source.replace("\r\n", "\n").replace("\r", "\n"))


def require_true_lines(document: LoadedDocument, source: str) -> None:
    source_lines = source.split("\n")
    if not document.text:
        return
    offsets = [mark.offset for mark in document.line_marks] + [len(document.text) + 1]
    for mark, end in zip(document.line_marks, offsets[1:], strict=True):
        assert document.text[mark.offset : end - 1] == source_lines[mark.line - 1]
