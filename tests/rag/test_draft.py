"""An answer while it streams: however it is cut into pieces, the same sentences, text and citations come out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmapps.models.embedding import embed_array
from llmapps.models.fake_embeddings import HashedEmbeddings
from llmapps.rag.answering.draft import Draft
from llmapps.rag.answering.events import Checked, Token, citations_of
from llmapps.rag.answering.evidence import EvidenceChecker
from llmapps.types import Hit, Place, Sentence, SentenceStatus

TEXT = "Mars has two small moons. Venus is the hottest planet, because its air holds the heat."
HITS = [Hit(1, "planets.md", Place(("Planets",)), 1.0, TEXT, 0, len(TEXT), "a")]
CHECKER = EvidenceChecker(
    "?", HITS, lambda texts: embed_array(HashedEmbeddings(), texts), lambda words: dict.fromkeys(words, 1.0)
)
ANSWER = (
    " \nMars has two small moons [1]. It was colonised in the age of steam [1][7]. Here is a list:\n\n"
    "1. Venus is the hottest planet. [1]\n2. Saturn was sold to a museum, e.g. in Rome\n\n```\nx = [1, 2]. y\n```\n\n"
    "Venus is the hottest planet, because its air holds the heat [1] \n"
)


def written(*pieces: str, strict: bool = False) -> tuple[Draft, list[Token | Checked]]:
    draft = Draft(CHECKER, most=len(HITS), strict=strict)
    events = [event for piece in pieces for event in draft.feed(piece)]
    return draft, [*events, *draft.finish()]


def as_shown(events: list[Token | Checked]) -> str:
    """What a reader sees: the tokens, and behind each sentence its citations."""
    return "".join(event.text if isinstance(event, Token) else citations_of(event.sentence) for event in events)


def outcome(*pieces: str, strict: bool = False) -> tuple[str, list[Sentence], list[Sentence]]:
    draft, events = written(*pieces, strict=strict)
    assert as_shown(events) == draft.text
    assert [event.sentence for event in events if isinstance(event, Checked)] == draft.sentences
    return draft.text, draft.sentences, draft.checked


def test_each_sentence_is_checked_and_cited_where_it_ends() -> None:
    text, sentences, checked = outcome(ANSWER)
    assert text == (
        "Mars has two small moons [1]. It was colonised in the age of steam. Here is a list:\n\n"
        "1. Venus is the hottest planet. [1]\n2. Saturn was sold to a museum, e.g. in Rome\n\n```\nx = [1, 2]. y\n```\n\n"
        "Venus is the hottest planet, because its air holds the heat [1]"
    ).replace("moons [1].", "moons. [1]")
    expected: list[SentenceStatus] = [
        "supported",
        "unsupported",
        "no-claim",
        "supported",
        "unsupported",
        "no-claim",
        "supported",
    ]
    assert [sentence.status for sentence in sentences] == expected
    assert checked == sentences


def test_strict_leaves_out_what_the_notes_do_not_back() -> None:
    text, sentences, checked = outcome(ANSWER, strict=True)
    assert text == (
        "Mars has two small moons. [1] Here is a list:\n\n1. Venus is the hottest planet. [1]\n\n"
        "```\nx = [1, 2]. y\n```\n\nVenus is the hottest planet, because its air holds the heat [1]"
    )
    assert [sentence for sentence in checked if sentence.status != "unsupported"] == sentences


def test_strict_may_leave_nothing() -> None:
    text, sentences, checked = outcome("Saturn was sold to a museum. Rome burned in the night.", strict=True)
    assert (text, sentences) == ("", [])
    assert [sentence.status for sentence in checked] == ["unsupported", "unsupported"]


def test_a_sentence_is_checked_when_the_next_one_begins_and_its_text_comes_before() -> None:
    draft = Draft(CHECKER, most=1)
    assert list(draft.feed("Mars has two small")) == [Token("Mars has two small")]
    assert list(draft.feed(" moons [1")) == [Token(" moons")]
    assert list(draft.feed("]. ")) == [Token(".")]
    checked, token = draft.feed("V")
    assert isinstance(checked, Checked)
    assert checked.sentence.status == "supported"
    assert token == Token(" V")
    assert draft.text == "Mars has two small moons. [1] V"


def test_strict_delivers_whole_sentences_only() -> None:
    draft = Draft(CHECKER, most=1, strict=True)
    assert list(draft.feed("Mars has two small moons. V")) == [
        Token("Mars has two small moons."),
        Checked(draft.sentences[0]),
    ]
    assert list(draft.feed("enus is the hottest planet.")) == []


def test_a_wrong_citation_of_the_model_is_told() -> None:
    hits = [*HITS, Hit(2, "b.md", Place(), 0.5, "Cats purr at night.", 0, 19, "b")]
    checker = EvidenceChecker(
        "?", hits, lambda texts: embed_array(HashedEmbeddings(), texts), lambda words: dict.fromkeys(words, 1.0)
    )
    draft = Draft(checker, most=2)
    events = [*draft.feed("Mars has two small moons [2]. Cats purr at night. [2]"), *draft.finish()]
    assert [event.sentence.status for event in events if isinstance(event, Checked)] == ["misattributed", "supported"]
    assert draft.text == "Mars has two small moons. [1] Cats purr at night. [2]"


@pytest.mark.parametrize("strict", [False, True])
def test_every_cut_in_two_and_every_letter_alone_give_the_same(strict: bool) -> None:
    whole = outcome(ANSWER, strict=strict)
    for cut in range(len(ANSWER)):
        assert outcome(ANSWER[:cut], ANSWER[cut:], strict=strict) == whole
    assert outcome(*ANSWER, strict=strict) == whole


PIECES = [
    *(
        "Mars has two small moons",
        "Rome burned",
        ". ",
        ".",
        "? ",
        "! ",
        "\n",
        "\n\n",
        " ",
        "[1]",
        " [1]",
        "[1, 2]",
        "[7]",
        "[",
    ),
    *(
        "e.g. ",
        "J. ",
        "1. ",
        "- ",
        "| ",
        "```",
        "```\n",
        "`x[1]`",
        '"',
        ")",
        "。",
        "...",
        "Etc. ",
        "This long line of prose is more than fifty letters",
    ),
    *("\nsmall", "\nb) ", "**", "Then", ":"),
]


@settings(max_examples=400)
@given(st.lists(st.sampled_from(PIECES), max_size=25), st.data(), st.booleans())
def test_cuts_change_nothing(pieces: list[str], data: st.DataObject, strict: bool) -> None:
    text = "".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    parts = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    whole = outcome(text, strict=strict)
    assert outcome(*parts, strict=strict) == whole
    assert outcome(*pieces, strict=strict) == whole
    assert whole[0] == whole[0].strip()


@settings(max_examples=200)
@given(st.text(max_size=120), st.integers(0, 120))
def test_any_text_is_delivered_whole(text: str, cut: int) -> None:
    text = text.replace("[", "(")
    draft, events = written(text[:cut], text[cut:])
    assert "".join(event.text for event in events if isinstance(event, Token)) == text.strip()
    assert " ".join(" ".join(sentence.text.split()) for sentence in draft.sentences).split() == text.split()
