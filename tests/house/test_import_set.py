"""A set, not a stop-watch: what is loaded before anything was asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent

BANNED = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
"""What ruff allows at the top of no module."""

HEAVY = {
    *BANNED["flake8-tidy-imports"]["banned-module-level-imports"],
    "hashlib",  # loads OpenSSL
    "httpx",
    "importlib.metadata",
    "pydantic",
    "rich",
}

LOADED_BY_TYPER = {"hashlib", "importlib.metadata", "pydantic"}
"""Typer's own, as soon as it looks at a value on the command line."""

HELP = """
import contextlib, io, json, sys
from llmapps.cli.run import run

with contextlib.redirect_stdout(io.StringIO()):
    assert run(["--help"]) == 0
print(json.dumps({"modules": sorted(sys.modules)}))
"""

HELP_OF_EVERY_COMMAND = """
import json, sys
import typer
from llmapps.cli.app import app

shown = []
def show(command, path, parent=None):
    context = command.make_context(path, [], parent=parent, resilient_parsing=True)
    assert command.get_help(context).startswith("Usage:")
    shown.append(path)
    for name, below in getattr(command, "commands", {}).items():
        show(below, name, context)

show(typer.main.get_command(app), "llmapps")
print(json.dumps({"shown": shown, "modules": sorted(sys.modules)}))
"""


def loaded_by(code: str) -> dict[str, list[str]]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    result: dict[str, list[str]] = json.loads(ran.stdout)
    return result


def test_help_loads_nothing_heavy() -> None:
    modules = set(loaded_by(HELP)["modules"])
    assert {"typer", "llmapps.cli.config"} <= modules
    assert {"chromadb", "langchain_core", "openai"} <= HEAVY
    assert HEAVY & modules == set()


def test_help_of_every_command_loads_nothing_heavy() -> None:
    result = loaded_by(HELP_OF_EVERY_COMMAND)
    assert {"llmapps", "init", "config"} <= set(result["shown"])
    assert "typer" in result["modules"]
    assert (HEAVY - LOADED_BY_TYPER) & set(result["modules"]) == set()


def test_importing_llmapps_loads_nothing_of_it() -> None:
    modules = set(
        loaded_by("import json, sys, llmapps; print(json.dumps({'modules': sorted(sys.modules)}))")["modules"]
    )
    assert {name for name in modules if name.startswith("llmapps")} == {"llmapps"}
    assert HEAVY & modules == set()


@pytest.mark.parametrize("name", ["errors", "types", "settings", "project", "models.spec", "models.catalog"])
def test_the_lower_floors_stand_without_heavy_packages(name: str) -> None:
    code = f"import json, sys, llmapps.{name}; print(json.dumps({{'modules': sorted(sys.modules)}}))"
    assert HEAVY & set(loaded_by(code)["modules"]) == set()
