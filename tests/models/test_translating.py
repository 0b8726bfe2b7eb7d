"""The wrapper changes nothing but the errors: over the Ollama stand-in, with tools, schemas, streams and asyncio."""

import pytest
from langchain_core.language_models import BaseChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatResult
from langchain_ollama import ChatOllama
from pydantic import BaseModel
from standins.canned_server import as_lines
from standins.ollama_server import OllamaServer

from llmapps.errors import ProviderError, QuestionError
from llmapps.models.failures import Endpoint, translate
from llmapps.models.translating import TranslatingModel

CALL = {"name": "lookup", "args": {"word": "loss"}, "id": "1"}


def lookup(word: str) -> str:
    """What the glossary says."""
    return word


class Entry(BaseModel):
    """An entry of a glossary."""

    word: str


def wrapped(url: str, name: str = "m") -> TranslatingModel:
    endpoint = Endpoint("ollama", name, where=url)
    return TranslatingModel(
        inner=ChatOllama(model=name, base_url=url, client_kwargs={"trust_env": False}),
        translator=lambda error, text: translate(error, endpoint, partial_text=text),
    )


def says(*answers: AIMessage | str) -> BaseChatModel:
    return GenericFakeChatModel(messages=iter(answers))


def test_the_answer_is_the_inner_models() -> None:
    with OllamaServer(chat={"m": says("Hello there", "Hello again")}) as server:
        model = wrapped(server.url)
        assert model.invoke("hi").content == "Hello there"
        assert "".join(chunk.text for chunk in model.stream("hi")) == "Hello again"
        assert model._llm_type == "chat-ollama"


async def test_the_same_for_asyncio() -> None:
    with OllamaServer(chat={"m": says("Hello there", "Hello again")}) as server:
        model = wrapped(server.url)
        assert (await model.ainvoke("hi")).content == "Hello there"
        assert "".join([chunk.text async for chunk in model.astream("hi")]) == "Hello again"


def test_the_end_of_the_stream_is_told_to_the_caller() -> None:
    with OllamaServer(chat={"m": says("Hello there")}) as server:
        assert wrapped(server.url).invoke("hi").response_metadata["done_reason"] == "stop"


def test_tools_go_through_the_wrapper() -> None:
    with OllamaServer(chat={"m": says(AIMessage("", tool_calls=[CALL]))}, tools=("m",)) as server:
        model = wrapped(server.url)
        bound = model.bind_tools([lookup])
        assert bound.bound is model
        (call,) = bound.invoke("look up loss").tool_calls
        assert (call["name"], call["args"]) == ("lookup", {"word": "loss"})
        server.play_next(as_lines({"error": "the runner died"}))
        with pytest.raises(ProviderError, match="the runner died"):
            bound.invoke("look up loss")


@pytest.mark.parametrize("include_raw", [False, True])
def test_structured_output_goes_through_the_wrapper(include_raw: bool) -> None:
    with OllamaServer(chat={"m": says('{"word": "loss"}')}) as server:
        structured = wrapped(server.url).with_structured_output(Entry, include_raw=include_raw)
        answer = structured.invoke("an entry")
        assert (answer["parsed"] if include_raw else answer) == Entry(word="loss")
        assert server.bodies("/api/chat")[0]["format"]["properties"]["word"] == {"title": "Word", "type": "string"}
        server.play_next(as_lines({"error": "the runner died"}))
        with pytest.raises(ProviderError, match="the runner died"):
            structured.invoke("an entry")


def test_a_stream_that_fails_keeps_what_had_come() -> None:
    with OllamaServer() as server:
        part = {"model": "m", "message": {"role": "assistant", "content": "The sea"}, "done": False}
        server.play_next(as_lines(part, {"error": "the runner died"}))
        received = []
        with pytest.raises(ProviderError) as caught:
            received.extend(chunk.text for chunk in wrapped(server.url).stream("hi"))
        assert (caught.value.kind, caught.value.partial_text, caught.value.__context__) == ("server", "The sea", None)


async def test_a_failure_under_asyncio() -> None:
    with OllamaServer(chat={"m": says()}) as server:
        model = wrapped(server.url, "other")
        with pytest.raises(ProviderError) as caught:
            await model.ainvoke("hi")
        assert caught.value.kind == "model_not_found"
        with pytest.raises(ProviderError) as caught:
            [chunk async for chunk in model.astream("hi")]
        assert caught.value.kind == "model_not_found"


def test_a_stream_over_its_time_ends() -> None:
    with OllamaServer(chat={"m": says("Hello there")}) as server:
        model = wrapped(server.url).model_copy(update={"timeout_s": 0.0})
        with pytest.raises(ProviderError) as caught:
            list(model.stream("hi"))
        assert caught.value.kind == "timeout"


class Refusing(GenericFakeChatModel):
    """Raises one of our own errors, or answers with nothing."""

    ours: bool

    def _generate(self, *_: object, **__: object) -> ChatResult:
        if self.ours:
            raise QuestionError("The question is empty.")
        return ChatResult(generations=[])


@pytest.mark.parametrize(("ours", "kind"), [(True, QuestionError), (False, ProviderError)])
def test_our_own_errors_pass_and_nothing_is_an_error(ours: bool, kind: type[Exception]) -> None:
    model = TranslatingModel(
        inner=Refusing(messages=iter(()), ours=ours),
        translator=lambda error, text: translate(error, Endpoint("p", "m"), partial_text=text),
    )
    with pytest.raises(kind):
        model.invoke("hi")


def test_a_model_without_streaming_is_streamed_in_one_piece() -> None:
    class Whole(GenericFakeChatModel):
        """Cannot stream."""

        _stream = BaseChatModel._stream

    model = TranslatingModel(
        inner=Whole(messages=iter(["Hello there"])), translator=lambda error, _: QuestionError(str(error))
    )
    assert [chunk.text for chunk in model.stream("hi")] == ["Hello there"]


def test_its_repr_tells_nothing_of_the_client() -> None:
    assert "127.0.0.1" not in repr(wrapped("http://me:hunter2@127.0.0.1:1"))
