"""Every kind of error is raised somewhere, and what it says is a sentence."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from llmapps import errors
from llmapps.errors import LlmappsError

PACKAGE = Path(__file__).resolve().parent.parent.parent / "llmapps"

# Its message is a reason, shown behind the path of the document.
FRAGMENTS = {"DocumentError"}


def kinds(cls: type[LlmappsError] = LlmappsError) -> Iterator[type[LlmappsError]]:
    for sub in cls.__subclasses__():
        if sub.__module__ == errors.__name__:
            yield sub
            yield from kinds(sub)


def made() -> Iterator[tuple[str, str, ast.expr | None]]:
    """Where an error is made, its kind, and its first argument."""
    names = {cls.__name__ for cls in kinds()}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                where = f"{path.relative_to(PACKAGE).as_posix()}:{node.lineno}"
                yield where, node.func.id, node.args[0] if node.args else None


def test_every_kind_of_error_is_raised_somewhere() -> None:
    leaves = {cls.__name__ for cls in kinds() if not list(kinds(cls))}
    assert len(leaves) > 8
    assert leaves - {kind for _, kind, _ in made()} == set()


def test_messages_end_as_sentences_do() -> None:
    ends = {where: end for where, kind, message in made() if kind not in FRAGMENTS and (end := _literal_end(message))}
    assert len(ends) >= 10, "is this test looking in the right place?"
    assert {where: end for where, end in ends.items() if not end.rstrip().endswith((".", "?", "!", ":"))} == {}


def _literal_end(message: ast.expr | None) -> str:
    """The literal text that a message ends with, or "" when it ends with a value."""
    if isinstance(message, ast.JoinedStr):
        message = message.values[-1]
    return message.value if isinstance(message, ast.Constant) and isinstance(message.value, str) else ""
