"""When to say that the notes do not cover a question, before a model is asked and after.

Before: the fit of question and hits must reach a floor. It is made of how far the similarity of the best hit rises above
the level of no relation, and of the share of the question's words that the hits hold. After: an answer of which the notes
back no sentence is withdrawn.
"""

from __future__ import annotations

from collections.abc import Sequence

from llmapps.rag.answering.claims import is_refusal
from llmapps.rag.answering.evidence import PARTIAL, SUPPORTED
from llmapps.rag.search.baseline import lifted
from llmapps.types import HEADING_SEPARATOR, Hit, Sentence

FLOOR = 0.32
"""Of `fit`: choice, measured in tests/benchmarks/abstention.py on the questions of the built-in course."""

_SIMILARITY_WEIGHT = 0.7
_BACKED = (PARTIAL + SUPPORTED) / 2
REFUSAL = "The notes do not cover this."


def fit(similarity: float, coverage: float, baseline: float) -> float:
    """How well the hits fit the question, about 0 to 1.

    Args:
        similarity: cosine of the question and the nearest chunk.
        coverage: share of the question's words that the hits hold, 0 to 1.
        baseline: cosine of questions that have nothing to do with the notes.
    """
    return _SIMILARITY_WEIGHT * lifted(similarity, baseline) + (1 - _SIMILARITY_WEIGHT) * coverage


def covers(similarity: float, coverage: float, baseline: float) -> bool:
    """Whether the hits fit the question well enough to ask a model."""
    return fit(similarity, coverage, baseline) >= FLOOR


def is_backed(sentences: Sequence[Sentence]) -> bool:
    """Whether the notes back any sentence of an answer: wholly, or in the better half of "in part".

    An answer that claims nothing, such as a greeting, counts as backed, unless it is itself a refusal.
    """
    if any(sentence.status in ("supported", "misattributed") for sentence in sentences):
        return True
    if any(sentence.status == "partial" for sentence in sentences):
        return max(sentence.support for sentence in sentences) >= _BACKED
    return not any(sentence.status == "unsupported" or is_refusal(sentence.text) for sentence in sentences)


def refusal(hits: Sequence[Hit], most: int = 3) -> str:
    """The refusal, with the topics of the notes that are nearest to the question."""
    topics = list(dict.fromkeys(HEADING_SEPARATOR.join(hit.place.heading) or hit.document for hit in hits))[:most]
    return f"{REFUSAL} The nearest topics are: {'; '.join(topics)}." if topics else REFUSAL
