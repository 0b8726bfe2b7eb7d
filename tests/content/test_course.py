"""The built-in course: every note loads, is in a unit, is found by its questions; the prompts render."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from llmapps.project import builtin_root, find_notes
from llmapps.rag import Rag
from llmapps.rag.course import load_course
from llmapps.rag.loading import load_document

RAG = builtin_root() / "rag"
NOTES = sorted(path for path in (RAG / "notes").iterdir() if not path.name.startswith("."))
DATASETS = builtin_root() / "eval" / "datasets"
LEAST_WORDS, MOST_WORDS = 400, 900


def questions() -> list[dict[str, object]]:
    return [json.loads(line) for line in (DATASETS / "course-questions.jsonl").read_text(encoding="utf-8").splitlines()]


def test_there_are_notes_of_every_kind() -> None:
    assert len(NOTES) >= 26
    assert {".md", ".ipynb", ".pdf", ".csv"} <= {path.suffix for path in NOTES}


@pytest.mark.parametrize("path", NOTES, ids=lambda path: path.name)
def test_every_note_loads_with_places(path: Path) -> None:
    document = load_document(path)
    assert document.text.strip()
    assert document.title
    assert all(section.place.to_dict() for section in document.sections)


@pytest.mark.parametrize("path", [path for path in NOTES if path.suffix == ".md"], ids=lambda path: path.name)
def test_markdown_notes_keep_to_their_form(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert LEAST_WORDS <= len(text.split()) <= MOST_WORDS
    outside_code = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert len(re.findall(r"^# ", outside_code, re.MULTILINE)) == 1
    assert len(re.findall(r"^## ", outside_code, re.MULTILINE)) >= 4
    linked = re.findall(r"\]\(([^)#:]+\.\w+)\)", outside_code)
    assert [name for name in linked if not (path.parent / name).exists()] == []


def test_every_note_is_in_one_unit_and_is_released() -> None:
    course = load_course(RAG / "course.toml")
    table = tomllib.loads((RAG / "course.toml").read_text(encoding="utf-8"))
    named = [note for unit in table["units"] for note in unit["notes"]]
    assert sorted(named) == sorted(path.name for path in NOTES)
    assert course.hidden(named) == set()


def test_questions_name_what_is_there() -> None:
    cases = questions()
    assert len(cases) >= 100
    assert len({case["id"] for case in cases}) == len(cases)
    for case in cases:
        about = case["metadata"]
        assert isinstance(about, dict)
        path = RAG / "notes" / str(about["document"])
        assert path.is_file()
        headings = {heading for section in load_document(path).sections for heading in section.place.heading}
        assert about["heading"] is None or about["heading"] in headings, case["id"]


def test_the_search_finds_the_notes_that_answer(weights_home: Path) -> None:
    """A floor, not a goal: tests/benchmarks/search.py prints the figures."""
    rag = Rag.open("builtin:")
    rag.sync()
    cases = questions()
    found = 0
    kinds: dict[str, bool] = {}
    for case in cases:
        document = case["metadata"]["document"]  # type: ignore[index]
        right = document in {hit.document for hit in rag.look_up(str(case["input"]), 5).hits}
        found += right
        kinds[Path(document).suffix] = kinds.get(Path(document).suffix, False) or right
    assert found / len(cases) >= 0.95
    assert kinds == {".md": True, ".ipynb": True, ".pdf": True, ".csv": True}


def test_the_notes_of_the_course_are_the_default() -> None:
    assert find_notes(None).path == RAG / "notes"
