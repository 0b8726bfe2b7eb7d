"""The way from a question and its hits to a checked answer, as a stream of events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmapps.errors import ProviderError
from llmapps.prompts import Message, Prompt, to_langchain
from llmapps.rag.answering.abstention import is_backed, refusal
from llmapps.rag.answering.context import fit_prompt
from llmapps.rag.answering.draft import Draft
from llmapps.rag.answering.events import Checked, Event, Finished, Found, Token, Understood
from llmapps.rag.answering.evidence import EvidenceChecker
from llmapps.types import Answer, Hit, Usage

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessageChunk

__all__ = [
    "AnswerPlan",
    "Checked",
    "Event",
    "Finished",
    "Found",
    "Token",
    "Understood",
    "abstain",
    "write_answer",
]


@dataclass(frozen=True, slots=True)
class AnswerPlan:
    """What an answer is written with.

    Attributes:
        label: of the model, for the answer.
        room: tokens that the prompt may take.
        strict: leave out sentences that the notes do not back; then text is delivered by whole sentences.
        new_checker: makes the checker for a question and its hits.
    """

    model: BaseChatModel
    label: str
    prompt: Prompt
    room: int
    strict: bool
    new_checker: Callable[[str, Sequence[Hit]], EvidenceChecker]


def abstain(
    question: str,
    hits: Sequence[Hit],
    label: str,
    timings_s: Mapping[str, float],
    usage: Usage | None = None,
    prompt: str = "",
) -> Answer:
    """The refusal to a question that the notes do not cover; `hits` are the nearest."""
    return Answer(question, refusal(hits), True, label, (), tuple(hits), usage, dict(timings_s), prompt)


def write_answer(
    plan: AnswerPlan,
    question: str,
    hits: Sequence[Hit],
    timings_s: Mapping[str, float],
    history: Sequence[Message] = (),
) -> Iterator[Event]:
    """Ask the model, and check each sentence when it is complete: `Found`, then `Token` and `Checked`, then `Finished`.

    Args:
        hits: at least one, best first; those that do not fit into the plan's room are left out.
        timings_s: seconds of the stages so far; `first_token` and `total` are added.
        history: of the conversation so far; left out if there is no room for it.

    Raises:
        QuestionError: the question is too long for the model's context.
        ProviderError: the model failed, its stream broke off, or it answered nothing. There is no `Finished` then.
    """
    started = time.perf_counter()
    timings = dict(timings_s)
    # Only our own counters are asked: what LangChain does for models without one is to fetch a tokenizer of GPT-2.
    count_tokens = getattr(plan.model, "count_tokens", None)
    fitted = fit_prompt(plan.prompt, question, hits, room=plan.room, count_tokens=count_tokens, history=history)
    yield Found(fitted.hits)
    draft = Draft(plan.new_checker(question, fitted.hits), most=max(hit.n for hit in fitted.hits), strict=plan.strict)
    usage: Usage | None = None
    finish = "stop"
    for chunk in plan.model.stream(to_langchain(fitted.messages)):
        usage = _added(usage, chunk)
        finish = _finish_of(chunk) or finish
        if text := str(chunk.text).encode(errors="replace").decode():
            timings.setdefault("first_token", time.perf_counter() - started)
            yield from draft.feed(text)
    yield from draft.finish()
    timings["total"] = sum(timings_s.values()) + time.perf_counter() - started
    if not draft.checked:
        raise _nothing_answered(plan.label)
    if is_backed(draft.checked):
        answer = Answer(
            question,
            draft.text,
            False,
            plan.label,
            tuple(draft.sentences),
            fitted.hits,
            usage,
            timings,
            plan.prompt.label,
            finish,
        )
        yield Finished(answer)
    else:
        refused = abstain(question, fitted.hits, plan.label, timings, usage, plan.prompt.label)
        yield Finished(refused, withdrawn=True)


def _added(usage: Usage | None, chunk: AIMessageChunk) -> Usage | None:
    """The usage with what this chunk adds to it: providers tell all at once, or prompt first and answer last."""
    counted = chunk.usage_metadata
    if not counted:
        return usage
    before = usage or Usage(0, 0)
    return Usage(
        (before.prompt_tokens or 0) + counted["input_tokens"],
        (before.completion_tokens or 0) + counted["output_tokens"],
    )


def _finish_of(chunk: AIMessageChunk) -> str | None:
    """Why the model stopped, if this chunk says it; "stop" for all the ways to say that it was done."""
    from llmapps.models.complete_stream import find_finish, is_plain_stop  # noqa: PLC0415 - brings LangChain

    finish = find_finish(chunk.response_metadata)
    return "stop" if finish and is_plain_stop(finish) else finish


def _nothing_answered(label: str) -> ProviderError:
    provider, _, model = label.partition(":")
    return ProviderError(
        f"The model {label} answered nothing.",
        kind="empty",
        provider=provider,
        model=model,
        hint="Ask again, or put the question differently.",
        retryable=True,
    )
