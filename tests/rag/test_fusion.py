"""Fusion: against a table worked out by hand, and the laws of it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmapps.rag.search.fusion import fuse, standardized

SCORES = st.dictionaries(st.integers(1, 50), st.floats(-1, 1, allow_nan=False), min_size=1, max_size=20)


def test_against_a_table_worked_out_by_hand() -> None:
    # dense: mean .5, deviation sqrt((.09 + .01 + .04) / 3) = .216; by words: 4, 0, 2, deviation sqrt(8 / 3) = 1.633
    fused = dict(fuse({1: 0.2, 2: 0.6, 3: 0.7}, {1: 4.0, 3: 2.0}, weight=0.75))
    dense, words = math.sqrt(0.14 / 3), math.sqrt(8 / 3)
    assert fused == pytest.approx(
        {
            1: 0.75 * -0.3 / dense + 0.25 * 2 / words,
            2: 0.75 * 0.1 / dense + 0.25 * -2 / words,
            3: 0.75 * 0.2 / dense,
        },
        abs=1e-5,
    )


def test_best_first_and_ties_by_number() -> None:
    assert [number for number, _ in fuse({3: 0.5, 1: 0.5, 2: 0.9}, {})] == [2, 1, 3]


def test_a_chunk_without_a_word_of_the_question_counts_as_zero_by_words() -> None:
    assert fuse({1: 0.5, 2: 0.5}, {2: 3.0}, weight=0.5) == [(2, 0.5), (1, -0.5)]


def test_nothing_gives_nothing_and_one_candidate_scores_zero() -> None:
    assert fuse({}, {}) == []
    assert fuse({}, {1: 2.0}) == []
    assert fuse({7: 0.3}, {7: 2.0}) == [(7, 0.0)]


@given(SCORES)
def test_standardized_scores_have_mean_zero_and_keep_the_order(scores: dict[int, float]) -> None:
    result = standardized(scores)
    assert result.keys() == scores.keys()
    assert math.fsum(result.values()) == pytest.approx(0, abs=1e-6)
    for one in scores:
        for other in scores:
            if scores[one] > scores[other]:
                assert result[one] >= result[other]


@given(SCORES, SCORES, st.floats(0, 1))
def test_every_candidate_is_ranked_once_and_the_input_is_left_alone(
    dense: dict[int, float], lexical: dict[int, float], weight: float
) -> None:
    copies = dict(dense), dict(lexical)
    fused = fuse(dense, lexical, weight)
    assert sorted(number for number, _ in fused) == sorted(dense)
    assert [score for _, score in fused] == sorted((score for _, score in fused), reverse=True)
    assert (dense, lexical) == copies


@given(SCORES, SCORES)
def test_the_weight_of_one_is_the_dense_ranking(dense: dict[int, float], lexical: dict[int, float]) -> None:
    scores = {number: round(score, 5) for number, score in standardized(dense).items()}
    assert [number for number, _ in fuse(dense, lexical, 1.0)] == sorted(
        scores, key=lambda number: (-scores[number], number)
    )


def test_the_noise_of_arithmetic_does_not_decide() -> None:
    dense = {1: 0.5, 2: 0.5 + 1e-8, 3: 0.9}
    assert [number for number, _ in fuse(dense, {})] == [3, 1, 2]
    assert fuse({1: 0.5, 2: 0.5 + 1e-8}, {}) == [(1, 0.0), (2, 0.0)]
