"""A chat model around a provider's chat model: the same answers, and every failure is a `ProviderError`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from pydantic import Field

from llmapps.errors import LlmappsError
from llmapps.models.rebinding import rebind

BYTES_PER_TOKEN = 3
_NOTHING = "nothing was received"

Translator = Callable[[Exception, str], LlmappsError]
"""From what was raised, and the text delivered before, to what the user is told."""


class TranslatingModel(BaseChatModel):
    """A chat model around a chat model: the same answers, but every failure is a `ProviderError`.

    The error is raised after the handler of the package's own exception has ended, so that it holds no reference to it:
    that exception knows the request, and the request knows the key.

    Attributes:
        timeout_s: for a whole streamed answer, looked at between chunks; the wait for one is the client's to limit.
    """

    inner: BaseChatModel = Field(repr=False)
    translator: Translator = Field(exclude=True, repr=False)
    timeout_s: float = 300.0

    @property
    def _llm_type(self) -> str:
        return self.inner._llm_type

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return dict(self.inner._identifying_params)

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        return self.inner._get_ls_params(stop=stop, **kwargs)

    def _resolve_model_profile(self) -> Any:
        """What LangChain knows of the model: its own agents choose by it."""
        return getattr(self.inner, "profile", None)

    def get_num_tokens(self, text: str) -> int:
        """An estimate that is seldom too low: a token for every three bytes.

        The tokenizer of a remote model is not here. With Qwen2.5's a token has 4.1 bytes of the sample course's notes
        (3.3 of the note with the most tokens) and 4.0 of this package's code (2.8).
        """
        return -(-len(text.encode()) // BYTES_PER_TOKEN)

    def _should_stream(self, **kwargs: Any) -> bool:
        return self.inner._should_stream(**kwargs)

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]:
        """The inner model's way of offering tools, with its calls going through this model."""
        return cast(
            "Runnable[LanguageModelInput, AIMessage]", rebind(self.inner.bind_tools(tools, **kwargs), self.inner, self)
        )

    def with_structured_output(self, schema: Any, **kwargs: Any) -> Runnable[LanguageModelInput, Any]:
        """The inner model's way of answering by a schema, with its calls going through this model."""
        return rebind(self.inner.with_structured_output(schema, **kwargs), self.inner, self)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        try:
            return _require_some(self.inner._generate(messages, stop=stop, run_manager=run_manager, **kwargs))
        except Exception as error:  # noqa: BLE001 - packages raise anything; all of it is translated
            failure = self._translated(error)
        raise failure

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        try:
            return _require_some(await self.inner._agenerate(messages, stop=stop, run_manager=run_manager, **kwargs))
        except Exception as error:  # noqa: BLE001
            failure = self._translated(error)
        raise failure

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        text, begun, deadline = "", False, time.monotonic() + self.timeout_s
        try:
            for chunk in self.inner._stream(messages, stop=stop, run_manager=run_manager, **kwargs):
                text, begun = text + chunk.text, True
                yield chunk
                _require_time(deadline)
            if begun:
                return
            failure = self._translated(ValueError(_NOTHING))
        except Exception as error:  # noqa: BLE001
            failure = self._translated(error, text)
        raise failure

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        text, begun, deadline = "", False, time.monotonic() + self.timeout_s
        try:
            async for chunk in self.inner._astream(messages, stop=stop, run_manager=run_manager, **kwargs):
                text, begun = text + chunk.text, True
                yield chunk
                _require_time(deadline)
            if begun:
                return
            failure = self._translated(ValueError(_NOTHING))
        except Exception as error:  # noqa: BLE001
            failure = self._translated(error, text)
        raise failure

    def _translated(self, error: Exception, text: str = "") -> LlmappsError:
        return error if isinstance(error, LlmappsError) else self.translator(error, text)


def _require_some(result: ChatResult) -> ChatResult:
    if not result.generations:
        raise ValueError(_NOTHING)
    return result


def _require_time(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError("the answer took longer than the time allowed")
