"""The provider "fake": chat models that need no weights and no network, and answer the same way every time.

    fake:echo          repeats the last message of the user
    fake:grounded      picks the sentences of the numbered hits in the prompt that share most words with the question
    fake:script:FILE   gives the replies in a file, one a call; see `fake_script.py` for what a reply may be
    fake:evil          obeys every order that it reads anywhere in the prompt; see `fake_evil.py`
    fake:evil-leak     the same, and repeats the whole prompt

They stream word by word, count words as tokens, stop at stop words and keep to `max_tokens`, as other models do.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.chat_models import agenerate_from_stream, generate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolCallChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import default_tool_parser
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field, PrivateAttr

from llmapps.errors import ModelSpecError, ProviderError, did_you_mean
from llmapps.models.complete_stream import CompleteStreamModel
from llmapps.models.fake_evil import obey
from llmapps.models.fake_grounded import grounded_answer
from llmapps.models.fake_script import Reply, Script, load_script

if TYPE_CHECKING:
    from llmapps.models.providers import ModelOptions

Answerer = Callable[[list[BaseMessage]], Reply]
"""What a fake model is: from the messages to a reply."""

NAMES = ("echo", "grounded", "script:FILE", "evil", "evil-leak")
_RAW_CALLS = "calls_as_written"
_WORDS = re.compile(r"\S+\s*|\s+")


def open_chat(name: str, options: ModelOptions) -> CompleteStreamModel:
    """The chat model `fake:NAME`; a script begins at its first reply.

    Raises:
        ModelSpecError: no such fake model.
        ModelError: the script cannot be read; names the file and line.
    """
    inner = FakeChat(model=name, answerer=_answerer(name), max_tokens=options.max_tokens)
    return CompleteStreamModel(inner=inner, provider="fake", model=name)


def _answerer(name: str) -> Answerer:
    kind, _, argument = name.partition(":")
    if kind == "script" and argument:
        return _from_script(load_script(argument))
    answerers = {"echo": _echo, "grounded": _grounded, "evil": _evil, "evil-leak": _evil_leak}
    if name not in answerers:
        hint = did_you_mean(name, NAMES)
        raise ModelSpecError(
            " ".join(filter(None, (f'There is no fake model "{name}".', hint, f"There are: {', '.join(NAMES)}.")))
        )
    return answerers[name]


class FakeChat(BaseChatModel):
    """A chat model whose replies a function makes; give it one of your own to play anything.

    It does as it is told, also a stream without its finish: `open_chat` puts the rule for complete streams around it.

    Attributes:
        answerer: from the messages to a reply.
        max_tokens: words after which a reply is cut, with the finish "length".
    """

    model: str = "custom"
    answerer: Answerer = Field(repr=False, exclude=True)
    max_tokens: int = 400
    _calls: Iterator[int] = PrivateAttr(default_factory=lambda: count(1))

    @property
    def _llm_type(self) -> str:
        return "fake"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": f"fake:{self.model}"}

    def get_num_tokens(self, text: str) -> int:
        """How many words the text has."""
        return len(text.split())

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with the tools' descriptions bound; whether it calls one is up to the reply."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _with_calls_parsed_strictly(generate_from_stream(self._stream(messages, stop, **kwargs)))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _with_calls_parsed_strictly(await agenerate_from_stream(self._astream(messages, stop, **kwargs)))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        reply = self.answerer(messages)
        for chunk in self._chunks(reply, messages, stop or [], kwargs.get("max_tokens", self.max_tokens)):
            time.sleep(reply.delay_s)
            if run_manager and chunk.text:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        reply = self.answerer(messages)
        for chunk in self._chunks(reply, messages, stop or [], kwargs.get("max_tokens", self.max_tokens)):
            await asyncio.sleep(reply.delay_s)
            if run_manager and chunk.text:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    def _chunks(
        self, reply: Reply, messages: list[BaseMessage], stop: list[str], max_tokens: int
    ) -> Iterator[ChatGenerationChunk]:
        """The reply's words, then its tool calls, then its finish; a failure or a missing finish where it says so."""
        words = _WORDS.findall(_before_stop(reply.text, stop))
        for word in words[:max_tokens]:
            yield ChatGenerationChunk(message=AIMessageChunk(content=word))
        if reply.error:
            raise ProviderError(
                f"fake:{self.model} fails as its script says ({reply.error}).",
                kind=reply.error,
                provider="fake",
                model=self.model,
                retryable=reply.error in ("unreachable", "timeout", "rate_limited", "server"),
                partial_text="".join(words),
            )
        calls = [
            ToolCallChunk(name=call["name"], args=call["args"], id=f"call_{next(self._calls)}", index=index)
            for index, call in enumerate(reply.tool_calls)
        ]
        finish = "length" if len(words) > max_tokens else "tool_calls" if calls else "stop"
        written = min(len(words), max_tokens)
        yield ChatGenerationChunk(
            message=AIMessageChunk(
                content="",
                tool_call_chunks=calls,
                additional_kwargs={_RAW_CALLS: calls} if calls else {},
                response_metadata={} if reply.cut else {"finish_reason": finish},
                usage_metadata=_usage(sum(self.get_num_tokens(str(message.text)) for message in messages), written),
            )
        )


def _with_calls_parsed_strictly(result: ChatResult) -> ChatResult:
    """The result with broken arguments as `invalid_tool_calls`, as providers' packages have it.

    Joining the chunks of a stream, LangChain completes broken JSON and takes it for a valid call.
    """
    message = cast("AIMessage", result.generations[0].message)
    raw = message.additional_kwargs.pop(_RAW_CALLS, ())
    wired = [{"id": call["id"], "function": {"name": call["name"], "arguments": call["args"]}} for call in raw]
    message.tool_calls, message.invalid_tool_calls = default_tool_parser(wired)
    return result


def _usage(read: int, written: int) -> UsageMetadata:
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)


def _before_stop(text: str, stop: list[str]) -> str:
    return text[: min((at for word in stop if (at := text.find(word)) >= 0), default=len(text))]


def _texts(messages: list[BaseMessage]) -> list[str]:
    return [str(message.text) for message in messages]


def _asked(messages: list[BaseMessage]) -> str:
    """The last message of the user, or the last one of all."""
    asked = [message for message in messages if isinstance(message, HumanMessage)] or messages
    return str(asked[-1].text)


def _echo(messages: list[BaseMessage]) -> Reply:
    return Reply(text=_asked(messages))


def _grounded(messages: list[BaseMessage]) -> Reply:
    return Reply(text=grounded_answer(_asked(messages)))


def _evil(messages: list[BaseMessage]) -> Reply:
    return obey(_texts(messages))


def _evil_leak(messages: list[BaseMessage]) -> Reply:
    return obey(_texts(messages), leak=True)


def _from_script(script: Script) -> Answerer:
    lock = threading.Lock()

    def answer(messages: list[BaseMessage]) -> Reply:
        with lock:
            return script.reply_to("\n".join(_texts(messages)))

    return answer
