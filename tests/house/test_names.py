"""Names tell the truth, every public thing says what it is, and the list of exports is what can be had."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

import llmapps

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PACKAGE = REPOSITORY / "llmapps"

MEANINGLESS = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "manager",
    "core",
    "misc",
    "base",
    "impl",
    "stuff",
    "tools_",
}
ALLOWED_WORDS: set[str] = set()


def modules() -> list[Path]:
    found = sorted(PACKAGE.rglob("*.py"))
    assert len(found) >= 10, "is this test looking in the right place?"
    return found


def name_of(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def test_modules_are_named_after_what_they_hold() -> None:
    names = {name_of(path) for path in modules() if MEANINGLESS & set(path.stem.strip("_").split("_"))}
    assert names - ALLOWED_WORDS == set()


def test_classes_are_named_after_what_they_are() -> None:
    bad = [
        f"{name_of(path)}: {node.name}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        and (node.name.startswith(("Base", "Abstract")) or node.name.endswith(("Impl", "Manager", "Helper", "Utils")))
    ]
    assert bad == []


def public_things(
    path: Path,
) -> Iterator[tuple[str, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]]:
    """The module and its public classes, functions and methods, by name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    yield name_of(path), tree
    yield from _public_in(tree, name_of(path))


def _public_in(
    parent: ast.AST, prefix: str
) -> Iterator[tuple[str, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith("_"):
            yield f"{prefix}:{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from _public_in(node, f"{prefix}:{node.name}")


def test_every_public_thing_has_a_docstring() -> None:
    things = [thing for path in modules() for thing in public_things(path)]
    assert len(things) >= 50, "is this test looking in the right place?"
    assert [name for name, node in things if not ast.get_docstring(node) and not _is_excused(node)] == []


def _is_excused(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """An empty module, and a function that stands for one which is documented elsewhere."""
    if isinstance(node, ast.Module):
        return not node.body
    names = {getattr(decorator, "id", getattr(decorator, "attr", "")) for decorator in node.decorator_list}
    return bool(names & {"overload", "override", "setter"})


def test_the_export_list_is_sorted_and_whole() -> None:
    assert llmapps.__all__ == sorted(llmapps.__all__)
    assert set(llmapps.__all__) == set(llmapps._MODULE_OF) | {"__version__"}
    assert dir(llmapps) == llmapps.__all__


@pytest.mark.parametrize("name", llmapps.__all__)
def test_every_export_can_be_had_and_comes_from_where_it_is_said_to(name: str) -> None:
    value = getattr(llmapps, name)
    if name != "__version__":
        assert value is getattr(sys.modules[llmapps._MODULE_OF[name]], name)


def test_types_of_exports_are_known_to_type_checkers() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    imported = {
        alias.name: line.module
        for block in blocks
        for line in block.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    }
    assert imported == llmapps._MODULE_OF


def test_star_import_gives_the_exports() -> None:
    code = "from llmapps import *; import llmapps; assert not set(llmapps.__all__) - set(globals())"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_a_name_that_is_not_exported_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'llmapps' has no attribute 'rga'"):
        _ = llmapps.rga  # type: ignore[attr-defined]


def test_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()
    assert typing.get_type_hints(llmapps.LlmappsError) is not None
