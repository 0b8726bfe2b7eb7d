"""The wire format of OpenAI's chat completions, as the embedded engine speaks it: messages out, chunks of an answer in.

Pure translation; who sends and receives is `llamacpp.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk

from llmapps.errors import ModelError

ROLES = {"system": "system", "human": "user", "ai": "assistant", "tool": "tool"}
"""LangChain's types of messages, and what the format calls them."""


def wire_messages(messages: Sequence[BaseMessage], clean: Callable[[str], str]) -> list[dict[str, str]]:
    """The messages as the format has them, each text passed through `clean`.

    Raises:
        ModelError: a message holds something other than text.
    """
    wired = []
    for message in messages:
        if not isinstance(message.content, str) and any(_is_not_text(block) for block in message.content):
            raise ModelError("llamacpp: models read text only. Take pictures and files out of the messages.")
        wired.append({"role": ROLES.get(message.type, "user"), "content": clean(str(message.text))})
    return wired


def _is_not_text(block: str | dict[str, Any]) -> bool:
    return isinstance(block, dict) and block.get("type", "text") not in ("text", "tool_use", "tool_call", "reasoning")


def parse_line(line: str) -> ChatGenerationChunk | None:
    """What one line of the event stream brings; None for a sign of life, an empty line and the end mark.

    Raises:
        StreamFailure: the engine reports an error in the stream.
        ValueError: the line is not what it should be.
    """
    field, _, data = line.partition(":")
    if field == "error":
        raise StreamFailure(_message_of(data))
    if field != "data" or data.strip() == "[DONE]":
        return None
    event = json.loads(data)
    if "error" in event:
        raise StreamFailure(_message_of(data))
    return ChatGenerationChunk(message=_message_chunk(event))


class StreamFailure(Exception):  # noqa: N818 - a failure that the engine tells of
    """The engine reported an error while it answered."""


def _message_of(data: str) -> str:
    """What an error event says, in its own words."""
    try:
        told = json.loads(data)
        told = told.get("error", told)
        return str(told.get("message", told))
    except (ValueError, AttributeError):
        return data.strip()


def _message_chunk(event: dict[str, Any]) -> AIMessageChunk:
    choice = (event.get("choices") or [{}])[0]
    metadata: dict[str, Any] = {}
    if finish := choice.get("finish_reason"):
        metadata["finish_reason"] = finish
    if timings := event.get("timings"):
        metadata["timings"] = timings
    return AIMessageChunk(
        content=(choice.get("delta") or {}).get("content") or "",
        response_metadata=metadata,
        usage_metadata=_usage(event.get("usage")),
    )


def _usage(counted: dict[str, Any] | None) -> UsageMetadata | None:
    if not counted:
        return None
    cached = (counted.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
    return UsageMetadata(
        input_tokens=counted["prompt_tokens"],
        output_tokens=counted["completion_tokens"],
        total_tokens=counted["total_tokens"],
        input_token_details={"cache_read": cached},
    )
