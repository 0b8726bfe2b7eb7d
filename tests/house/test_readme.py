"""What README.md shows is run: Python blocks as programs, lines that begin with `llmapps` as commands.

Models are replaced by `fake:grounded` (which answers at once by quoting the notes), as an answer from a real one takes
a minute; everything else is as a reader would do it, in one folder, from top to bottom. The two lines that install are
run by .ci/run as they stand. What cannot be run here (`git clone`, `ollama pull`) is counted, so that it stays little.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from llmapps.project import builtin_root

REPOSITORY = Path(__file__).resolve().parent.parent.parent
README = REPOSITORY / "README.md"

RUN_BY_CI = ('pip install -e . && llmapps ask "', 'pip install -e ".[test]" && pytest')
NOT_RUN = re.compile(r"^(git |ollama |pip |python -m venv|pytest|source |export |llmapps models (pull|remove) )")
MOST_NOT_RUN = 12
TALK = {"sh", "bash", "console", "shell"}
NOT_CODE = {"", "text", "mermaid", "json", "toml", "powershell"}

pytestmark = pytest.mark.skipif(not README.is_file(), reason="there is no README.md")


class Block(NamedTuple):
    """A fenced block: its language, its text and the line on which it starts."""

    language: str
    text: str
    line: int


def blocks() -> list[Block]:
    text = README.read_text(encoding="utf-8")
    return [
        Block(match["language"], match["text"], text.count("\n", 0, match.start()) + 1)
        for match in re.finditer(r"^```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ]


def commands() -> list[str]:
    """The lines of the shell blocks, without prompts and comments, continued lines joined; not what is printed."""
    lines = []
    for block in blocks():
        if block.language in TALK:
            typed = block.text.replace("\\\n", " ").splitlines()
            if block.language == "console":
                typed = [line.removeprefix("$ ") for line in typed if line.startswith("$ ")]
            lines += [line.strip() for line in typed if line.strip() and not line.strip().startswith("#")]
    return lines


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the reader is: a folder with notes of their own."""
    notes = sorted((builtin_root() / "rag" / "notes").glob("*.md"))
    assert len(notes) >= 5
    (tmp_path / "my-notes").mkdir()
    for note in notes:
        shutil.copy(note, tmp_path / "my-notes")
    return tmp_path


def test_every_block_is_of_a_kind_that_is_run_or_is_no_code() -> None:
    found = {block.language for block in blocks()}
    assert found <= TALK | NOT_CODE | {"python"}
    assert "python" in found
    assert found & TALK


def test_the_first_commands_are_the_two_promised_lines_and_ci_runs_them() -> None:
    install, test = commands()[:2]
    assert install.startswith(RUN_BY_CI[0])
    assert test == RUN_BY_CI[1]
    ci = (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")
    assert install in ci
    assert test in ci


@pytest.mark.parametrize("block", [b for b in blocks() if b.language == "python"] if README.is_file() else [], ids=str)
def test_python_blocks_run(block: Block, folder: Path, weights_home: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "LLMAPPS_MODEL": "fake:grounded"}
    code = re.sub(r'(model=)"[^"]+"', r'\1"fake:grounded"', block.text)
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert ran.returncode == 0, f"README.md:{block.line}\n{ran.stderr}"


def test_commands_run(folder: Path, weights_home: Path, cli: Callable[..., Any]) -> None:
    where, ran, not_run = folder, 0, []
    for line in commands():
        for command in re.split(r"\s*&&\s*", line):
            if command.startswith("cd "):
                where = where / shlex.split(command)[1]
            elif command.startswith("llmapps ") and not NOT_RUN.match(command):
                result = cli(
                    *with_fake_model(shlex.split(command, comments=True)[1:]),
                    cwd=where,
                    env={"LLMAPPS_MODEL": "fake:grounded"},
                )
                assert result.code == 0, f"{command}\n{result.err}"
                ran += 1
            else:
                assert NOT_RUN.match(command), f"{command}: neither run here nor known as something that is not"
                not_run.append(command)
    assert ran >= 3
    assert len(not_run) <= MOST_NOT_RUN, not_run


def with_fake_model(words: list[str]) -> list[str]:
    """The words of a command with its model, which must be of a known form, replaced by one that answers at once."""
    from llmapps.models.spec import ModelSpec

    replaced = list(words)
    if "--model" in replaced:
        at = replaced.index("--model") + 1
        ModelSpec.parse(replaced[at])
        replaced[at] = "fake:grounded"
    if "--base-url" in replaced:
        at = replaced.index("--base-url")
        del replaced[at : at + 2]
    return replaced


def test_paths_that_are_named_are_there() -> None:
    text = README.read_text(encoding="utf-8")
    named = set(re.findall(r"\]\((?!https?:|#)([^)#]+)", text)) | set(
        re.findall(r"`((?:llmapps|tests|rag|prompts|eval|agents)/[\w./-]*)`", text)
    )
    assert named
    assert {path for path in named if not (REPOSITORY / path).exists()} == set()
