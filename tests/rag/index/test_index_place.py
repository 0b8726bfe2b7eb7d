"""Where the index of which notes lies: one folder of notes has one, however it is named, and never among the notes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from standins.notes_folder import CountedEmbeddings, note
from standins.other_user import as_ordinary_user

from llmapps.errors import NotesError
from llmapps.project import Project, find_notes
from llmapps.rag.index.report import SyncOptions
from llmapps.rag.index.sync import sync_notes


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path.resolve() / "project"
    (root / "rag" / "notes" / "unit1").mkdir(parents=True)
    (root / "llmapps.toml").write_text("", encoding="utf-8")
    (root / "rag" / "notes" / "unit1" / "a.md").write_text(note("apples"), encoding="utf-8")
    return Project(root)


def test_however_a_folder_is_named_it_has_one_index(
    project: Project, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project.root / "rag" / "notes" / "unit1"
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("HOME", str(project.root))
    monkeypatch.setenv("USERPROFILE", str(project.root))
    ways: list[str | Path] = [
        folder, str(folder), "rag/notes/unit1", "rag/notes/unit1/", "./rag//notes/unit1", "rag/../rag/notes/unit1",
        "~/rag/notes/unit1", Path("~/rag/notes/unit1"),
    ]  # fmt: skip
    if sys.platform != "win32":
        (tmp_path / "link").symlink_to(folder, target_is_directory=True)
        ways.append(tmp_path / "link")
    if (folder.parent / "UNIT1").exists():  # where letters of either case are the same
        ways.append("rag/notes/UNIT1")
    indexes = {find_notes(way, project).index for way in ways}
    assert len(indexes) == 1
    assert next(iter(indexes)).parent == project.data


def test_the_index_moves_with_its_project(project: Project, home: Path) -> None:
    def sync(moved: Project) -> tuple[int, int]:
        notes = find_notes(None, moved)
        report = sync_notes(notes, CountedEmbeddings(), SyncOptions(chroma=False))
        return report.added, report.unchanged

    assert sync(project) == (1, 0)
    project.root.rename(project.root.with_name("moved"))
    assert sync(Project(project.root.with_name("moved"))) == (0, 1)


def test_notes_outside_of_a_project_are_not_written_to(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "my notes"
    folder.mkdir()
    (folder / "a.md").write_text(note("apples"), encoding="utf-8")
    before = [(path, path.stat().st_mtime_ns) for path in [folder, *folder.rglob("*")]]
    notes = find_notes(folder)
    sync_notes(notes, CountedEmbeddings(), SyncOptions(chroma=False))
    assert notes.index.is_relative_to(home / "index")
    assert [(path, path.stat().st_mtime_ns) for path in [folder, *folder.rglob("*")]] == before


def test_two_folders_of_the_same_name_have_two_indexes(home: Path, tmp_path: Path) -> None:
    for parent in ("one", "two"):
        (tmp_path / parent / "notes").mkdir(parents=True)
    assert find_notes(tmp_path / "one" / "notes").index != find_notes(tmp_path / "two" / "notes").index


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_path_is_not_the_working_directory(empty: str) -> None:
    with pytest.raises(NotesError, match=r'is empty\. Name a folder or a file; "\." is the working directory\.'):
        find_notes(empty)


@pytest.mark.parametrize("name", ["~no-such-user-here/notes", "x" * 5000, "a\0b", "nowhere"])
def test_a_path_that_cannot_be_is_an_error_that_names_it(name: str) -> None:
    with pytest.raises(NotesError) as caught:
        find_notes(name)
    assert name in str(caught.value)
    assert "Check the path that was given as notes." in str(caught.value)


def test_a_path_that_may_not_be_looked_at_is_an_error_that_says_so() -> None:
    with as_ordinary_user() as root:
        (root / "closed" / "notes").mkdir(parents=True)
        (root / "closed").chmod(0)
        with pytest.raises(NotesError, match=r"cannot be opened \(Permission denied\)"):
            find_notes(root / "closed" / "notes")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_folder_whose_name_is_no_text_has_an_index(home: Path, tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    folder.mkdir()
    assert find_notes(folder).index.parent == home / "index"
