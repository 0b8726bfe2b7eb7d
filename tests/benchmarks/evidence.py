"""Whether the evidence tells true sentences from invented ones, without a model.

    python tests/benchmarks/evidence.py [--json FILE]

Sentences: the right answers to the questions of the built-in course. Each is checked against

    right      the hits of its question, with the section that answers among them    should be supported
    numbers    the same hits, every number in the sentence changed                   should be unsupported
    denied     the same hits, each sentence made its opposite by a "not"             should not be supported
    elsewhere  hits from other notes only: some do say it                            mostly unsupported
    strange    the hits of another question                                          should be unsupported

and, for comparison, with each half of the measure alone.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from reporting import REPOSITORY, course_questions, finish, parser, print_table

sys.path.insert(0, str(REPOSITORY))

from llmapps.rag.answering.claims import is_denial
from llmapps.rag.answering.evidence import PARTIAL, SUPPORTED
from llmapps.rag.answering.sentences import sentence_spans
from llmapps.rag.rag import Rag
from llmapps.types import Hit

STATUSES = ("supported", "partial", "unsupported", "no-claim")


def with_other_numbers(text: str) -> str:
    """The text with 7 added to each number."""
    return re.sub(r"\d+", lambda match: str(int(match.group()) + 7), text)


def denied(text: str) -> str | None:
    """The text with a "not" behind its first auxiliary verb; None if it has none, or denies already."""
    if is_denial(text):
        return None
    changed = re.sub(r"\b(is|are|was|were|can|will|has|have|does|do)\b", r"\1 not", text, count=1)
    return changed if changed != text else None


def hits_for(rag: Rag, case: dict[str, Any], *, elsewhere: bool = False) -> list[Hit]:
    """Four hits with the right section among them, if the search brings it within 20; or four from other notes."""
    about = case["metadata"]
    found = rag.look_up(case["input"], 20).hits
    if elsewhere:
        return [hit for hit in found if hit.document != about["document"]][:4]
    right = [
        hit for hit in found if hit.document == about["document"] and about["heading"] in (None, *hit.place.heading)
    ]
    return list(dict.fromkeys([*right[:1], *found]))[:4]


def check(rag: Rag, case: dict[str, Any], hits: Sequence[Hit], text: str) -> list[tuple[str, float]]:
    """Status and support of each sentence."""
    checker = rag.evidence_checker(case["input"], hits)
    sentences = [checker.check(text[span.start : span.end]) for span in sentence_spans(text)]
    return [(sentence.status, sentence.support) for sentence in sentences]


def main() -> None:
    """Measure, and print tables and JSON."""
    given = parser(__doc__).parse_args()
    rag = Rag.open("builtin:")
    cases = course_questions()
    found: dict[str, list[tuple[str, float]]] = {
        name: [] for name in ("right", "numbers", "denied", "elsewhere", "strange")
    }
    for number, case in enumerate(cases):
        hits = hits_for(rag, case)
        found["right"] += check(rag, case, hits, case["target"])
        if re.search(r"\d", case["target"]):
            found["numbers"] += check(rag, case, hits, with_other_numbers(case["target"]))
        for span in sentence_spans(case["target"]):
            if opposite := denied(case["target"][span.start : span.end]):
                found["denied"] += check(rag, case, hits, opposite)
        found["elsewhere"] += check(rag, case, hits_for(rag, case, elsewhere=True), case["target"])
        other = cases[(number + 17) % len(cases)]
        found["strange"] += check(rag, other, hits_for(rag, other), case["target"])
    rows = []
    for name, results in found.items():
        counts = Counter(status for status, _ in results)
        claims = len(results) - counts["no-claim"]
        shares = {status: counts[status] / claims for status in STATUSES[:3]}
        rows.append({"sentences": name, "n": claims, **shares})
    print(f"thresholds: supported {SUPPORTED}, partial {PARTIAL}")
    print_table(list(rows[0]), [list(row.values()) for row in rows])
    finish({"evidence": rows}, given.json)


if __name__ == "__main__":
    main()
