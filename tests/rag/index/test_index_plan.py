"""What is read again, and what is taken for the same."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from llmapps.rag.index.plan import document_version, make_plan
from llmapps.rag.index.records import DocumentRecord
from llmapps.rag.index.scan import FoundFile, Scan

SECOND = 10**9
NOW = 1_800_000_000 * SECOND
FILE = FoundFile("a.md", 10, NOW - 60 * SECOND, NOW - 60 * SECOND)
RECORD = DocumentRecord("a.md", 10, FILE.mtime_ns, FILE.ctime_ns, NOW, "ab" * 32, document_version("a.md"), "indexed")


def is_read(file: FoundFile, record: DocumentRecord, folder: Path = Path("nowhere")) -> bool:
    plan = make_plan(Scan([file]), {record.path: record}, folder)
    assert len(plan.tasks) + len(plan.same) == 1
    assert not plan.gone
    return bool(plan.tasks)


def test_the_same_file_is_not_read() -> None:
    assert not is_read(FILE, RECORD)


@pytest.mark.parametrize("change", [{"size": 11}, {"mtime_ns": 1}, {"ctime_ns": 1}])
def test_any_difference_of_its_stat_has_it_read(change: dict[str, int]) -> None:
    assert is_read(replace(FILE, **change), RECORD)


@pytest.mark.parametrize(("age_s", "read"), [(0.5, True), (1.9, True), (2.1, False), (-30, True)])
def test_a_file_that_was_new_when_it_was_read_is_read_again(age_s: float, read: bool) -> None:
    """Where times are told in steps of up to two seconds, a later change may not show."""
    at = NOW - int(age_s * SECOND)
    file, record = replace(FILE, mtime_ns=at, ctime_ns=at), replace(RECORD, mtime_ns=at, ctime_ns=at)
    assert is_read(file, record) == read


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such time")
def test_a_time_that_somebody_set_says_nothing_about_when_a_file_changed() -> None:
    future = NOW + 10**6 * SECOND
    assert not is_read(replace(FILE, mtime_ns=future), replace(RECORD, mtime_ns=future))
    new = NOW - SECOND
    assert is_read(replace(FILE, ctime_ns=new), replace(RECORD, ctime_ns=new))


def test_another_version_of_loader_or_splitter_has_it_read() -> None:
    assert is_read(FILE, replace(RECORD, version="older"))


def test_a_file_that_could_not_be_opened_is_tried_again_when_it_can(tmp_path: Path) -> None:
    record = replace(RECORD, sha256="", status="failed", reason="cannot be opened")
    assert not is_read(FILE, record, tmp_path)
    (tmp_path / "a.md").write_text("text", encoding="utf-8")
    assert is_read(FILE, record, tmp_path)


def test_what_is_not_found_any_more_is_gone() -> None:
    plan = make_plan(Scan([FILE]), {"a.md": RECORD, "b.md": replace(RECORD, path="b.md")}, Path("nowhere"))
    assert plan.gone == {"b.md"}


def test_the_version_names_loader_splitter_and_size() -> None:
    assert document_version("x/a.md") == document_version("b.MD".lower()) != document_version("a.txt")
    assert "markdown_note" in document_version("a.md")
    assert document_version("a.md").endswith("/180")


def test_what_lies_in_a_folder_that_cannot_be_opened_is_not_gone(tmp_path: Path) -> None:
    from llmapps.rag.index.report import Failure

    known = {path: DocumentRecord(path, 1, 1, 1, 1, "sha", "v", "indexed") for path in ("closed/a.md", "gone.md")}
    scan = Scan(unreadable=[Failure("closed/", "cannot be opened")])
    plan = make_plan(scan, known, tmp_path)
    assert plan.gone == {"gone.md"}
