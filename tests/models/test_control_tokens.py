from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmapps.models.control_tokens import COMMON_SPELLINGS, break_control_tokens, spellings_of
from llmapps.models.gguf import CONTROL, read_marked_tokens

SPELLINGS = sorted(COMMON_SPELLINGS)
texts = st.lists(
    st.one_of(st.sampled_from([*SPELLINGS, "<|", "|>", "<", ">", "[", " ", "im_end", "</"]), st.text(max_size=5))
)


@given(texts.map("".join))
def test_no_spelling_is_left(text: str) -> None:
    broken = break_control_tokens(text)
    assert not [word for word in SPELLINGS if word in broken]


@given(texts.map("".join))
def test_only_spaces_are_added(text: str) -> None:
    broken = break_control_tokens(text)
    assert broken.replace(" ", "") == text.replace(" ", "")
    if not any(word in text for word in SPELLINGS) and "|>" not in text:
        assert broken == text


@given(texts.map("".join))
def test_twice_is_once(text: str) -> None:
    once = break_control_tokens(text)
    assert break_control_tokens(once) == once


@given(st.text(alphabet="ab", max_size=12), st.sets(st.text(alphabet="ab", min_size=2, max_size=4), max_size=4))
def test_overlapping_spellings_are_all_broken(text: str, spellings: set[str]) -> None:
    broken = break_control_tokens(text, spellings)
    assert not [word for word in spellings if word in broken]


@pytest.mark.parametrize("text", ["a < b | c > d", "<|> <||>", "x[i] <table> </p>", "a<|b c|>"])
def test_ordinary_text_stays(text: str) -> None:
    assert break_control_tokens(text) == text


def test_unknown_control_tokens_of_the_usual_form_are_broken() -> None:
    assert break_control_tokens("x<|new_family_turn|>y") == "x< |new_family_turn|>y"


def test_the_vocabulary_of_a_model_is_read(weights_home: Path) -> None:
    path = weights_home / "weights" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert dict(read_marked_tokens(path, {CONTROL}))["<|im_start|>"] == CONTROL
    assert {"<|im_end|>", "<gh_stars>"} <= spellings_of(path)
    assert break_control_tokens("a<gh_stars>b", spellings_of(path)) == "a< gh_stars>b"


@pytest.mark.parametrize("data", [b"hello world", b"GGUF", b"GGUF" + b"\xff" * 60])
def test_a_file_that_is_no_gguf_says_so(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    with pytest.raises(ValueError, match="GGUF file"):
        read_marked_tokens(path, {CONTROL})
