"""The way from a question and its hits to a checked answer, as a stream of events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from llmapps.errors import QuestionError
from llmapps.prompts import Prompt
from llmapps.prompts.template import Message
from llmapps.rag.answering.abstention import is_backed, refusal
from llmapps.rag.answering.citation_marks import MarkFilter
from llmapps.rag.answering.context import answer_messages, fitting_hits
from llmapps.rag.answering.evidence import EvidenceChecker
from llmapps.rag.answering.sentences import complete_sentences, sentence_spans
from llmapps.types import Answer, Hit, Sentence, Usage

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessageChunk, BaseMessage


@dataclass(frozen=True, slots=True)
class Understood:
    """How a follow-up question was understood. Only in conversations, before `Found`."""

    question: str


@dataclass(frozen=True, slots=True)
class Found:
    """The hits that the model is shown now."""

    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """The sentence whose text was just delivered has been checked."""

    sentence: Sentence


@dataclass(frozen=True, slots=True)
class Finished:
    """The whole answer. The last event; `withdrawn` when the notes back no sentence of what was delivered."""

    answer: Answer
    withdrawn: bool = False


Event = Understood | Found | Token | Checked | Finished


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


@dataclass(slots=True)
class _Draft:
    """An answer on its way."""

    marks: MarkFilter = field(default_factory=MarkFilter)
    sentences: list[Sentence] = field(default_factory=list)
    shown: str = ""
    checked_to: int = 0
    delivered_to: int = 0


def abstain(question: str, hits: Sequence[Hit], label: str, timings_s: Mapping[str, float]) -> Answer:
    """The refusal to a question that the notes do not cover; `hits` are the nearest."""
    return Answer(question, refusal(hits), True, label, (), tuple(hits), None, dict(timings_s))


def write_answer(
    plan: AnswerPlan,
    question: str,
    hits: Sequence[Hit],
    timings_s: Mapping[str, float],
    history: Sequence[Message] = (),
) -> Iterator[Event]:
    """Ask the model, and check each sentence when it is complete.

    Args:
        hits: best first; those that do not fit into the plan's room are left out.
        timings_s: seconds of the stages so far; `first_token` and `total` are added.

    Raises:
        QuestionError: the question is too long for the model's context.
        ProviderError: the model failed, or its stream broke off.
    """
    started = time.perf_counter()
    timings = dict(timings_s)
    shown = fitting_hits(
        plan.prompt, question, hits, room=plan.room, count_tokens=plan.model.get_num_tokens, history=history
    )
    if not shown:
        raise QuestionError("There is no hit to answer from.")
    yield Found(tuple(shown))
    checker = plan.new_checker(question, shown)
    draft = _Draft()
    usage: Usage | None = None
    for chunk in plan.model.stream(to_langchain(answer_messages(plan.prompt, question, shown, history))):
        usage = _usage(chunk) or usage
        if text := str(chunk.text):
            timings.setdefault("first_token", time.perf_counter() - started)
            draft.marks.feed(text)
            yield from _deliver(draft, checker, strict=plan.strict, finished=False)
    draft.marks.finish()
    yield from _deliver(draft, checker, strict=plan.strict, finished=True)
    timings["total"] = sum(timings_s.values()) + time.perf_counter() - started
    if not is_backed(draft.sentences):
        answer = abstain(question, shown, plan.label, timings)
        yield Finished(_with_usage(answer, usage, plan.prompt.label), withdrawn=True)
        return
    answer = Answer(
        question, draft.shown.strip(), False, plan.label, tuple(draft.sentences), tuple(shown), None, timings
    )
    yield Finished(_with_usage(answer, usage, plan.prompt.label))


def _deliver(draft: _Draft, checker: EvidenceChecker, *, strict: bool, finished: bool) -> Iterator[Event]:
    """Pass on what has arrived: sentences that are complete are checked, then the beginning of the next one follows."""
    text = draft.marks.text
    spans = sentence_spans(text) if finished else complete_sentences(text)
    spans = [span for span in spans if span.start >= draft.checked_to]
    starts = [span.start for span in sentence_spans(text) if span.start >= draft.checked_to]
    for index, span in enumerate(spans):
        following = starts[index + 1] if index + 1 < len(starts) else None
        claimed = draft.marks.claimed_in(span.start, following)
        sentence = checker.check(text[span.start : span.end], claimed)
        draft.checked_to = span.end
        if strict and sentence.status == "unsupported":
            draft.delivered_to = span.end
            continue
        yield from _text(draft, text, span.end)
        draft.sentences.append(sentence)
        draft.shown += "".join(f" [{n}]" for n in sentence.citations)
        yield Checked(sentence)
    if not strict:
        yield from _text(draft, text, len(text.rstrip()))


def _text(draft: _Draft, text: str, end: int) -> Iterator[Event]:
    if piece := text[draft.delivered_to : end]:
        draft.delivered_to = end
        draft.shown += piece
        yield Token(piece)


def to_langchain(messages: Sequence[Message]) -> list[BaseMessage]:
    """Messages as LangChain knows them."""
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    kinds: dict[str, type[BaseMessage]] = {"system": SystemMessage, "user": HumanMessage, "model": AIMessage}
    return [kinds[message.role](content=message.content) for message in messages]


def _usage(chunk: AIMessageChunk) -> Usage | None:
    counted = chunk.usage_metadata
    return Usage(counted["input_tokens"], counted["output_tokens"]) if counted else None


def _with_usage(answer: Answer, usage: Usage | None, prompt: str) -> Answer:
    return replace(answer, usage=usage, prompt=prompt)
