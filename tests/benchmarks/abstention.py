"""Whether covered questions are answered and others refused, before any model is asked.

    python tests/benchmarks/abstention.py [--json FILE]

The fit of question and hits on the 104 questions that the built-in course answers and the 40 that it does not, for
several floors; then how well each of the two signals does alone, at the floor that still answers 96 %.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from reporting import REPOSITORY, course_questions, finish, parser, print_table, uncovered_questions

sys.path.insert(0, str(REPOSITORY))

from llmapps.rag.answering.abstention import FLOOR, fit
from llmapps.rag.rag import Rag
from llmapps.rag.search.baseline import lifted

KINDS = ("off-topic", "near-topic", "absent")
ANSWERED = 0.96


def signals(rag: Rag, questions: Sequence[dict[str, Any]]) -> list[tuple[float, float]]:
    """(similarity above the baseline, coverage) of each question."""
    found = [rag.look_up(question["input"]) for question in questions]
    return [(lifted(result.similarity, rag.baseline()), result.coverage) for result in found]


def main() -> None:
    """Measure, and print tables and JSON."""
    given = parser(__doc__).parse_args()
    rag = Rag.open("builtin:")
    covered = signals(rag, course_questions())
    others = uncovered_questions()
    uncovered = list(zip((case["metadata"]["kind"] for case in others), signals(rag, others), strict=True))

    def both(similarity: float, coverage: float) -> float:
        return fit(similarity, coverage, 0.0)  # the baseline is taken off already

    def row(name: str, floor: float, measure: Any) -> dict[str, Any]:
        refused = {kind: [measure(*pair) < floor for found, pair in uncovered if found == kind] for kind in KINDS}
        answered = [measure(*pair) >= floor for pair in covered]
        shares = {f"refused: {kind}": sum(values) / len(values) for kind, values in refused.items()}
        return {"floor": name, "answered": sum(answered) / len(answered), **shares}

    rows = [
        row(f"{floor:.2f}{' (ours)' if floor == FLOOR else ''}", floor, both)
        for floor in sorted({0.26, 0.29, FLOOR, 0.35, 0.38})
    ]
    for name, measure in (
        ("similarity alone", lambda similarity, _: similarity),
        ("coverage alone", lambda _, coverage: coverage),
        ("both", both),
    ):
        values = sorted(measure(*pair) for pair in covered)
        rows.append(row(f"{name}, 96 % answered", values[int(len(values) * (1 - ANSWERED))], measure))
    print_table(list(rows[0]), [list(values.values()) for values in rows])
    finish({"floors": rows, "covered": len(covered), "uncovered": len(uncovered)}, given.json)


if __name__ == "__main__":
    main()
