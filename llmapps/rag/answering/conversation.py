"""Conversations: what was said, and questions that can only be understood from it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmapps.prompts import Message, Prompt, to_langchain
from llmapps.rag.answering.abstention import REFUSAL
from llmapps.rag.answering.sentences import sentence_spans
from llmapps.rag.search.words import STOP_WORDS, content_words, stems, words_of

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_BEGINNINGS = ("and ", "but ", "so ", "what about", "how about", "why not", "also ", "or ", "then ")
_PRONOUNS = frozenset("it its they them their theirs he him his she her hers former latter".split())
_POINTERS = frozenset("this that these those one ones same such both".split())
_CLAUSES = re.compile(r",|;|\b(?:and|or|but|if|when|while|because)\b")
# A question of these alone asks for more of what was spoken of.
_RELATIVE = "example detail advantage disadvantage drawback benefit difference limitation part step summary alternative"
_MOST_WORDS = 60
_MOST_CHARACTERS = 300
_CITATIONS = re.compile(r" (?:\[\d+\])+")


@dataclass(frozen=True, slots=True)
class Turn:
    """A question as it was asked, as it was understood, and the answer."""

    asked: str
    understood: str
    answer: str


def leans_on_earlier(question: str) -> bool:
    """Whether a question needs what was said before it. What it names itself, it may speak of as "it".

    >>> leans_on_earlier("And what are its drawbacks?"), leans_on_earlier("How does that work?")
    (True, True)
    >>> leans_on_earlier("What is a GAN and how does it learn?"), leans_on_earlier("What is the loss that GANs use?")
    (False, False)
    """
    lowered = question.strip().lower()
    if len(words_of(lowered)) > _MOST_WORDS:
        return False
    if lowered.startswith(_BEGINNINGS) or stems(lowered) <= stems(_RELATIVE):
        return True
    named = False  # whether a clause before this one names something
    for clause in _CLAUSES.split(lowered):
        before = ""
        for word in words_of(clause):
            if word in _PRONOUNS and not named:
                return True
            if word in _POINTERS and not named and (not before or before in STOP_WORDS):
                return True  # "how does that work"; but not "the loss that GANs use"
            before = word
        named = named or bool(content_words(clause))
    return False


def history_messages(turns: Sequence[Turn], most: int = 2) -> list[Message]:
    """The last turns as messages, without citations, which belong to other hits.

    Refusals are left out: a small model that reads one writes another.
    """
    messages = []
    for turn in [turn for turn in turns if not turn.answer.startswith(REFUSAL)][-most:]:
        messages += [Message("user", turn.understood), Message("model", _CITATIONS.sub("", turn.answer))]
    return messages


def stand_alone(question: str, turns: Sequence[Turn], model: BaseChatModel, prompt: Prompt) -> str:
    """The question with what it leans on spelled out; the question itself if it leans on nothing.

    The model is asked to rewrite it. If what comes back is not one plausible question, the last question is put
    before this one, which is enough to find the right notes.

    Raises:
        ProviderError: the model failed.
    """
    if not turns or not leans_on_earlier(question):
        return question
    last = turns[-1]
    messages = prompt.messages(
        last_question=last.understood, last_answer=_first_sentence(last.answer), question=question
    )
    reply = str(model.invoke(to_langchain(messages)).text).strip().partition("\n")[0].strip(' "')
    if _is_plausible(reply, question, last):
        return reply
    return f"{last.understood if len(words_of(last.understood)) <= _MOST_WORDS else last.asked} {question}"


def _is_plausible(reply: str, question: str, last: Turn) -> bool:
    """One question, not leaning any more, made of words of this question and of the last turn."""
    words, asked = stems(reply), stems(question)
    return (
        reply.endswith("?")
        and len(words_of(reply)) <= _MOST_WORDS
        and not leans_on_earlier(reply)
        and words <= asked | stems(last.understood) | stems(last.answer)
        and (not asked or not asked.isdisjoint(words))
    )


def _first_sentence(text: str) -> str:
    text = _CITATIONS.sub("", text)
    spans = sentence_spans(text)
    return text[spans[0].start : spans[0].end][:_MOST_CHARACTERS] if spans else ""
