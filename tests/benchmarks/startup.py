"""How long the command takes to start, against the least that a command of its shape can take.

    python tests/benchmarks/startup.py [--repeats 15] [--json FILE]

In one run, by turns, so that a busy machine is busy for all: Python alone, `import llmapps`, `llmapps --help`, and
`--help` of an empty Typer tree with the same groups, commands, options and help texts, made from the real one.

Goals: `--help` within 1.3 times the empty tree; `import llmapps` within 2 times Python alone plus 50 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import typer

REPOSITORY = Path(__file__).resolve().parent.parent.parent
HELP_GOAL, IMPORT_GOAL, IMPORT_ALLOWANCE_S = 1.3, 2.0, 0.05


def empty_tree() -> str:
    """The source of a program with the same tree of commands as llmapps, in which nothing is done."""
    from llmapps.cli.app import app

    root = typer.main.get_command(app)
    lines = [
        "from typing import Annotated, Optional",
        "import typer",
        "app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)",
        "@app.callback()",
        f"def root({_parameters(root)}):",
        f"    {root.help!r}",
        *_commands(root, "app"),
        "app()",
    ]
    return "\n".join(lines)


def _commands(group: object, parent: str) -> list[str]:
    lines = []
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        function = f"{parent}_{name}".replace("-", "_")
        if hasattr(command, "commands"):
            lines += [
                f"{function} = typer.Typer(help={command.help!r})",
                f"{parent}.add_typer({function}, name={name!r})",
            ]
            lines += _commands(command, function)
        else:
            lines += [
                f"@{parent}.command({name!r})",
                f"def {function}_command({_parameters(command)}):",
                f"    {command.help!r}",
            ]
    return lines


def _parameters(command: object) -> str:
    """Options and arguments of a command as a Python signature, all of them texts or switches."""
    parts = []
    for parameter in command.params:  # type: ignore[attr-defined]
        if parameter.name == "help":
            continue
        switch = getattr(parameter, "is_flag", False)
        kind, default = ("bool", "False") if switch else ("Optional[str]", "None")
        made = f"typer.Option({parameter.opts[0]!r}, help={parameter.help!r})"
        if parameter.param_type_name == "argument":
            made = f"typer.Argument(help={parameter.help!r})"
        parts.append(f"{parameter.name}: Annotated[{kind}, {made}] = {default}")
    return ", ".join(parts)


def measure(commands: dict[str, list[str]], repeats: int) -> dict[str, float]:
    """Median wall seconds of each command, run by turns, after one run of each that does not count."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    for turn in range(repeats + 1):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            if turn:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def main() -> None:
    """Measure, and print a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", type=Path, help="write the JSON to this file, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "empty_tree.py")
        tree.write_text(empty_tree(), encoding="utf-8")
        medians = measure(
            {
                "python -c pass": [sys.executable, "-c", "pass"],
                "import llmapps": [sys.executable, "-c", "import llmapps"],
                "empty tree --help": [sys.executable, str(tree), "--help"],
                # What the installed script `llmapps` does.
                "llmapps --help": [sys.executable, "-c", "from llmapps.cli import main; main()", "--help"],
            },
            options.repeats,
        )
    python, imported, empty, ours = medians.values()
    result = {
        "repeats": options.repeats,
        "median_s": {name: round(seconds, 4) for name, seconds in medians.items()},
        "help_ratio": round(ours / empty, 3),
        "help_ok": ours <= HELP_GOAL * empty,
        "import_limit_s": round(IMPORT_GOAL * python + IMPORT_ALLOWANCE_S, 4),
        "import_ok": imported <= IMPORT_GOAL * python + IMPORT_ALLOWANCE_S,
    }
    for name, seconds in medians.items():
        print(f"{name:20}{seconds * 1000:8.1f} ms")
    print(f"--help takes {result['help_ratio']} times the empty tree (goal: at most {HELP_GOAL})")
    print(json.dumps(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2), encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(REPOSITORY))
    main()
