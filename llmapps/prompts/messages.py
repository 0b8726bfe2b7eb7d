"""What a prompt renders to: messages, each of one role, and their form in LangChain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

ROLES = ("system", "user", "model")


@dataclass(frozen=True, slots=True)
class Message:
    """A rendered part of a prompt: the role is one of `ROLES`."""

    role: str
    content: str


def to_langchain(messages: Sequence[Message]) -> list[BaseMessage]:
    """The messages as LangChain knows them."""
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    kinds: dict[str, type[BaseMessage]] = {"system": SystemMessage, "user": HumanMessage, "model": AIMessage}
    return [kinds[message.role](content=message.content) for message in messages]
