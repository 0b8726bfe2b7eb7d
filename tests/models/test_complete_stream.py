from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, ToolCall
from langchain_core.outputs import ChatGeneration
from langchain_ollama import ChatOllama
from langchain_openai import ChatOpenAI
from pydantic import BaseModel
from standins.canned_server import Canned, CannedServer, as_events, as_json, as_lines

from llmapps.errors import ProviderError
from llmapps.models.complete_stream import AnswerWatch, CompleteStreamModel, find_finish
from llmapps.models.fake import FakeChat
from llmapps.models.fake_script import Reply


def playing(reply: Reply) -> CompleteStreamModel:
    return CompleteStreamModel(inner=FakeChat(answerer=lambda _: reply), provider="fake", model="x")


async def _astreamed(model: BaseChatModel) -> None:
    async for _ in model.astream("hi"):
        pass


WAYS: list[Callable[[BaseChatModel], Any]] = [
    lambda model: model.invoke("hi"),
    lambda model: list(model.stream("hi")),
    lambda model: asyncio.run(model.ainvoke("hi")),
    lambda model: asyncio.run(_astreamed(model)),
]


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_without_its_finish_is_an_error_with_the_text_so_far(way: Callable[[BaseChatModel], Any]) -> None:
    with pytest.raises(ProviderError, match=r"fake:x broke off after 13 characters.* Ask again.") as caught:
        way(playing(Reply(text="Half a senten", cut=True)))
    assert (caught.value.kind, caught.value.retryable) == ("truncated", True)
    assert caught.value.partial_text == "Half a senten"


@pytest.mark.parametrize("way", WAYS)
def test_an_empty_answer_is_an_error(way: Callable[[BaseChatModel], Any]) -> None:
    with pytest.raises(ProviderError, match=r"The answer of fake:x is empty. Ask again") as caught:
        way(playing(Reply(text=" \n")))
    assert caught.value.kind == "empty"


@pytest.mark.parametrize("way", WAYS)
def test_a_whole_answer_passes(way: Callable[[BaseChatModel], Any]) -> None:
    way(playing(Reply(text="All of it.")))


def test_a_stream_is_passed_on_as_it_comes() -> None:
    stream = playing(Reply(text="one two three", cut=True)).stream("hi")
    assert next(stream).text == "one "


@pytest.mark.parametrize(
    ("metadata", "finish"),
    [
        ({"finish_reason": "length"}, "length"),
        ({"done_reason": "stop", "done": True}, "stop"),
        ({"done": True}, "stop"),
        ({"stop_reason": "end_turn"}, "end_turn"),
        ({"stopReason": "max_tokens"}, "max_tokens"),
        ({"status": "completed"}, "completed"),
        ({"finish_reason": None, "done": False, "status": "in_progress"}, None),
        ({}, None),
    ],
)
def test_where_providers_say_that_they_finished(metadata: dict[str, Any], finish: str | None) -> None:
    assert find_finish(metadata) == finish


@pytest.mark.parametrize(
    "message",
    [
        AIMessage("", tool_calls=[ToolCall(name="search", args={}, id="1")]),
        AIMessageChunk(content="", tool_call_chunks=[{"name": "a", "args": "{", "id": "1", "index": 0}]),
        AIMessage("", additional_kwargs={"refusal": "I will not."}),
    ],
)
def test_calls_and_refusals_are_answers(message: AIMessage) -> None:
    message.response_metadata = {"finish_reason": "stop"}
    watch = AnswerWatch("openai", "m")
    watch.see(ChatGeneration(message=message))
    watch.require_whole()


def test_cut_by_its_length_is_no_error() -> None:
    watch = AnswerWatch("openai", "m")
    watch.see(ChatGeneration(message=AIMessage("", response_metadata={"finish_reason": "length"})))
    watch.require_whole()
    assert watch.finish == "length"


def test_the_position_of_a_chunk_is_not_its_finish() -> None:
    watch = AnswerWatch("openai", "m")
    watch.see(ChatGeneration(message=AIMessageChunk(content="a", chunk_position="last")))
    with pytest.raises(ProviderError):
        watch.require_whole()


# --- real clients, over HTTP

PART = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
PART |= {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "The sea"}, "finish_reason": None}]}
WHOLE = {**PART, "object": "chat.completion"}
WHOLE["choices"] = [{"index": 0, "message": {"role": "assistant", "content": "The sea"}, "finish_reason": None}]
LINE = {"model": "m", "created_at": "2026-11-20T06:15:43Z", "message": {"role": "assistant", "content": "The sea"}}


@pytest.mark.parametrize(
    ("canned", "way"),
    [
        (as_events(PART, "[DONE]"), WAYS[1]),
        (as_events(PART), WAYS[3]),
        (as_json(WHOLE), WAYS[0]),
        (as_json(WHOLE), WAYS[2]),
    ],
)
def test_langchain_openai_needs_the_rule(canned: Canned, way: Callable[[BaseChatModel], Any]) -> None:
    with CannedServer(canned) as server:
        inner = ChatOpenAI(model="m", base_url=server.url, api_key="none", max_retries=0)
        way(inner)  # half an answer, no error: when this fails, the rule can go
        with pytest.raises(ProviderError) as caught:
            way(CompleteStreamModel(inner=inner, provider="openai", model="m"))
    assert (caught.value.kind, caught.value.partial_text) == ("truncated", "The sea")


@pytest.mark.parametrize("way", WAYS)
def test_langchain_ollama_needs_the_rule(way: Callable[[BaseChatModel], Any]) -> None:
    with CannedServer(as_lines({**LINE, "done": False})) as server:
        inner = ChatOllama(model="m", base_url=server.url)
        way(inner)
        with pytest.raises(ProviderError) as caught:
            way(CompleteStreamModel(inner=inner, provider="ollama", model="m"))
    assert (caught.value.kind, caught.value.partial_text) == ("truncated", "The sea")


# --- what the inner model can do stays


class Place(BaseModel):
    """A place."""

    name: str


def test_tools_and_structured_output_go_through_the_rule() -> None:
    call = {"name": "Place", "args": '{"name": "Paris"}'}
    whole = playing(Reply(tool_calls=(call,)))
    assert whole.bind_tools([Place]).invoke("hi").tool_calls[0]["args"] == {"name": "Paris"}
    assert whole.with_structured_output(Place).invoke("hi") == Place(name="Paris")
    cut = playing(Reply(tool_calls=(call,), cut=True))
    for runnable in (cut.bind_tools([Place]), cut.with_structured_output(Place)):
        with pytest.raises(ProviderError, match="broke off"):
            runnable.invoke("hi")
