"""The front matter of a prompt file: YAML between two lines of ---, which declares the variables. Strict."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from llmapps.errors import PromptError, did_you_mean
from llmapps.prompts.template import HISTORY

Kind = str | Mapping[str, str]
"""Of a variable: "string", "integer", "number" or "boolean"; for a list of objects, the kind of each field."""

SCALARS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int,
    "number": lambda value: type(value) in (int, float),
    "boolean": lambda value: isinstance(value, bool),
}
"""The kinds of values, and whether a value is one."""

_KEYS = {"description", "input"}
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_NAME = re.compile(r"([A-Za-z_]\w*)(\(array\))?")
_FIRST_LINE = 2  # of the YAML, below the line of ---
_DEEPEST = 4  # keys that lead to a field: input, schema, variable, field


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What a prompt file says about itself.

    Attributes:
        lines: where each variable is declared.
        end: where in the text the template begins.
    """

    description: str
    variables: Mapping[str, Kind]
    lines: Mapping[str, int]
    end: int


@dataclass(frozen=True, slots=True)
class _Keys:
    """The line of each key, found by the keys that lead to it."""

    where: str
    lines: dict[tuple[str, ...], int]

    def at(self, *path: object) -> str:
        """The file and line of a key, for messages."""
        return f"{self.where}:{self.line(*path)}"

    def line(self, *path: object) -> int:
        """The line of a key."""
        return self.lines.get(tuple(map(str, path)), _FIRST_LINE)


def parse_front_matter(text: str, where: str) -> FrontMatter:
    """The front matter at the beginning of a prompt file's text.

    Args:
        text: with lines that end in a newline alone.
        where: the file, for messages.

    Raises:
        PromptError: there is none, it is not YAML, it has a key that is not known or stands there twice, or a variable
            whose name or type cannot be; names file and line.
    """
    match = _FRONT_MATTER.match(text)
    if not match:
        raise PromptError(f"{where}:1: a prompt file begins with front matter between two lines of ---; add it.")
    table, keys = _load_yaml(match[1], where)
    for key in table:
        if key not in _KEYS:
            hint = did_you_mean(str(key), _KEYS) or f"The keys are: {', '.join(sorted(_KEYS))}."
            raise PromptError(f'{keys.at(key)}: there is no key "{key}". {hint}')
    description = table.get("description", "")
    if not isinstance(description, str):
        raise PromptError(f"{keys.at('description')}: description = {description!r} must be a text; put it in quotes.")
    variables = _parse_variables(table, keys)
    lines = {name: keys.line("input", "schema", key) for name, (key, _) in variables.items()}
    return FrontMatter(description.strip(), {name: kind for name, (_, kind) in variables.items()}, lines, match.end())


def _load_yaml(text: str, where: str) -> tuple[dict[Any, Any], _Keys]:
    import yaml

    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        table = loader.construct_document(node) if node else {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: such as a date of the 13th month
        problem = str(getattr(error, "problem", None) or error).splitlines()[0]
        # What is not closed is reported where it begins, not where the text ends.
        mark = getattr(error, "context_mark" if problem.endswith("end of stream") else "problem_mark", None)
        line = _FIRST_LINE + (mark.line if mark else 0)
        raise PromptError(f"{where}:{line}: the front matter is not YAML: {problem}. Correct this line.") from error
    if not isinstance(table, dict):
        raise PromptError(f"{where}:2: the front matter must be keys and values, such as `description: ...`.")
    return table, _Keys(where, _lines_of(node, where, ()) if node else {})


def _lines_of(node: Any, where: str, path: tuple[str, ...]) -> dict[tuple[str, ...], int]:
    """The line of every key in a YAML mapping and in the mappings below it."""
    lines: dict[tuple[str, ...], int] = {}
    for key, value in node.value:
        here, line = (*path, str(key.value)), _FIRST_LINE + key.start_mark.line
        if here in lines:
            raise PromptError(f'{where}:{line}: "{key.value}" stands here for the second time; delete one of the two.')
        lines[here] = line
        if value.id == "mapping" and len(here) < _DEEPEST:
            lines |= _lines_of(value, where, here)
    return lines


def _parse_variables(table: Mapping[Any, Any], keys: _Keys) -> dict[str, tuple[str, Kind]]:
    """By name, the key in `input.schema` that declares a variable, and the variable's kind."""
    if "input" not in table:
        return {}
    outer = table["input"]
    schema = outer.get("schema") if isinstance(outer, dict) else None
    if not isinstance(schema, dict) or len(outer) != 1:
        raise PromptError(f"{keys.at('input')}: input must hold `schema:` with the variables, and nothing else.")
    variables: dict[str, tuple[str, Kind]] = {}
    for key, kind in schema.items():
        at = keys.at("input", "schema", key)
        name, is_list = _parse_name(key, at)
        if name in variables:
            raise PromptError(f'{at}: "{name}" is declared for the second time; delete one of the two.')
        if not is_list:
            variables[name] = str(key), _require_scalar(key, kind, at)
        elif isinstance(kind, dict) and kind:
            variables[name] = str(key), _parse_fields(str(key), kind, keys)
        else:
            raise PromptError(f"{at}: {key} must hold the fields of its objects, each with a type on its own line.")
    return variables


def _parse_fields(variable: str, fields: Mapping[Any, Any], keys: _Keys) -> dict[str, str]:
    kinds = {}
    for key, kind in fields.items():
        at = keys.at("input", "schema", variable, key)
        name, is_list = _parse_name(key, at)
        if is_list:
            raise PromptError(f"{at}: {key} is a list inside a list; give its text as one string instead.")
        kinds[name] = _require_scalar(key, kind, at)
    return kinds


def _parse_name(key: Any, at: str) -> tuple[str, bool]:
    """A variable's name, and whether it is a list."""
    match = _NAME.fullmatch(str(key))
    if not match or match[1] == HISTORY:
        raise PromptError(f'{at}: "{key}" cannot be the name of a variable; use letters, digits and _.')
    return match[1], bool(match[2])


def _require_scalar(key: Any, kind: Any, at: str) -> str:
    if not isinstance(kind, str) or kind not in SCALARS:
        raise PromptError(f'{at}: "{key}" has the type {kind!r}; use one of: {", ".join(SCALARS)}.')
    return kind
