"""When the notes do not cover a question: before the model is asked, and after."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmapps.rag.answering.abstention import FLOOR, REFUSAL, covers, fit, is_backed, refusal
from llmapps.rag.answering.claims import is_refusal
from llmapps.types import Hit, Place, Sentence, SentenceStatus

UNIT = st.floats(0, 1)


def hit(n: int, *heading: str, document: str = "a.md") -> Hit:
    return Hit(n, document, Place(heading), 1.0, "text", 0, 4, "id")


def sentences(*statuses: SentenceStatus, text: str = "Mars is red.", support: float = 0.5) -> list[Sentence]:
    return [Sentence(text, status, support=support) for status in statuses]


def test_fit_is_one_for_the_same_text_and_nothing_for_a_stranger() -> None:
    assert fit(1.0, 1.0, 0.3) == pytest.approx(1.0)
    assert fit(0.3, 0.0, 0.3) == pytest.approx(0.0)
    assert covers(1.0, 1.0, 0.3)
    assert not covers(0.3, 0.0, 0.3)


@given(UNIT, UNIT, st.floats(0, 0.95), UNIT)
def test_more_similarity_or_coverage_never_fits_less(
    similarity: float, coverage: float, baseline: float, more: float
) -> None:
    here = fit(similarity, coverage, baseline)
    assert fit(max(similarity, more), coverage, baseline) >= here
    assert fit(similarity, max(coverage, more), baseline) >= here
    assert covers(similarity, coverage, baseline) == (here >= FLOOR)


@pytest.mark.parametrize(
    ("statuses", "backed"),
    [
        (["supported"], True),
        (["partial"], True),
        (["misattributed"], True),
        (["unsupported", "supported"], True),
        (["no-claim", "partial"], True),
        (["unsupported"], False),
        (["unsupported", "no-claim"], False),
        (["no-claim"], True),
    ],
)
def test_one_sentence_that_is_backed_backs_the_answer(statuses: list[SentenceStatus], backed: bool) -> None:
    assert is_backed(sentences(*statuses)) == backed


def test_a_sentence_that_is_hardly_backed_in_part_does_not_back_an_answer_alone() -> None:
    assert is_backed(sentences("partial", support=0.5))
    assert not is_backed(sentences("partial", support=0.41))
    assert is_backed([*sentences("partial", support=0.41), *sentences("supported", support=0.6)])


def test_a_refusal_by_the_model_is_a_refusal_unless_it_goes_on_to_answer() -> None:
    said = sentences("no-claim", text="The notes do not mention this.")
    assert not is_backed(said)
    assert is_backed([*said, *sentences("supported")])


def test_our_own_refusal_is_one() -> None:
    assert is_refusal(REFUSAL)


def test_the_refusal_names_the_nearest_topics_each_once() -> None:
    hits = [
        hit(1, "RAG", "Chunks"),
        hit(2, "RAG", "Chunks"),
        hit(3, document="glossary.csv"),
        hit(4, "GANs"),
        hit(5, "VAEs"),
    ]
    assert refusal(hits) == f"{REFUSAL} The nearest topics are: RAG > Chunks; glossary.csv; GANs."
    assert refusal(hits[:1]) == f"{REFUSAL} The nearest topics are: RAG > Chunks."
    assert refusal([]) == REFUSAL
