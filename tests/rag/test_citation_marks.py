"""A model's own citation marks: taken out and kept as claims, however the stream is cut; nothing else is touched."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmapps.rag.answering.citation_marks import MarkFilter

Claims = list[tuple[int, int]]


def filtered(*pieces: str, most: int = 4) -> tuple[str, Claims]:
    marks = MarkFilter(most)
    for piece in pieces:
        marks.feed(piece)
    marks.finish()
    return marks.text, marks.claims


CASES: dict[str, tuple[str, str, Claims]] = {
    "before the full stop": ("A is b [1]. C", "A is b. C", [(6, 1)]),
    "without a space": ("A is b[1]. C", "A is b. C", [(6, 1)]),
    "behind the full stop": ("A is b. [2] C", "A is b. C", [(7, 2)]),
    "two marks": ("A is b [1][3].", "A is b.", [(6, 1), (6, 3)]),
    "two marks apart": ("A is b [1] [3].", "A is b.", [(6, 1), (6, 3)]),
    "one mark for two": ("A is b [1, 3]. C [2;4].", "A is b. C.", [(6, 1), (6, 3), (9, 2), (9, 4)]),
    "blanks inside": ("A [ 1 ].", "A.", [(1, 1)]),
    "inside a sentence": ("As [2] says, b", "As says, b", [(2, 2)]),
    "at the beginning": ("[1] A", " A", [(0, 1)]),
    "at the end": ("A [1]", "A", [(1, 1)]),
    "at the end of a line": ("A [1]\nB [2]  \nC", "A\nB  \nC", [(1, 1), (3, 2)]),
    "behind quotes and brackets": ('"A" [1], (b [2]) `c` [3].', '"A", (b) `c`.', [(3, 1), (7, 2), (12, 3)]),
    "a number that no hit has": ("A [9].", "A.", [(1, 9)]),
    "some numbers that no hit has": ("A [1, 9].", "A.", [(1, 1), (1, 9)]),
}
NO_MARKS = {
    "link": "See [1](page.html), [2](#x).",
    "index": "Use items[1] to get it.",
    "index in code": "Use `items[1]`. And `x = [1, 2]`.",
    "block of code": "So:\n```\nx = [1, 2]\ny[1]\n```\n",
    "interval": "It lies in [0, 1].",
    "vector": "The vector [3, 4] has length 5.",
    "shape": "It has the shape [32, 10].",
    "decimals and words": "In [0.5] and [a] and [1a] and [-1, 1] and [ ] and [] and [1.].",
    "long numbers": "In [2020] and [100].",
    "not closed": "A [1",
    "not closed before a line": "A [1\n]",
    "footnote": "A [^1]",
}


@pytest.mark.parametrize("name", CASES)
def test_marks_are_taken_out_at_every_cut_of_the_stream(name: str) -> None:
    text, expected, claims = CASES[name]
    for first in range(len(text) + 1):
        for second in range(first, len(text) + 1):
            assert filtered(text[:first], text[first:second], text[second:]) == (expected, claims)


@pytest.mark.parametrize("name", NO_MARKS)
def test_what_only_looks_like_a_mark_stays_at_every_cut_of_the_stream(name: str) -> None:
    text = NO_MARKS[name]
    for cut in range(len(text) + 1):
        assert filtered(text[:cut], text[cut:]) == (text, [])


def test_marks_after_code_are_marks_again() -> None:
    assert filtered("```\na[1]\n```\nB [1]. `c` d [2].") == ("```\na[1]\n```\nB. `c` d.", [(14, 1), (21, 2)])


def test_what_cannot_become_a_mark_is_not_held_back() -> None:
    marks = MarkFilter()
    marks.feed("A [b")
    assert marks.text == "A [b"
    marks.feed(" [1")
    assert marks.text == "A [b"
    marks.feed("x")
    assert marks.text == "A [b [1x"


def test_claims_belong_to_the_sentence_before_them() -> None:
    marks = MarkFilter()
    marks.feed("A [1]. B. [2][3] C. D [4].")
    marks.finish()
    assert marks.text == "A. B. C. D."
    starts = [0, 3, 6, 9, None]
    assert [marks.claimed_in(starts[i] or 0, starts[i + 1]) for i in range(4)] == [(1,), (2, 3), (), (4,)]


PARTS = [
    *("[1]", "[2", "]", "[", "1", ", ", ";", " ", ".", "?", "word", "a", "`", "```\n", "\n", "(", ")", "[1, 2]", "_"),
    *("0", "[0]", "[12]"),
]
PIECES = st.lists(st.sampled_from(PARTS), max_size=25)


@settings(max_examples=500)
@given(PIECES, st.data())
def test_cuts_change_neither_text_nor_claims(pieces: list[str], data: st.DataObject) -> None:
    text = "".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    parts = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert filtered(*parts) == filtered(text) == filtered(*text) == filtered(*pieces)


@settings(max_examples=300)
@given(st.text(max_size=200).filter(lambda text: "[" not in text), st.integers(0, 200))
def test_text_without_brackets_is_never_changed(text: str, cut: int) -> None:
    assert filtered(text[:cut], text[cut:]) == (text, [])


@settings(max_examples=300)
@given(PIECES)
def test_only_marks_and_the_blanks_before_them_are_taken_out(pieces: list[str]) -> None:
    text = "".join(pieces)
    left, claims = filtered(text)
    rest = iter(text)
    assert all(character in rest for character in left), "what is left is the text with something taken out"
    assert [character for character in text if character.isalpha()] == [one for one in left if one.isalpha()]
    assert all(0 <= position <= len(left) for position, _ in claims)
