"""The laws of chat models, over every provider that can be had here.

A new provider is one row in `PROVIDERS_TRIED`: a context manager that yields a function from options to a model. A law
that it cannot keep is named in `CANNOT`, with the reason, and skipped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import cast

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage
from standins.ollama_server import OllamaServer

from llmapps.models import chat_model
from llmapps.models.complete_stream import find_finish
from llmapps.models.llamacpp import LlamaCppChat

SMALL = "llamacpp:smollm2-135m"
QUESTION = "Count from one to five in words, please: one, two, three, four, five."

Opener = Callable[..., BaseChatModel]


@contextmanager
def fake() -> Iterator[Opener]:
    yield partial(chat_model, "fake:echo")


@contextmanager
def embedded() -> Iterator[Opener]:
    holder = cast("LlamaCppChat", chat_model(SMALL, context_tokens=1024))
    holder.start()
    yield partial(chat_model, SMALL, context_tokens=1024)
    holder.close()


@contextmanager
def compatible_server() -> Iterator[Opener]:
    """The embedded engine's own endpoint is a real server with OpenAI's chat completions."""
    holder = cast("LlamaCppChat", chat_model(SMALL, context_tokens=1024))
    engine = holder._user.engine()
    engine.wait_ready(60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMAPPS_API_KEY", engine.key)
        yield partial(chat_model, "openai:smollm2", base_url=f"{engine.url}/v1")
    holder.close()


@contextmanager
def ollama() -> Iterator[Opener]:
    """A stand-in for Ollama with the embedded model behind it."""
    with embedded() as opener, OllamaServer(chat={"smollm2": opener(max_tokens=200)}) as server:
        yield partial(chat_model, "ollama:smollm2", base_url=server.url)


PROVIDERS_TRIED: dict[str, Callable[[], AbstractContextManager[Opener]]] = {
    "fake": fake,
    "llamacpp": embedded,
    "openai": compatible_server,
    "ollama": ollama,
}

CANNOT: dict[tuple[str, str], str] = {}
"""By provider and law: why it cannot keep it."""


@pytest.fixture(scope="module", params=PROVIDERS_TRIED)
def provider(request: pytest.FixtureRequest) -> Iterator[tuple[str, Opener]]:
    if request.param != "fake":
        request.getfixturevalue("weights_home")
    with PROVIDERS_TRIED[request.param]() as opener:
        yield request.param, opener


@pytest.fixture
def opened(provider: tuple[str, Opener], request: pytest.FixtureRequest) -> Opener:
    name, opener = provider
    law = request.node.originalname.removeprefix("test_")
    if reason := CANNOT.get((name, law)):
        pytest.skip(f"{name}: {reason}")
    return opener


@pytest.fixture
def model(opened: Opener) -> BaseChatModel:
    return opened(max_tokens=24)


def joined(model: BaseChatModel, messages: str | list[BaseMessage]) -> AIMessageChunk:
    parts = cast("list[AIMessageChunk]", list(model.stream(messages)))
    whole = parts[0]
    for part in parts[1:]:
        whole += part
    return whole


def test_answers_a_question(model: BaseChatModel) -> None:
    answer = model.invoke(QUESTION)
    assert answer.text.strip()
    assert find_finish(answer.response_metadata) in ("stop", "length")


def test_same_question_same_answer(model: BaseChatModel) -> None:
    assert model.invoke(QUESTION).text == model.invoke(QUESTION).text


def test_streams_what_it_answers(model: BaseChatModel) -> None:
    assert joined(model, QUESTION).text == model.invoke(QUESTION).text
    assert sum(bool(part.text) for part in model.stream(QUESTION)) > 3


def test_a_stream_tells_its_finish(model: BaseChatModel) -> None:
    assert find_finish(joined(model, QUESTION).response_metadata)


def test_async_is_the_same(model: BaseChatModel) -> None:
    async def both() -> tuple[str, str]:
        streamed = "".join([part.text async for part in model.astream(QUESTION)])
        return (await model.ainvoke(QUESTION)).text, streamed

    answer = model.invoke(QUESTION).text
    assert asyncio.run(both()) == (answer, answer)


def test_stops_at_stop(model: BaseChatModel) -> None:
    whole = model.invoke(QUESTION).text
    word = whole.split()[3].strip(",.")
    answer = model.invoke(QUESTION, stop=[word]).text
    assert answer.rstrip() == whole[: whole.index(word)].rstrip()


def test_keeps_to_max_tokens(opened: Opener) -> None:
    answer = opened(max_tokens=3).invoke(QUESTION)
    assert find_finish(answer.response_metadata) == "length"
    assert answer.usage_metadata
    assert answer.usage_metadata["output_tokens"] <= 3


def test_counts_its_tokens(model: BaseChatModel) -> None:
    for answer in (model.invoke(QUESTION), joined(model, QUESTION)):
        counted = answer.usage_metadata
        assert counted
        assert counted["input_tokens"] > 10
        assert 0 < counted["output_tokens"] <= 24
        assert counted["total_tokens"] == counted["input_tokens"] + counted["output_tokens"]


def test_reads_the_whole_conversation(model: BaseChatModel) -> None:
    last = HumanMessage(QUESTION)
    alone = model.invoke([last])
    earlier: list[BaseMessage] = [
        SystemMessage("Be brief."),
        HumanMessage("My name is Ada, and I like the sea."),
        AIMessage("Hello Ada, so do I."),
    ]
    after = model.invoke([*earlier, last])
    assert alone.usage_metadata
    assert after.usage_metadata
    assert after.usage_metadata["input_tokens"] >= alone.usage_metadata["input_tokens"] + 10


def test_blocks_of_text_are_text(model: BaseChatModel) -> None:
    blocks = HumanMessage([{"type": "text", "text": QUESTION}])
    assert model.invoke([blocks]).text == model.invoke([HumanMessage(QUESTION)]).text


def test_answers_of_several_threads_do_not_mix(model: BaseChatModel) -> None:
    questions = [f"Repeat after me: the number is {n}." for n in (11, 22, 33)]
    alone = [model.invoke(question).text for question in questions]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda question: model.invoke(question).text, questions)) == alone


def test_a_reader_may_leave(model: BaseChatModel) -> None:
    stream = model.stream(QUESTION)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert model.invoke(QUESTION).text
