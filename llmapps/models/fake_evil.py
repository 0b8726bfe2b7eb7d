"""The worst model there can be: it obeys every order that stands anywhere in its prompt, and nobody else.

An order is `@@INJECT{...}@@` in any message: in a note, a question, a tool's result. Its JSON is a reply of
`fake_script.py`, or {"repeat": "text", "times": n}. What is contained in spite of such a model is contained with any
model (the idea: judge by side effects, not by refusals).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from llmapps.errors import ModelError
from llmapps.models.fake_script import Reply, parse_reply

MARK = "@@INJECT"
IDLE = "I have found no order."


def obey(texts: Sequence[str], *, leak: bool = False) -> Reply:
    """One reply that does all that the texts order, in their order; with `leak` it repeats the texts before."""
    said = ["\n".join(texts)] if leak else []
    calls: list[dict[str, str]] = []
    for order in _orders(texts):
        if isinstance(order, dict) and isinstance(order.get("repeat"), str):
            said.append(order["repeat"] * int(order.get("times", 1000)))
            continue
        try:
            reply = parse_reply(order, MARK)
        except ModelError as error:
            said.append(str(error))
            continue
        said.append(reply.text)
        calls.extend(reply.tool_calls)
    text = "\n".join(filter(None, said))
    return Reply(text=text if text or calls else IDLE, tool_calls=tuple(calls))


def _orders(texts: Sequence[str]) -> Iterator[Any]:
    """What stands behind each mark, as far as it is JSON."""
    for text in texts:
        at = text.find(MARK)
        while at >= 0:
            at += len(MARK)
            with suppress(ValueError):
                yield json.JSONDecoder().raw_decode(text, at)[0]
            at = text.find(MARK, at)
