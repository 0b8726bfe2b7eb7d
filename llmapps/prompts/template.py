"""The template language of prompt files, and its rendering to messages.

    {{role "system"}}                    what follows is a message of this role: system, user or model
    {{history}}                          the earlier messages of a conversation stand here
    {{name}}                             a value
    {{#each hits}} {{n}} {{/each}}       the text once for each object of a list; inside, its fields
    {{#if name}} ... {{/if}}             the text only where the value is not empty
    {{! note }}                          a comment; {{!-- note --}} may hold braces

All but values, when alone on their line, take the line with them, so that no blank lines are left behind. A value is
never read as a template: braces, roles and anything else in it come out as they went in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmapps.errors import PromptError
from llmapps.prompts.messages import ROLES, Message

HISTORY = "history"

_COMMENT = r"!--(?:(?!--\}\}).)*--"
_TAG = re.compile(
    rf"^[ \t]*\{{\{{\s*(?P<alone>{_COMMENT}|[#/!][^{{}}]*|role\s[^{{}}]*|{HISTORY}\s*)\}}\}}[ \t]*(?:\n|\Z)"
    rf"|\{{\{{(?P<inline>\s*{_COMMENT}|.*?)\}}\}}",
    re.DOTALL | re.MULTILINE,
)
_OPEN = re.compile(r"#(each|if)\s+([A-Za-z_]\w*)")
_CLOSE = re.compile(r"/(each|if)")
_ROLE = re.compile(r"""role\s+["'](\w+)["']""")
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


@dataclass(frozen=True, slots=True)
class Block:
    """`{{#each name}}` or `{{#if name}}`, and what stands inside."""

    kind: str
    name: str
    line: int
    body: list[Node] = field(default_factory=list)


Node = Text | Value | Role | Block


def parse_template(source: str, where: str, first_line: int = 1) -> list[Node]:
    """The template as a tree.

    Args:
        source: the text, with lines that end in a newline alone.
        where: the file, for messages.
        first_line: the line of the file on which the text begins.

    Raises:
        PromptError: a tag that is not known, or a block that is not closed; names file and line.
    """
    root: list[Node] = []
    open_blocks: list[Block] = []
    end = 0
    for match in _TAG.finditer(source):
        inside = open_blocks[-1].body if open_blocks else root
        _add_text(inside, source[end : match.start()])
        end = match.end()
        line = first_line + source.count("\n", 0, source.index("{{", match.start()))
        _add_tag((match["alone"] or match["inline"] or "").strip(), where, line, inside, open_blocks)
    if "{{" in source[end:]:
        line = first_line + source.count("\n", 0, source.index("{{", end))
        raise _not_closed(where, line)
    if open_blocks:
        block = open_blocks[-1]
        tag = f"{{{{#{block.kind} {block.name}}}}}"
        raise PromptError(f"{where}:{block.line}: {tag} is not closed; add {{{{/{block.kind}}}}}.")
    _add_text(root, source[end:])
    return root


def _add_text(inside: list[Node], text: str) -> None:
    if text:
        inside.append(Text(text))


def _add_tag(tag: str, where: str, line: int, inside: list[Node], open_blocks: list[Block]) -> None:
    if tag.startswith("!--") and tag.endswith("--"):
        return
    if "{{" in tag:
        raise _not_closed(where, line)
    if tag.startswith("!"):
        return
    if match := _OPEN.fullmatch(tag):
        block = Block(match[1], match[2], line)
        inside.append(block)
        open_blocks.append(block)
    elif match := _CLOSE.fullmatch(tag):
        if not open_blocks or open_blocks[-1].kind != match[1]:
            advice = f"open it with {{{{#{match[1]} NAME}}}} or delete it"
            raise PromptError(f"{where}:{line}: {{{{{tag}}}}} closes nothing; {advice}.")
        open_blocks.pop()
    elif (match := _ROLE.fullmatch(tag)) or tag == HISTORY:
        role = match[1] if match else HISTORY
        if role not in (*ROLES, HISTORY):
            raise PromptError(f'{where}:{line}: there is no role "{role}"; use one of: {", ".join(ROLES)}.')
        if open_blocks:
            raise PromptError(f"{where}:{line}: {{{{{tag}}}}} stands inside a block; move it out.")
        inside.append(Role(role))
    elif _NAME.fullmatch(tag):
        inside.append(Value(tag, line))
    else:
        advice = "use a variable's name, #each, #if, role or history"
        raise PromptError(f"{where}:{line}: {{{{{tag}}}}} is not understood; {advice}.")


def _not_closed(where: str, line: int) -> PromptError:
    return PromptError(f"{where}:{line}: a {{{{ has no }}}}; close it.")


def render(nodes: Sequence[Node], values: Mapping[str, Any], history: Sequence[Message] = ()) -> list[Message]:
    """The messages; text before the first role is the user's. Messages without text are left out.

    A message has no blank space around it; else, values come out character by character.
    """
    messages: list[Message] = []
    role, text = "user", ""
    for node in nodes:
        if not isinstance(node, Role):
            text += _render_text([node], values)
            continue
        messages += _message(role, text)
        messages += history if node.role == HISTORY else ()
        role, text = "user" if node.role == HISTORY else node.role, ""
    return messages + _message(role, text)


def _message(role: str, text: str) -> list[Message]:
    content = text.strip()
    return [Message(role, content)] if content else []


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
