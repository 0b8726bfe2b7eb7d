"""What the benchmarks share: the questions of the built-in course, a table, the last line of JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent.parent
DATASETS = REPOSITORY / "eval" / "datasets"


def parser(description: str) -> argparse.ArgumentParser:
    """A parser with the options that every benchmark has."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--json", type=Path, help="write the JSON to this file, too")
    return made


def course_questions() -> list[dict[str, Any]]:
    """Questions that the built-in course answers: id, input, target, metadata (document, heading, kind)."""
    return _read("course-questions.jsonl")


def uncovered_questions() -> list[dict[str, Any]]:
    """Questions that the built-in course does not answer."""
    return _read("not-covered.jsonl")


def _read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATASETS / name).read_text(encoding="utf-8").splitlines() if line.strip()]


def print_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """The rows under their header, columns aligned."""
    texts = [[_text(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[column]) for row in texts) for column in range(len(header))]
    for number, row in enumerate(texts):
        cells = [
            cell.ljust(width) if not column else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells))
        if not number:
            print("  ".join("-" * width for width in widths))
    print()


def finish(result: dict[str, Any], path: Path | None) -> None:
    """Print the JSON, the last line, and write it to a file if one was named."""
    print(json.dumps(result))
    if path:
        path.write_text(json.dumps(result, indent=2), encoding="utf-8")


def _text(cell: Any) -> str:
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)
