"""What is printed cannot command the terminal, and is data or talk, never both."""

from __future__ import annotations

import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmapps.cli import output
from llmapps.cli.output import complain, emit, emit_json, has_colour, inert, say, set_quiet

HOSTILE = {
    "colour": ("\x1b[31mred\x1b[0m", "red"),
    "title": ("\x1b]0;owned\x07after", "]0;ownedafter"),
    "link": ("\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\", "]8;;http://evil\\click]8;;\\"),
    "clipboard": ("\x1b]52;c;ZXZpbA==\x07", "]52;c;ZXZpbA=="),
    "cursor up and erase": ("\x1b[2A\x1b[2Kgone", "gone"),
    "C1": ("a\x9b31mb\x9d0;t\x9cc", "a31mb0;tc"),
    "bell and backspaces": ("safe\x07\b\b\b\bevil", "safeevil"),
    "carriage return": ("harmless\rpwned", "harmless\npwned"),
    "right to left": ("user\u202egpj.exe", "usergpj.exe"),
    "lone escape": ("\x1b", ""),
    "half a sequence": ("\x1b[31", "[31"),
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("text", "expected"), HOSTILE.values(), ids=HOSTILE)
def test_nothing_that_a_terminal_obeys_is_left(text: str, expected: str) -> None:
    assert inert(text) == expected


def test_ordinary_text_stays_as_it_is() -> None:
    text = "Umlaute äöü, 漢字, emoji 👩‍🔬, math ∑, arrows →, a\ttab\nand a line, שלום"
    assert inert(text) == text


@given(st.text())
def test_inert_text_holds_no_control_character_and_is_inert(text: str) -> None:
    once = inert(text)
    assert not [c for c in once if unicodedata.category(c) == "Cc" and c not in "\n\t"]
    assert inert(once) == once


@given(st.text(), st.integers(min_value=0, max_value=20))
def test_text_that_comes_in_parts_is_inert_too(text: str, cut: int) -> None:
    parts = inert(text[:cut]) + inert(text[cut:])
    assert not [c for c in parts if unicodedata.category(c) == "Cc" and c not in "\n\t"]


def test_data_goes_to_stdout_and_talk_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    emit("data \x1b[31m1")
    say("talk \x1b[31m2")
    complain("wrong \x1b[31m3")
    assert tuple(capsys.readouterr()) == ("data 1\n", "talk 2\nllmapps: wrong 3\n")


def test_quiet_silences_talk_only(capsys: pytest.CaptureFixture[str]) -> None:
    set_quiet(True)
    try:
        emit("data")
        say("talk")
        complain("wrong")
    finally:
        set_quiet(False)
    assert tuple(capsys.readouterr()) == ("data\n", "llmapps: wrong\n")


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_is_unchanged_in_value_and_inert_in_form(value: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        stream = io.StringIO()
        patch.setattr("sys.stdout", stream)
        emit_json(value)
    printed = stream.getvalue()
    assert json.loads(printed) == value
    assert printed == inert(printed)


def test_json_lines_are_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    emit_json({"text": "one\ntwo"}, line=True)
    emit_json([1], line=True)
    assert capsys.readouterr().out == '{"text": "one\\ntwo"}\n[1]\n'


def test_colour_needs_a_terminal_and_no_wish_against_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert has_colour(Terminal())
    assert not has_colour(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not has_colour(Terminal())
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not has_colour(Terminal())


def test_only_our_own_colours_reach_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    emit("plain\x1b[31m")
    emit("bold\x1b[31m", style="bold", end="")
    assert terminal.getvalue() == "plain\n\x1b[1mbold\x1b[0m"


def test_without_streams_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    monkeypatch.setattr("sys.stderr", None)
    emit("data")
    complain("wrong")
    assert not output.is_terminal()
