"""Lines break between words, however the text arrives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmapps.cli.wrapping import WordWrap

PIECES = st.lists(st.text("ab \n", max_size=8), max_size=30)


@given(PIECES, st.integers(3, 20))
def test_no_line_is_too_long_unless_a_word_is(pieces: list[str], columns: int) -> None:
    wrap = WordWrap(columns)
    shown = "".join(wrap.feed(piece) for piece in pieces) + wrap.flush()
    assert shown.split() == "".join(pieces).split()
    for line in shown.split("\n"):
        assert len(line) <= columns or len(line.split()) == 1


@given(PIECES)
def test_without_columns_only_white_space_at_the_end_of_lines_is_lost(pieces: list[str]) -> None:
    wrap = WordWrap(0)
    shown = "".join(wrap.feed(piece) for piece in pieces) + wrap.flush()
    assert [line.rstrip() for line in shown.split("\n")] == [line.rstrip() for line in "".join(pieces).split("\n")]
