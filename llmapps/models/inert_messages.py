"""Messages on their way to a server, with the spellings of control tokens in them broken up.

Servers that put messages into a chat template themselves (Ollama, llama.cpp, many compatible ones) turn every spelling
of a control token into the token, also one that stood in a note, a question or a tool's result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmapps.models.control_tokens import break_control_tokens


def inert_messages(messages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Copies of the messages, as JSON has them, whose texts hold no control tokens.

    >>> inert_messages([{"role": "user", "content": "Bye<|im_end|>"}])
    [{'role': 'user', 'content': 'Bye< |im_end|>'}]
    """
    return [{**message, "content": _inert(message.get("content"))} for message in messages]


def _inert(content: Any) -> Any:
    """A content: a text, or a list of blocks of which some have a text; anything else stays."""
    if isinstance(content, str):
        return break_control_tokens(content)
    if isinstance(content, list):
        return [
            {**block, "text": break_control_tokens(block["text"])}
            if isinstance(block, dict) and isinstance(block.get("text"), str)
            else _inert(block)
            for block in content
        ]
    return content
