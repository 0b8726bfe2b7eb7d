"""The template language of prompt files, and its rendering to messages.

    {{role "system"}}                    what follows is a message of this role: system, user or model
    {{history}}                          the earlier messages of a conversation stand here
    {{name}}                             a value
    {{#each hits}} {{n}} {{/each}}       the text once for each object of a list; inside, its fields
    {{#if name}} ... {{/if}}             the text only where the value is not empty
    {{! note }}                          a comment

A value is never read as a template again: braces, roles and anything else in it come out as they went in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmapps.errors import PromptError

ROLES = ("system", "user", "model")

_TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_BLOCK_LINE = re.compile(r"^[ \t]*(\{\{\s*(?:[#/!][^}]*|role\s[^}]*|history\s*)\}\})[ \t]*\n", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Text:
    """Text that stands in the template as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Value:
    """`{{name}}`."""

    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Role:
    """`{{role "..."}}` or, with the role "history", `{{history}}`."""

    role: str
    line: int


@dataclass(frozen=True, slots=True)
class Block:
    """`{{#each name}}` or `{{#if name}}` and what stands inside."""

    kind: str
    name: str
    line: int
    body: list[Node] = field(default_factory=list)


Node = Text | Value | Role | Block


@dataclass(frozen=True, slots=True)
class Message:
    """A rendered part of a prompt: the role is "system", "user" or "model"."""

    role: str
    content: str


def parse_template(source: str, where: str, first_line: int = 1) -> list[Node]:
    """The template as a tree.

    Args:
        source: the text.
        where: the file, for messages.
        first_line: the line of the file on which the text begins.

    Raises:
        PromptError: a tag that is not known, or a block that is not closed; names file and line.
    """
    lines_of_source = source
    source = _BLOCK_LINE.sub(
        lambda match: match.group(1) + "\0", source
    )  # a tag alone on its line takes the line with it
    root: list[Node] = []
    open_blocks: list[Block] = []
    end = 0
    for match in _TAG.finditer(source):
        line = first_line + source.count("\n", 0, match.start()) + source.count("\0", 0, match.start())
        inside = open_blocks[-1].body if open_blocks else root
        _add_text(inside, source[end : match.start()])
        end = match.end()
        _add_tag(match.group(1).strip(), f"{where}:{line}", line, inside, open_blocks)
    if open_blocks:
        block = open_blocks[-1]
        raise PromptError(
            f"{where}:{block.line}: {{{{#{block.kind} {block.name}}}}} is not closed; add {{{{/{block.kind}}}}}."
        )
    rest = source[end:]
    if "{{" in rest:
        line = first_line + lines_of_source.count("\n", 0, lines_of_source.rindex("{{"))
        raise PromptError(f"{where}:{line}: a {{{{ has no }}}}; close it.")
    _add_text(root, rest)
    return root


def _add_text(inside: list[Node], text: str) -> None:
    if text := text.replace("\0", ""):
        inside.append(Text(text))


def _add_tag(tag: str, where: str, line: int, inside: list[Node], open_blocks: list[Block]) -> None:
    if tag.startswith("!"):
        return
    if match := re.fullmatch(r"#(each|if)\s+(\w+)", tag):
        block = Block(match.group(1), match.group(2), line)
        inside.append(block)
        open_blocks.append(block)
    elif match := re.fullmatch(r"/(each|if)", tag):
        if not open_blocks or open_blocks[-1].kind != match.group(1):
            raise PromptError(
                f"{where}: {{{{{tag}}}}} closes nothing; open it with {{{{#{match.group(1)} NAME}}}} or delete it."
            )
        open_blocks.pop()
    elif (match := re.fullmatch(r"""role\s+["'](\w+)["']""", tag)) or tag == "history":
        role = match.group(1) if match else "history"
        if open_blocks:
            raise PromptError(f"{where}: {{{{{tag}}}}} stands inside a block; move it out.")
        if role not in (*ROLES, "history"):
            raise PromptError(f'{where}: there is no role "{role}"; use one of: {", ".join(ROLES)}.')
        inside.append(Role(role, line))
    elif _NAME.fullmatch(tag):
        inside.append(Value(tag, line))
    else:
        raise PromptError(
            f"{where}: {{{{{tag}}}}} is not understood; use a variable's name, #each, #if, role or history."
        )


def names_used(nodes: Sequence[Node]) -> Iterator[tuple[str, str | None, int]]:
    """Each name that a template uses: (variable, field of it or None, line)."""
    for node in nodes:
        if isinstance(node, Value):
            yield node.name, None, node.line
        elif isinstance(node, Block):
            yield node.name, None, node.line
            for name, inner, line in names_used(node.body):
                yield (node.name, name, line) if node.kind == "each" and inner is None else (name, inner, line)


def render(nodes: Sequence[Node], values: Mapping[str, Any], history: Sequence[Message] = ()) -> list[Message]:
    """The messages; text before the first role is the user's. Messages without text are left out."""
    parts: list[tuple[str, list[str]]] = [("user", [])]
    messages: list[Message] = []

    def finish() -> None:
        role, texts = parts.pop()
        if content := "".join(texts).strip():
            messages.append(Message(role, content))

    for node in nodes:
        if isinstance(node, Role):
            finish()
            if node.role == "history":
                messages.extend(history)
            parts.append(("user" if node.role == "history" else node.role, []))
        else:
            parts[-1][1].append(_render_text([node], values))
    finish()
    return messages


def _render_text(nodes: Sequence[Node], values: Mapping[str, Any]) -> str:
    out = []
    for node in nodes:
        if isinstance(node, Text):
            out.append(node.text)
        elif isinstance(node, Value):
            out.append(str(values[node.name]))
        elif isinstance(node, Block) and node.kind == "if":
            out.append(_render_text(node.body, values) if values[node.name] else "")
        elif isinstance(node, Block):
            out += [_render_text(node.body, {**values, **item}) for item in values[node.name]]
    return "".join(out)
