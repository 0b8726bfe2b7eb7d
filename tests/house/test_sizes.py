"""One file, one idea; one screen, one function. The allowed exceptions may only become fewer."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent.parent / "llmapps"

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 6
MAX_COMMAND_PARAMETERS = 12  # a command's signature is its list of options

LONGER_FILES: dict[str, int] = {}
LONGER_FUNCTIONS: dict[str, int] = {}
MORE_PARAMETERS: dict[str, int] = {"errors.py:ProviderError.__init__": 7}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).as_posix(), path.read_text(encoding="utf-8")


def functions() -> Iterator[tuple[str, Function]]:
    for name, text in sources():
        yield from ((f"{name}:{path}", node) for path, node in _functions_in(ast.parse(text), ""))


def _functions_in(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        named = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        path = f"{prefix}{child.name}" if named else prefix  # type: ignore[attr-defined]
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield path, child
        yield from _functions_in(child, f"{path}." if named else prefix)


def check(found: dict[str, int], limit: dict[str, int] | int, allowed: dict[str, int], floor: int) -> None:
    """Nothing is over its limit but what is allowed, and what is allowed is still there, at its size or smaller."""
    assert len(found) >= floor, f"only {len(found)} found: is this test looking in the right place?"
    limits = limit if isinstance(limit, dict) else dict.fromkeys(found, limit)
    over = {name: size for name, size in found.items() if size > max(limits[name], allowed.get(name, 0))}
    assert over == {}, "make these smaller, or split them by idea"
    slack = {name: found.get(name) for name, size in allowed.items() if found.get(name) != size}
    assert slack == {}, "these became smaller or went away: lower or delete their exception"


def test_files_are_short() -> None:
    check({name: len(text.splitlines()) for name, text in sources()}, MAX_FILE_LINES, LONGER_FILES, floor=10)


def test_functions_fit_on_a_screen() -> None:
    lines = {name: (node.end_lineno or 0) - node.lineno + 1 for name, node in functions()}
    check(lines, MAX_FUNCTION_LINES, LONGER_FUNCTIONS, floor=50)


def test_functions_take_few_parameters() -> None:
    counts = {name: _parameters(node) for name, node in functions()}
    limits = {name: MAX_COMMAND_PARAMETERS if name.startswith("cli/") else MAX_PARAMETERS for name in counts}
    check(counts, limits, MORE_PARAMETERS, floor=50)


def _parameters(node: Function) -> int:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return len([argument for argument in arguments if argument.arg not in ("self", "cls")])
