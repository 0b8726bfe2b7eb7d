"""Scripts for `fake:script:FILE`: what the model will say, written down before.

A script is a file of JSON lines, or one JSON list. Each element is a reply, a text or an object:

    "Attention weighs words by relevance."
    {"text": "Let me look.", "tool_calls": [{"name": "search", "args": {"query": "attention"}}]}
    {"match": "(?i)quantization", "text": "It stores weights in fewer bits."}
    {"error": "rate_limited"}
    {"text": "This sentence is never fin", "cut": true}
    {"text": "slow", "delay_s": 0.5}

`args` may also be a text, for arguments that are not valid JSON. A reply with `match` (a regular expression, searched
in all messages) answers every prompt that it matches; the first such reply wins. The others are given one after the
other. Empty lines, and lines that begin with #, are skipped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmapps.errors import FAILURE_KINDS, FailureKind, ModelError, did_you_mean

LONGEST_DELAY_S = 3600
"""Between two words; more is a slip, and would look like a program that hangs."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a fake model says once.

    Attributes:
        text: streamed word by word.
        tool_calls: each with `name` and `args`, the arguments as JSON text.
        error: fail with this kind after the text.
        delay_s: seconds before each word.
        cut: the stream ends without its finish.
        match: answers every prompt that this regular expression is found in.
    """

    text: str = ""
    tool_calls: tuple[dict[str, str], ...] = ()
    error: FailureKind | None = None
    delay_s: float = 0.0
    cut: bool = False
    match: str = ""


@dataclass(slots=True)
class Script:
    """Replies, and how many of those without `match` were given."""

    name: str
    replies: Sequence[Reply]
    given: int = field(default=0)

    def reply_to(self, prompt: str) -> Reply:
        """The first reply whose `match` is in the prompt, else the next of the others.

        Raises:
            ModelError: all of them were given.
        """
        for reply in self.replies:
            if reply.match and re.search(reply.match, prompt):
                return reply
        in_order = [reply for reply in self.replies if not reply.match]
        if self.given >= len(in_order):
            raise ModelError(
                f"The script {self.name} has no reply left: it has {len(in_order)} to give in order, and this is call "
                f"{self.given + 1}. Add a reply, or one with a match."
            )
        self.given += 1
        return in_order[self.given - 1]


def load_script(file: str) -> Script:
    """The script in a file.

    Raises:
        ModelError: it cannot be read, or a reply is not one; names the file and line.
    """
    path = Path(file).expanduser()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f'The script "{file}" cannot be read: {error}. Check the path after fake:script:.') from error
    return Script(path.name, tuple(parse_reply(value, where) for value, where in _values(text, str(path))))


def _values(text: str, name: str) -> list[tuple[Any, str]]:
    """Each element with the place that messages name."""
    if text.lstrip().startswith("["):
        try:
            return [(value, f"{name}, reply {n}") for n, value in enumerate(json.loads(text), start=1)]
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{name} is not a JSON list: {error}. Correct it.") from error
    values = []
    for n, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                values.append((json.loads(line), f"{name}:{n}"))
            except (ValueError, RecursionError) as error:
                raise ModelError(f"{name}:{n} is not JSON: {error}. Put texts into double quotes.") from error
    return values


def parse_reply(value: Any, where: str) -> Reply:
    """A reply from its JSON.

    Raises:
        ModelError: it is not a reply; `where` begins the message.
    """
    if isinstance(value, str):
        return Reply(text=value)
    if not isinstance(value, dict):
        raise ModelError(f"{where}: {value!r} is not a reply. Write a text or an object.")
    known = {name: kind for name, kind in _KINDS.items() if name in value}
    for name in value:
        if name not in _KINDS:
            hint = did_you_mean(name, _KINDS) or f"There are: {', '.join(_KINDS)}."
            raise ModelError(f'{where}: a reply has no "{name}". {hint}')
    for name, kind in known.items():
        if not isinstance(value[name], kind) or (kind is not bool and isinstance(value[name], bool)):
            raise ModelError(
                f"{where}: {name} = {value[name]!r} has the wrong type. The top of fake_script.py shows each."
            )
    if value.get("error", "server") not in FAILURE_KINDS:
        raise ModelError(f'{where}: there is no failure "{value["error"]}". There are: {", ".join(FAILURE_KINDS)}.')
    if not 0 <= value.get("delay_s", 0) <= LONGEST_DELAY_S:
        raise ModelError(
            f"{where}: delay_s = {value['delay_s']} is out of range; it must be from 0 to {LONGEST_DELAY_S}."
        )
    _require_regex(value.get("match", ""), where)
    calls = tuple(_call(call, where) for call in value.get("tool_calls", ()))
    return Reply(**{**value, "tool_calls": calls})


_KINDS: dict[str, type | tuple[type, ...]] = {
    "text": str,
    "tool_calls": list,
    "error": str,
    "delay_s": (int, float),
    "cut": bool,
    "match": str,
}


def _require_regex(pattern: str, where: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ModelError(f"{where}: match = {pattern!r} is not a regular expression: {error}. Correct it.") from error


def _call(call: Any, where: str) -> dict[str, str]:
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        raise ModelError(f'{where}: {call!r} is not a tool call. Write {{"name": "...", "args": {{...}}}}.')
    args = call.get("args", {})
    return {"name": call["name"], "args": args if isinstance(args, str) else json.dumps(args, ensure_ascii=False)}
