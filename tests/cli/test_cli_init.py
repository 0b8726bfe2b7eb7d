"""`llmapps init`: a project that works at once, and never over somebody's files."""

from __future__ import annotations

import json
import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from llmapps.project import CONTENT_FOLDERS, find_notes, find_project
from llmapps.settings import FIELDS, read_settings_file

FILES = {
    "llmapps.toml",
    "README.md",
    ".gitignore",
    "rag/README.md",
    "rag/course.toml",
    "rag/notes/welcome.md",
    "prompts/README.md",
    "agents/README.md",
    "eval/README.md",
}


def files_below(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_init_makes_a_whole_project(cli, tmp_path: Path) -> None:
    code, out, err = cli("init", "courses/mine")
    root = tmp_path / "courses" / "mine"
    assert (code, out) == (0, "")
    assert files_below(root) == FILES
    assert f'The project is in "{root}". Next:' in err
    assert 'cd "courses/mine"' in err
    project = find_project(root)
    assert project is not None
    assert find_notes(None, project).path == (root / "rag" / "notes").resolve()


def test_the_settings_file_names_every_setting_and_sets_none(cli, tmp_path: Path) -> None:
    cli("init", "mine")
    marker = tmp_path / "mine" / "llmapps.toml"
    assert read_settings_file(marker) == {}
    assert re.findall(r"^# (\w+) = ", marker.read_text(encoding="utf-8"), re.MULTILINE) == list(FIELDS)


def test_the_course_file_lists_the_sample_note(cli, tmp_path: Path) -> None:
    cli("init", "mine")
    course = tomllib.loads((tmp_path / "mine" / "rag" / "course.toml").read_text(encoding="utf-8"))
    (unit,) = course["units"]
    assert [(tmp_path / "mine" / "rag" / "notes" / note).is_file() for note in unit["notes"]] == [True]


def test_files_that_are_there_are_kept_and_named(cli, tmp_path: Path) -> None:
    root = tmp_path / "mine"
    root.mkdir()
    (root / "README.md").write_text("my own", encoding="utf-8")
    (root / "thesis.md").write_text("my own", encoding="utf-8")
    code, _, err = cli("init", "mine")
    assert code == 0
    assert "kept     README.md (it was there already)\n" in err
    assert (root / "README.md").read_text(encoding="utf-8") == "my own"
    assert files_below(root) == FILES | {"thesis.md"}


def test_a_link_that_leads_nowhere_is_kept_too(cli, tmp_path: Path) -> None:
    root = tmp_path / "mine"
    root.mkdir()
    try:
        (root / "README.md").symlink_to(tmp_path / "elsewhere.md")
    except OSError:
        pytest.skip("this machine makes no symbolic links")
    assert cli("init", "mine").code == 0
    assert not (tmp_path / "elsewhere.md").exists()


@pytest.mark.parametrize("inside", ["mine", "mine/rag", "mine/new"])
def test_in_a_project_no_other_is_made(cli, tmp_path: Path, inside: str) -> None:
    cli("init", "mine")
    before = files_below(tmp_path)
    code, out, err = cli("init", inside)
    assert (code, out) == (2, "")
    assert (
        "is a project already" in err
        if inside == "mine"
        else f'lies in the project "{tmp_path.resolve() / "mine"}"' in err
    )
    assert "choose another folder" in err
    assert files_below(tmp_path) == before


def test_an_empty_name_is_not_the_working_directory(cli, tmp_path: Path) -> None:
    code, _, err = cli("init", "")
    assert code == 2
    assert err == 'llmapps: The name of the folder is empty. Give one; "." is the working directory.\n'
    assert files_below(tmp_path) == set()
    assert cli("init", ".").code == 0
    assert files_below(tmp_path) == FILES


def test_the_home_of_no_user_is_no_folder(cli) -> None:
    code, _, err = cli("init", "~nouser-here/x")
    assert code == 2
    assert err.startswith('llmapps: "~nouser-here/x" cannot be a folder (')


def test_a_file_in_the_way_is_named(cli, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("", encoding="utf-8")
    code, _, err = cli("init", "mine")
    assert code == 2
    assert err == f'llmapps: "{tmp_path / "mine"}" is a file. Give the name of a folder, or of one to be made.\n'


def test_a_file_in_place_of_a_folder_stops_it_and_the_next_run_goes_on(cli, tmp_path: Path) -> None:
    root = tmp_path / "mine"
    root.mkdir()
    (root / "eval").write_text("", encoding="utf-8")
    code, _, err = cli("init", "mine")
    assert code == 2
    assert "could not be finished" in err
    assert str(root / "eval") in err
    assert not (root / "llmapps.toml").exists(), "a project that is not whole must not be one"
    (root / "eval").unlink()
    assert cli("init", "mine").code == 0
    assert files_below(root) == FILES


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_half_a_file_is_never_left(cli, tmp_path: Path) -> None:
    cli("init", "mine")
    assert not [path for path in (tmp_path / "mine").rglob(".*") if path.name != ".gitignore"]
    assert (tmp_path / "mine" / "README.md").stat().st_mode & 0o777 == 0o644


def test_the_readme_of_the_project_names_only_what_is_there(cli, tmp_path: Path) -> None:
    cli("init", "mine")
    readme = (tmp_path / "mine" / "README.md").read_text(encoding="utf-8")
    for folder in CONTENT_FOLDERS:
        assert f"`{folder}/`" in readme


def test_the_commands_of_its_readme_run_as_they_stand(cli, weights_home: Path, tmp_path: Path) -> None:
    cli("init", "mine")
    readme = (tmp_path / "mine" / "README.md").read_text(encoding="utf-8")
    commands = [line for line in readme.splitlines() if line.startswith("llmapps ")]
    assert len(commands) >= 5
    for command in commands:
        code, out, err = cli(*shlex.split(command)[1:], cwd=tmp_path / "mine", env={"LLMAPPS_MODEL": "fake:grounded"})
        assert code == 0, f"{command}\n{err}"
        assert out or "chat" in command


def test_the_sample_note_can_be_asked_at_once(cli, weights_home: Path, tmp_path: Path) -> None:
    _, _, err = cli("init", "mine")
    (question,) = re.findall(r'llmapps ask "([^"]+)"', err)
    words = ("ask", question, "--model", "fake:grounded", "--json")
    answer = json.loads(cli(*words, cwd=tmp_path / "mine").out)
    assert not answer["abstained"]
    assert "60" in answer["answer"]
    assert {hit["document"] for hit in answer["hits"]} == {"welcome.md"}
    assert (tmp_path / "mine" / ".llmapps" / "index").is_dir()


def test_its_config_shows_the_project_from_any_folder_in_it(cli, tmp_path: Path) -> None:
    cli("init", "mine")
    out = cli("config", cwd=tmp_path / "mine" / "rag").out
    assert str((tmp_path / "mine").resolve()) in out
