"""Projects: found upwards, their units before the built-in ones, and notes whose index is not among them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from standins.other_user import as_ordinary_user

from llmapps.errors import NotesError, ProjectError
from llmapps.project import CONTENT_FOLDERS, MARKER, Project, builtin_root, find_notes, find_project, find_unit


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path.resolve() / "course"
    for folder in (*CONTENT_FOLDERS, "rag/notes/week1"):
        (root / folder).mkdir(parents=True)
    (root / MARKER).write_text("", encoding="utf-8")
    return Project(root)


def test_a_project_is_found_from_any_folder_in_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_project(project.root / "rag" / "notes" / "week1") == project
    monkeypatch.chdir(project.root / "rag")
    assert find_project() == project


def test_the_innermost_project_is_found(project: Project) -> None:
    inner = project.root / "rag" / "notes"
    (inner / MARKER).write_text("", encoding="utf-8")
    assert find_project(inner / "week1") == Project(inner)


def test_outside_of_projects_there_is_none(tmp_path: Path) -> None:
    assert find_project(tmp_path) is None


def test_a_folder_that_was_named_must_hold_a_project(project: Project, tmp_path: Path) -> None:
    assert find_project(at=project.root) == project
    with pytest.raises(ProjectError, match=r"it has no llmapps\.toml\. Make one with `llmapps init") as caught:
        find_project(at=tmp_path)
    assert str(caught.value).startswith(f'There is no project in "{tmp_path}":')


def test_the_builtin_root_holds_the_content_folders() -> None:
    assert [folder for folder in ("prompts", "rag") if not (builtin_root() / folder).is_dir()] == []


def test_a_unit_of_the_project_takes_the_place_of_the_builtin_one(project: Project) -> None:
    builtin = builtin_root() / "prompts" / "answer.prompt"
    assert find_unit("prompts", "answer", ".prompt", project) == (builtin, "builtin")
    own = project.root / "prompts" / "answer.prompt"
    own.write_text("", encoding="utf-8")
    assert find_unit("prompts", "answer", ".prompt", project) == (own, "project")
    assert find_unit("prompts", "builtin:answer", ".prompt", project) == (builtin, "builtin")
    assert find_unit("prompts", "answer", ".prompt") == (builtin, "builtin")


def test_a_unit_that_is_not_there_names_both_places_and_a_near_name(project: Project) -> None:
    with pytest.raises(ProjectError) as caught:
        find_unit("prompts", "anwser", ".prompt", project)
    message = str(caught.value)
    assert str(project.root / "prompts") in message
    assert str(builtin_root() / "prompts") in message
    assert message.endswith('Did you mean "answer"?')


@pytest.mark.parametrize("name", ["", "builtin:", "../answer", "a/b", "/etc/passwd", ".hidden", "..", "."])
def test_the_name_of_a_unit_cannot_lead_elsewhere(name: str) -> None:
    with pytest.raises(ProjectError, match="use a bare name"):
        find_unit("prompts", name, ".prompt")


def test_without_a_name_the_projects_notes_are_searched_then_the_builtin_course(project: Project, home: Path) -> None:
    notes = find_notes(None, project)
    assert (notes.path, notes.index) == (project.root / "rag" / "notes", project.root / ".llmapps" / "index")
    builtin = find_notes(None)
    assert builtin.path == builtin_root() / "rag" / "notes"
    assert builtin.course_file == builtin_root() / "rag" / "course.toml"
    assert builtin.index.parent == home / "index"
    assert builtin.name == "the built-in course"
    assert find_notes("builtin:", project) == builtin


def test_notes_elsewhere_are_indexed_in_the_users_folder(project: Project, home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path.resolve() / "mine"
    elsewhere.mkdir()
    notes = find_notes(elsewhere, project)
    assert (notes.path, notes.folder, notes.course_file) == (elsewhere, elsewhere, None)
    assert notes.index.parent == home / "index"


def test_each_folder_of_a_project_has_its_own_index(project: Project) -> None:
    whole, week = find_notes(None, project), find_notes(project.root / "rag" / "notes" / "week1", project)
    assert whole.index != week.index
    assert whole.index.parent == week.index.parent == project.data


def test_one_file_can_be_the_notes(project: Project) -> None:
    file = project.root / "rag" / "notes" / "one.md"
    file.write_text("# One", encoding="utf-8")
    notes = find_notes(file, project)
    assert (notes.path, notes.folder) == (file, file.parent)


def test_a_course_file_stands_in_the_notes_or_beside_them(project: Project) -> None:
    beside = project.root / "rag" / "course.toml"
    beside.write_text("", encoding="utf-8")
    assert find_notes(None, project).course_file == beside
    inside = project.root / "rag" / "notes" / "course.toml"
    inside.write_text("", encoding="utf-8")
    assert find_notes(None, project).course_file == inside


def test_notes_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        NotesError, match=r'There is no file or folder ".*nowhere"\. Check the path that was given as notes\.'
    ):
        find_notes(tmp_path / "nowhere")


def test_two_ways_to_write_a_path_are_one_index(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_notes("mine").index == find_notes(tmp_path / "mine" / ".." / "mine").index


def put_no_file(path: Path, kind: str) -> None:
    """A folder, or a link that leads nowhere or to itself, of this name."""
    if kind == "folder":
        path.mkdir()
        return
    try:
        path.symlink_to(path if kind == "loop" else path.with_name("nowhere"))
    except OSError:
        pytest.skip("this machine makes no symbolic links")


@pytest.mark.parametrize("kind", ["folder", "loop", "dangling"])
def test_what_has_a_files_name_and_is_none_is_told_and_not_passed_over(project: Project, kind: str) -> None:
    course = project.root / "rag" / "course.toml"
    put_no_file(course, kind)
    with pytest.raises(ProjectError) as caught:
        find_notes(project.root / "rag" / "notes" / "week1", project)
    assert str(caught.value) == f'"{course}" is no file, and must be one. Correct it, or remove it to go on without.'
    put_no_file(project.root / "prompts" / "answer.prompt", kind)
    with pytest.raises(ProjectError, match=r'answer\.prompt" is no file, and must be one\.'):
        find_unit("prompts", "answer", ".prompt", project)
    put_no_file(project.root / "rag" / MARKER, kind)
    with pytest.raises(ProjectError, match=r'llmapps\.toml" is no file, and must be one\.'):
        find_project(project.root / "rag" / "notes")


def test_a_link_to_a_course_file_is_one(project: Project) -> None:
    (project.root / "eval" / "own.toml").write_text("", encoding="utf-8")
    link = project.root / "rag" / "course.toml"
    try:
        link.symlink_to(project.root / "eval" / "own.toml")
    except OSError:
        pytest.skip("this machine makes no symbolic links")
    assert find_notes(None, project).course_file == link


@pytest.mark.parametrize("mode", [0o000, 0o600])
def test_notes_that_may_not_be_opened_are_named(home: Path, mode: int) -> None:
    with as_ordinary_user() as folder:
        (folder / "perm").mkdir()
        (folder / "perm").chmod(mode)
        with pytest.raises(NotesError) as caught:
            find_notes(folder / "perm")
        with pytest.raises(ProjectError, match=r'^The project ".*perm" cannot be opened \(Permission denied\)\. Check'):
            find_project(at=folder / "perm")
        assert find_project(folder / "perm") is None
        (folder / "perm").chmod(0o700)
    assert str(caught.value).endswith('perm" cannot be opened (Permission denied). Check its permissions.')


def test_the_home_of_no_user_is_told() -> None:
    with pytest.raises(NotesError, match=r'^"~nouser-here/x" cannot be opened \(.+[^.]\)\. Check the path'):
        find_notes("~nouser-here/x")
    with pytest.raises(ProjectError, match=r'^The project "~nouser-here" cannot be opened \(.+[^.]\)\. Check the path'):
        find_project(at=Path("~nouser-here"))


@pytest.mark.skipif(os.name == "nt", reason="Windows deletes no working directory")
def test_in_a_deleted_working_directory_there_is_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert find_project() is None
    for notes in ("mine", "."):
        with pytest.raises(NotesError, match="Check the path that was given as notes"):
            find_notes(notes)
