"""A prompt: a file of front matter and a template, found by name, read strictly, rendered with values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmapps.errors import ProjectError, PromptError, did_you_mean
from llmapps.project import BUILTIN_PREFIX, Project, find_unit
from llmapps.prompts.front_matter import SCALARS, FrontMatter, Kind, parse_front_matter
from llmapps.prompts.messages import Message
from llmapps.prompts.template import Block, Node, Text, Value, parse_template, render

SUFFIX = ".prompt"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt that was read and found to be right.

    Attributes:
        variables: what it is given, by name: "string", "integer", "number", "boolean", or for a list of objects
            the kind of each field.
        origin: "project" or "builtin".
        hash: of the file's text, however its lines end; names this very wording in traces and answers.
        also_accepts: variables of the built-in prompt that this one replaces, and does not use.
    """

    name: str
    description: str
    variables: Mapping[str, Kind]
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

        Args:
            history: the messages that stand at {{history}}.
            values: one for each variable; for a list of objects, mappings (fields that the prompt does not declare
                are left out).

        Raises:
            PromptError: a value is missing, not declared, or has the wrong type.
        """
        for name in values:
            if name not in self.variables and name not in self.also_accepts:
                hint = did_you_mean(name, self.variables) or f"Its variables are: {', '.join(self.variables)}."
                raise PromptError(f'The prompt "{self.name}" has no variable "{name}". {hint}')
        given = {}
        for name, kind in self.variables.items():
            if name not in values:
                raise PromptError(f'The prompt "{self.name}" needs a value for "{name}"; pass {name}=...')
            where = f'The prompt "{self.name}"'
            given[name] = _require_value(where, name, kind, values[name])
        return render(self.nodes, given, history)


def load_prompt(name: str, project: Project | None = None) -> Prompt:
    """The prompt of this name: the project's, else the built-in one; "builtin:NAME" is always the built-in one.

    Raises:
        ProjectError: there is none.
        PromptError: the file is wrong; or it replaces a built-in prompt, but needs variables that this one has not.
    """
    path, origin = find_unit("prompts", name, SUFFIX, project)
    return parse_prompt(_read(path), str(path), origin, _replaced(path) if origin == "project" else None)


def _replaced(path: Path) -> Mapping[str, Kind] | None:
    """The variables of the built-in prompt that a project's file replaces; None if it replaces none."""
    try:
        builtin, _ = find_unit("prompts", BUILTIN_PREFIX + path.name.removesuffix(SUFFIX), SUFFIX)
    except ProjectError:
        return None
    return parse_prompt(_read(builtin), str(builtin), "builtin").variables


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(f"{path} cannot be read: {error}. Save it as UTF-8 text.") from error


def parse_prompt(text: str, where: str, origin: str = "project", given: Mapping[str, Kind] | None = None) -> Prompt:
    """The prompt in the text of a file.

    Args:
        text: the file's.
        where: its path; its name is the prompt's.
        origin: "project" or "builtin".
        given: the variables of the prompt that it replaces, and so all that it will be given; None if it replaces none.

    Raises:
        PromptError: wrong front matter, a variable that is used and not declared, declared and not used, or not
            given, or no text at all; names file and line.
    """
    text = text.replace("\r\n", "\n")
    front = parse_front_matter(text, where)
    if given is not None:
        _require_given(front, given, where)
    nodes = parse_template(text[front.end :], where, text.count("\n", 0, front.end) + 1)
    used = _variables_used(nodes, front.variables, where)
    for name, line in front.lines.items():
        if name not in used:
            raise PromptError(f'{where}:{line}: the variable "{name}" is declared and never used; use it or delete it.')
    if not _has_text(nodes):
        raise PromptError(
            f"{where}: the prompt has no text; write below the second line of --- what the model is told."
        )
    return Prompt(
        Path(where).name.removesuffix(SUFFIX),
        front.description,
        front.variables,
        nodes,
        origin,
        hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        frozenset(given or ()) - set(front.variables),
    )


def _has_text(nodes: Sequence[Node]) -> bool:
    """Whether anything can come out of the template."""
    return any(
        isinstance(node, Value)
        or (isinstance(node, Text) and bool(node.text.strip()))
        or (isinstance(node, Block) and _has_text(node.body))
        for node in nodes
    )


def _require_given(front: FrontMatter, given: Mapping[str, Kind], where: str) -> None:
    """Check a replacement: what it declares must be what it will be given, or less."""
    for name, kind in front.variables.items():
        at, gets = f"{where}:{front.lines[name]}", given.get(name)
        if gets is None:
            hint = did_you_mean(name, given) or f"It gets: {', '.join(given)}."
            raise PromptError(f'{at}: the variable "{name}" is not given to this prompt. {hint}')
        if kind != gets and (isinstance(kind, str) or isinstance(gets, str) or not kind.items() <= gets.items()):
            wanted = gets if isinstance(gets, str) else f"a list with {', '.join(gets)}"
            raise PromptError(f'{at}: the variable "{name}" is given to this prompt as {wanted}; declare it so.')


def _variables_used(
    nodes: Sequence[Node], variables: Mapping[str, Kind], where: str, fields: Mapping[str, Kind] | None = None
) -> set[str]:
    """The variables that a template uses; inside {{#each}}, `fields` are those of the list's objects.

    Raises:
        PromptError: one is not declared, or is used as what it is not; names file and line.
    """
    used: set[str] = set()
    fields = fields or {}
    for node in nodes:
        if not isinstance(node, Value | Block):
            continue
        at, name = f"{where}:{node.line}", node.name
        if name not in fields and name not in variables:
            hint = did_you_mean(name, [*fields, *variables]) or "Declare it, with its type."
            raise PromptError(f'{at}: "{name}" is not declared in input.schema. {hint}')
        kind = fields.get(name, variables.get(name, ""))
        if name not in fields:
            used.add(name)
        if isinstance(node, Value) and not isinstance(kind, str):
            raise PromptError(
                f'{at}: "{name}" is a list; write {{{{#each {name}}}}} with its fields, then {{{{/each}}}}.'
            )
        if isinstance(node, Block):
            inner: Mapping[str, Kind] = fields
            if node.kind == "each":
                if isinstance(kind, str):
                    raise PromptError(f'{at}: "{name}" is of the type {kind}, not a list; use {{{{#if {name}}}}}.')
                inner = {**fields, **kind}
            used |= _variables_used(node.body, variables, where, inner)
    return used


def _require_value(where: str, name: str, kind: Kind, value: Any) -> Any:
    """The value; of a list, only the fields that are declared."""
    if isinstance(kind, str):
        if not SCALARS[kind](value):
            raise PromptError(f"{where}: {name} = {value!r} must be of the type {kind}.")
        return value
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        raise PromptError(f"{where}: {name} = {value!r} must be a list of objects with {', '.join(kind)}.")
    rows = []
    for number, item in enumerate(value, start=1):
        missing = [field for field in kind if not isinstance(item, Mapping) or field not in item]
        if missing:
            raise PromptError(f'{where}: object {number} of {name} has no field "{missing[0]}"; add it.')
        rows.append(
            {field: _require_value(where, f"{name}[{number}].{field}", kind[field], item[field]) for field in kind}
        )
    return rows
