"""Two rankings made one."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean, pstdev

DENSE_WEIGHT = 0.5
"""Share of the dense score: choice, measured in tests/benchmarks/search.py."""

_NOISE = 1e-6  # float32 cosines of the same two texts differ by less, depending on how many texts are compared at once
_DIGITS = 5


def standardized(scores: Mapping[int, float]) -> dict[int, float]:
    """Each score as its distance from the mean, in standard deviations; all 0 where the scores are equal.

    >>> standardized({1: 1.0, 2: 3.0})
    {1: -1.0, 2: 1.0}
    """
    if not scores:
        return {}
    mean, deviation = fmean(scores.values()), pstdev(scores.values())
    return {key: (score - mean) / deviation if deviation > _NOISE else 0.0 for key, score in scores.items()}


def fuse(
    dense: Mapping[int, float], lexical: Mapping[int, float], weight: float = DENSE_WEIGHT
) -> list[tuple[int, float]]:
    """Chunks with their fused scores, best first; ties by number, so that the noise of arithmetic decides nothing.

    Both scores are standardized, then added (Lee, "Analyses of Multiple Evidence Combination", SIGIR 1997, compares
    such sums). In contrast to a fusion of ranks, a hit that stands far out in one ranking keeps its lead.

    Args:
        dense: cosine similarity by chunk, for every candidate.
        lexical: BM25 by chunk; a candidate that is not there shares no word with the question and counts as 0.
        weight: of the dense score, 0 to 1.
    """
    by_meaning = standardized(dense)
    by_words = standardized({number: lexical.get(number, 0.0) for number in dense})
    fused = {number: round(weight * by_meaning[number] + (1 - weight) * by_words[number], _DIGITS) for number in dense}
    return sorted(fused.items(), key=lambda item: (-item[1], item[0]))
