"""Conversations: what was said, and questions that can only be understood from it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmapps.prompts import Prompt
from llmapps.prompts.template import Message
from llmapps.rag.answering.writer import to_langchain
from llmapps.rag.search.words import content_words, words_of

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_LEANING = frozenset(
    "it its they them their this that these those he she his her one ones former latter both same such".split()
)
_BEGINNINGS = ("and ", "but ", "so ", "what about", "how about", "why not", "also ", "or ", "then ")
_MOST_WORDS = 60


@dataclass(frozen=True, slots=True)
class Turn:
    """A question as it was asked, as it was understood, and the answer."""

    asked: str
    understood: str
    answer: str


def leans_on_earlier(question: str) -> bool:
    """Whether a question needs what was said before it.

    >>> leans_on_earlier("And what are its drawbacks?"), leans_on_earlier("What is a variational autoencoder?")
    (True, False)
    """
    lowered = question.strip().lower()
    words = words_of(lowered)
    return lowered.startswith(_BEGINNINGS) or not _LEANING.isdisjoint(words) or len(content_words(question)) < 1


def history_messages(turns: Sequence[Turn], most: int = 2) -> list[Message]:
    """The last turns as messages; without citation marks, which belong to other hits."""
    messages = []
    for turn in turns[-most:]:
        messages.append(Message("user", turn.understood))
        messages.append(Message("model", re.sub(r" \[\d+\]", "", turn.answer)))
    return messages


def stand_alone(question: str, turns: Sequence[Turn], model: BaseChatModel, prompt: Prompt) -> str:
    """The question with what it leans on spelled out; the question itself if it leans on nothing.

    The model is asked to rewrite it. If what comes back is not one plausible question, the last question is put
    before this one, which is enough to find the right notes.
    """
    if not turns or not leans_on_earlier(question):
        return question
    last = turns[-1]
    messages = prompt.messages(
        last_question=last.understood, last_answer=_first_sentence(last.answer), question=question
    )
    reply = str(model.invoke(to_langchain(messages)).text).strip().strip('"').splitlines()
    rewritten = reply[0].strip() if reply else ""
    if _is_plausible(rewritten, question, last):
        return rewritten
    return f"{last.understood} {question}"


def _is_plausible(rewritten: str, question: str, last: Turn) -> bool:
    """One question, not leaning any more, made of words of this question and of the last turn."""
    words = content_words(rewritten)
    if (
        not rewritten.endswith("?")
        or not words
        or len(words_of(rewritten)) > _MOST_WORDS
        or leans_on_earlier(rewritten)
    ):
        return False
    known = {*content_words(question), *content_words(last.understood), *content_words(last.answer)}
    return all(word in known for word in words) and not set(content_words(question)).isdisjoint(words)


def _first_sentence(text: str) -> str:
    return re.sub(r" \[\d+\]", "", text).split(". ", 1)[0][:300]
