"""How near an embedding puts texts that have nothing to do with each other.

Unrelated texts have a cosine of about 0.15 with one embedding and of 0.75 with another, so a cosine alone says little.
What says something is how far it rises above that level. The level is measured on the user's own index, with questions
about everyday things; most of them have nothing to do with any one folder of notes, and the median does not mind the
others.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

PROBES = (
    "How long do I bake a chocolate cake?",
    "Who won the football match last night?",
    "Which medicine helps against a cold?",
    "When should I water the roses in the garden?",
    "How do I change the tyre of a car?",
)

_HIGHEST = 0.95  # an embedding that puts everything together must not lead to a division by nothing


def baseline_of(similarities: Sequence[float]) -> float:
    """The level of no relation: the median of the probes' similarities to their nearest chunks, 0 to 0.95."""
    return min(max(median(similarities), 0.0), _HIGHEST) if similarities else 0.0


def lifted(similarity: float, baseline: float) -> float:
    """How far a cosine rises above the baseline, as a share of the way to 1; below it, negative.

    >>> lifted(0.6, 0.2), lifted(1.0, 0.75), lifted(0.75, 0.75)
    (0.5, 1.0, 0.0)
    """
    return round((similarity - baseline) / (1.0 - baseline), 9)
