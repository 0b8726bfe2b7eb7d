"""A prompt file: YAML front matter that declares the variables, then the template. Strict at load."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmapps.errors import ProjectError, PromptError, did_you_mean
from llmapps.project import BUILTIN_PREFIX, Project, find_unit
from llmapps.prompts.template import Message, Node, names_used, parse_template, render

SUFFIX = ".prompt"
_KEYS = {"description", "input"}
_FRONT_MATTER = re.compile(r"\A---\r?\n(.*?)^---[ \t]*\r?\n", re.DOTALL | re.MULTILINE)
_SCALARS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int,
    "number": lambda value: type(value) in (int, float),
    "boolean": lambda value: isinstance(value, bool),
}


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt that was read and found to be right.

    Attributes:
        variables: what it is given, by name: "string", "integer", "number", "boolean", or for a list of objects
            the fields of each.
        origin: "project" or "builtin".
        hash: of the file's text; names this very wording in traces and answers.
        also_accepts: variables of the built-in prompt that this one replaces, and does not use.
    """

    name: str
    description: str
    variables: Mapping[str, str | Mapping[str, str]]
    nodes: Sequence[Node]
    origin: str
    hash: str
    also_accepts: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """For answers and traces: `answer@1a2b3c4d (builtin)`."""
        return f"{self.name}@{self.hash[:8]} ({self.origin})"

    def messages(self, history: Sequence[Message] = (), /, **values: Any) -> list[Message]:
        """The prompt's messages with these values.

        Raises:
            PromptError: a value is missing, not declared, or has the wrong type.
        """
        for name in values:
            if name not in self.variables and name not in self.also_accepts:
                raise PromptError(
                    f'The prompt "{self.name}" has no variable "{name}". {did_you_mean(name, self.variables)}'.strip()
                )
        for name, kind in self.variables.items():
            if name not in values:
                raise PromptError(f'The prompt "{self.name}" needs a value for "{name}".')
            _require_type(self.name, name, kind, values[name])
        return render(self.nodes, values, history)


def load_prompt(name: str, project: Project | None = None) -> Prompt:
    """The prompt of this name: the project's, else the built-in one; "builtin:NAME" is always the built-in one.

    Raises:
        ProjectError: there is none.
        PromptError: the file is wrong; or it replaces a built-in prompt, but needs variables that this one has not.
    """
    path, origin = find_unit("prompts", name, SUFFIX, project)
    prompt = parse_prompt(path.read_text(encoding="utf-8-sig"), str(path), origin)
    if origin == "builtin":
        return prompt
    try:
        replaced, _ = find_unit("prompts", BUILTIN_PREFIX + prompt.name, SUFFIX)
    except ProjectError:
        return prompt
    given = parse_prompt(replaced.read_text(encoding="utf-8-sig"), str(replaced), "builtin").variables
    for variable in prompt.variables:
        if variable not in given:
            raise PromptError(
                f'{path}: the variable "{variable}" is not given to "{prompt.name}"; it gets: {", ".join(given)}. '
                f"{did_you_mean(variable, given)}".strip()
            )
    return Prompt(
        prompt.name,
        prompt.description,
        prompt.variables,
        prompt.nodes,
        origin,
        prompt.hash,
        frozenset(given) - set(prompt.variables),
    )


def parse_prompt(text: str, where: str, origin: str = "project") -> Prompt:
    """The prompt in the text of a file.

    Raises:
        PromptError: no front matter, an unknown key, a variable that is used and not declared, or declared and not
            used; names file and line.
    """
    match = _FRONT_MATTER.match(text)
    if not match:
        raise PromptError(f"{where}:1: a prompt file begins with front matter between two lines of ---.")
    front = _parse_front_matter(match.group(1), where)
    variables = _parse_variables(front.get("input"), where, text)
    nodes = parse_template(text[match.end() :].replace("\r\n", "\n"), where, text.count("\n", 0, match.end()) + 1)
    _require_same_names(variables, nodes, where, text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Prompt(
        Path(where).name.removesuffix(SUFFIX),
        str(front.get("description", "")).strip(),
        variables,
        nodes,
        origin,
        digest,
    )


def _parse_front_matter(text: str, where: str) -> dict[str, Any]:
    import yaml

    try:
        front = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 2 if mark else 2
        raise PromptError(
            f"{where}:{line}: the front matter is not YAML: {getattr(error, 'problem', error)}."
        ) from error
    if not isinstance(front, dict):
        raise PromptError(f"{where}:2: the front matter must be keys and values, such as `description: ...`.")
    for key in front:
        if key not in _KEYS:
            hint = did_you_mean(str(key), _KEYS) or f"The keys are: {', '.join(sorted(_KEYS))}."
            raise PromptError(f'{where}:{_line_of(str(key), text, 2)}: there is no key "{key}". {hint}')
    return front


def _parse_variables(table: Any, where: str, text: str) -> dict[str, str | dict[str, str]]:
    if table is None:
        return {}
    schema = table.get("schema") if isinstance(table, dict) else None
    if not isinstance(schema, dict) or set(table) != {"schema"}:
        raise PromptError(
            f"{where}:{_line_of('input', text)}: input must hold `schema:` with the variables and nothing else."
        )
    variables: dict[str, str | dict[str, str]] = {}
    for key, kind in schema.items():
        name = str(key).removesuffix("(array)")
        kinds = kind if name != key and isinstance(kind, dict) else {name: kind}
        for field, scalar in kinds.items():
            if scalar not in _SCALARS:
                line = _line_of(str(field), text)
                raise PromptError(
                    f'{where}:{line}: "{field}" has the type {scalar!r}; use one of: {", ".join(_SCALARS)}.'
                )
        variables[name] = dict(kind) if isinstance(kind, dict) else str(kind)
    return variables


def _require_same_names(variables: Mapping[str, Any], nodes: Sequence[Node], where: str, text: str) -> None:
    used = set()
    for name, field, line in names_used(nodes):
        used.add(name)
        fields = variables.get(name)
        if name not in variables:
            hint = did_you_mean(name, variables)
            raise PromptError(f'{where}:{line}: the variable "{name}" is not declared in input.schema. {hint}'.strip())
        if field is not None and field not in variables and (not isinstance(fields, Mapping) or field not in fields):
            raise PromptError(
                f'{where}:{line}: "{name}" has no field "{field}". {did_you_mean(field, fields or ())}'.strip()
            )
    for name in variables:
        if name not in used:
            line = _line_of(name, text)
            raise PromptError(f'{where}:{line}: the variable "{name}" is declared and never used; use it or delete it.')


def _require_type(prompt: str, name: str, kind: str | Mapping[str, str], value: Any) -> None:
    if isinstance(kind, str):
        if not _SCALARS[kind](value):
            raise PromptError(f'The prompt "{prompt}": {name} = {value!r} must be of the type {kind}.')
        return
    for item in value:
        for field in kind:
            if field not in item:
                raise PromptError(f'The prompt "{prompt}": an object in "{name}" has no field "{field}".')


def _line_of(key: str, text: str, first_line: int = 1) -> int:
    for number, line in enumerate(text.splitlines(), start=first_line):
        if line.strip().startswith(key):
            return number
    return first_line
