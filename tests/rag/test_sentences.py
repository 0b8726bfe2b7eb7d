"""Cutting into sentences: the cases that trip others, and the laws that streaming stands on."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmapps.rag.answering.sentences import sentence_spans

LONG = "This line of prose is longer than fifty characters, and it was broken"


def sentences(text: str) -> list[str]:
    return [text[span.start : span.end] for span in sentence_spans(text)]


CASES: dict[str, tuple[str, list[str]]] = {
    "plain": ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
    "no space after": ("See example.com and v1.5.9. Then go.", ["See example.com and v1.5.9.", "Then go."]),
    "decimals": ("It is 0.5. Then 1.000,25 follows.", ["It is 0.5.", "Then 1.000,25 follows."]),
    "abbreviations": (
        "Use it, e.g. here, i.e. now, cf. Fig. 3 and Eq. 4. Dr. Smith agrees.",
        ["Use it, e.g. here, i.e. now, cf. Fig. 3 and Eq. 4.", "Dr. Smith agrees."],
    ),
    "abbreviations that can end": (
        "Cats, dogs, etc. are pets. Cats, dogs, etc. They are pets. Kim et al. (2020) say so.",
        ["Cats, dogs, etc. are pets.", "Cats, dogs, etc.", "They are pets.", "Kim et al. (2020) say so."],
    ),
    "an abbreviation at the very end": ("See Dr.", ["See Dr."]),
    "initials": ("J. Smith met C. D. Jones. They spoke.", ["J. Smith met C. D. Jones.", "They spoke."]),
    "numbered list": ("1. First. More.\n2. Second\n10) Third", ["1. First.", "More.", "2. Second", "10) Third"]),
    "bullets": ("- one\n* two.\n• three\na) four", ["- one", "* two.", "• three", "a) four"]),
    "table": ("| a | b |\n|---|---|\n| 1 | 2 |", ["| a | b |", "|---|---|", "| 1 | 2 |"]),
    "heading": ("## A heading\ntext below it. End", ["## A heading", "text below it.", "End"]),
    "code": (
        'Run:\n```python\nx = 1.\n\nprint("a. b")\n```\nDone. Bye',
        ["Run:", '```python\nx = 1.\n\nprint("a. b")\n```', "Done.", "Bye"],
    ),
    "code that is not closed": ("A b. C:\n~~~\nx. y\n\nz", ["A b.", "C:", "~~~\nx. y\n\nz"]),
    "code in a list": ("- a\n  ```\n  x. y\n  ```\n- b", ["- a", "```\n  x. y\n  ```", "- b"]),
    "a longer fence holds a shorter one": ("````\n```\na. b\n```\n````\nC", ["````\n```\na. b\n```\n````", "C"]),
    "fences inside a line": ("```x. y``` is code. Yes", ["```x.", "y``` is code.", "Yes"]),
    "Chinese and Japanese": ("一个。两个！「三个。」四个？五", ["一个。", "两个！", "「三个。」", "四个？", "五"]),
    "quotes": (
        'He said "no." She left. (It rained.) “Why?” Because.',
        ['He said "no."', "She left.", "(It rained.)", "“Why?”", "Because."],
    ),
    "a question inside a sentence": (
        '"Is it?" she asked. Yahoo! is a name.',
        ['"Is it?" she asked.', "Yahoo! is a name."],
    ),
    "ellipsis": ("Wait... what? Well… no. So... Then", ["Wait... what?", "Well… no.", "So...", "Then"]),
    "emphasis": ("**Bold.** Then *one.* Then `two.` Three", ["**Bold.**", "Then *one.*", "Then `two.`", "Three"]),
    "several marks": ("What?! No!!! Yes.", ["What?!", "No!!!", "Yes."]),
    "paragraphs": ("One\n\n\nTwo\n \nThree", ["One", "Two", "Three"]),
    "a wrapped line": (f"{LONG}\nin the middle. Next", [f"{LONG}\nin the middle.", "Next"]),
    "a wrapped item": (f"- {LONG}\n  in the middle.\n- next", [f"- {LONG}\n  in the middle.", "- next"]),
    "an abbreviation before a wrap": (f"{LONG}, e.g.\nhere.", [f"{LONG}, e.g.\nhere."]),
    "a short line is not wrapped": ("fast\ncheap\ngood", ["fast", "cheap", "good"]),
    "a long line before a capital, an item, a row": (
        f"{LONG}\nNext\n{LONG}\n- a\n{LONG}\n| b |",
        [LONG, "Next", LONG, "- a", LONG, "| b |"],
    ),
    "a long lead-in, heading or row": (
        f"{LONG}:\na\n# {LONG}\nb\n| {LONG}\nc",
        [f"{LONG}:", "a", f"# {LONG}", "b", f"| {LONG}", "c"],
    ),
    "blank": (" \n\t ", []),
    "only marks": ("... ! ?", ["...", "!", "?"]),
}


@pytest.mark.parametrize("name", CASES)
def test_sentences_are_cut_where_a_reader_would(name: str) -> None:
    text, expected = CASES[name]
    assert sentences(text) == expected


PIECES = [
    *(
        "A ",
        "b ",
        "is",
        "Dr.",
        "e.g.",
        "etc.",
        ". ",
        ".",
        "? ",
        "! ",
        "...",
        "…",
        "。",
        "\n",
        "\n\n",
        "1.",
        "2) ",
        "- ",
    ),
    *(
        "| x ",
        "# ",
        "```",
        "```py\n",
        "~~~\n",
        '"',
        "”",
        ")",
        "*",
        "`",
        "「",
        "」",
        "0.5",
        "X. ",
        " ",
        LONG,
        "a) ",
        "B. ",
    ),
]
TEXTS = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES), max_size=30).map("".join))


@settings(max_examples=500)
@given(TEXTS)
def test_sentences_are_in_order_and_hold_all_that_is_not_blank(text: str) -> None:
    spans = sentence_spans(text)
    end = 0
    for span in spans:
        assert end <= span.start < span.end <= len(text)
        assert not text[end : span.start].strip()
        assert text[span.start : span.end] == text[span.start : span.end].strip()
        end = span.end
    assert not text[end:].strip()


@settings(max_examples=500)
@given(TEXTS, st.integers(0, 250))
def test_all_but_the_last_sentence_are_settled_whatever_follows(text: str, cut: int) -> None:
    whole, part = sentence_spans(text), sentence_spans(text[:cut])
    assert part[:-1] == whole[: max(len(part) - 1, 0)]


@settings(max_examples=500)
@given(TEXTS)
def test_the_sentences_after_a_sentence_are_found_without_it(text: str) -> None:
    found = sentence_spans(text)
    for number, span in enumerate(found):
        assert sentence_spans(text, span.end) == found[number + 1 :]
