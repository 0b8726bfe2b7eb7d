"""The rule that a stream without its finish is an error and not an answer, and a model wrapped so that it holds.

Providers' clients end their stream without complaint when the connection closes early, so that half an answer looks
like a whole one (measured: openai, langchain-openai, ollama and langchain-ollama alike, also in `invoke`). Whether an
answer is whole is said by the provider alone: by its reason to finish.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable

from llmapps.errors import ProviderError
from llmapps.models.rebinding import rebind

FINISH_KEYS = ("finish_reason", "done_reason", "stop_reason", "stopReason")
"""Where LangChain's packages put it: OpenAI, Google, Mistral, Groq, Cohere; Ollama; Anthropic; Bedrock."""

_COMPLETE_STATUS = {"completed", "incomplete"}  # of OpenAI's responses; "incomplete" is their "length"
_PLAIN_STOPS = {"stop", "end_turn", "eos", "eos_token", "complete", "completed", "finish_reason_stop"}


def find_finish(metadata: Mapping[str, Any]) -> str | None:
    """Why the provider says that it finished, such as "stop" or "length"; None if it does not say.

    >>> find_finish({"done_reason": "stop"}), find_finish({"finish_reason": None})
    ('stop', None)
    """
    for key in FINISH_KEYS:
        if reason := metadata.get(key):
            return str(getattr(reason, "name", reason))
    if metadata.get("status") in _COMPLETE_STATUS:
        return str(metadata["status"])
    if metadata.get("done") is True:  # servers of Ollama's kind that give no reason
        return "stop"
    return None


def is_plain_stop(finish: str) -> bool:
    """Whether this reason says that the model was done, and was not cut, filtered or led to a tool.

    >>> is_plain_stop("end_turn"), is_plain_stop("length")
    (True, False)
    """
    return finish.lower() in _PLAIN_STOPS


class AnswerWatch:
    """Sees the parts of one answer, or all of it at once, and says at the end whether it was whole.

    Attributes:
        text: what has come so far.
        finish: why the provider finished, or None if it has not said so.
    """

    def __init__(self, provider: str, model: str) -> None:
        self.provider = provider
        self.model = model
        self.text = ""
        self.finish: str | None = None
        self._something_else = False

    def see(self, part: ChatGeneration) -> None:
        """Take in the next part."""
        message = part.message
        self.text += str(message.text)
        self.finish = find_finish(message.response_metadata) or find_finish(part.generation_info or {}) or self.finish
        self._something_else = self._something_else or _holds_more_than_text(message)

    def require_whole(self) -> None:
        """Nothing, if the answer is whole.

        Raises:
            ProviderError: it broke off (kind "truncated", with `partial_text`), or it finished and is empty ("empty").
        """
        spec = f"{self.provider}:{self.model}"
        if self.finish is None:
            raise ProviderError(
                f"The answer of {spec} broke off after {len(self.text)} characters: it ended without its finish.",
                kind="truncated",
                provider=self.provider,
                model=self.model,
                hint="Ask again.",
                retryable=True,
                partial_text=self.text,
            )
        if is_plain_stop(self.finish) and not self.text.strip() and not self._something_else:
            raise ProviderError(
                f"The answer of {spec} is empty.",
                kind="empty",
                provider=self.provider,
                model=self.model,
                hint="Ask again, or put the question differently.",
                retryable=True,
            )


def _holds_more_than_text(message: BaseMessage) -> bool:
    """Whether there is a tool call (also a broken one) or a refusal, which are answers too."""
    calls = ("tool_calls", "invalid_tool_calls", "tool_call_chunks")
    return any(getattr(message, name, None) for name in calls) or bool(message.additional_kwargs.get("refusal"))


class CompleteStreamModel(BaseChatModel):
    """A chat model around a chat model: the same answers, but one that is not whole is a `ProviderError`.

    Attributes:
        inner: the model that answers.
        provider, model: as in the model's spec, for messages.
    """

    inner: BaseChatModel
    provider: str
    model: str

    @property
    def _llm_type(self) -> str:
        return self.inner._llm_type

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return dict(self.inner._identifying_params)

    @property
    def label(self) -> str:
        """The model's spec."""
        return f"{self.provider}:{self.model}"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        return self.inner._get_ls_params(stop=stop, **kwargs)

    def _resolve_model_profile(self) -> Any:
        return getattr(self.inner, "profile", None)

    def _should_stream(self, **kwargs: Any) -> bool:
        return self.inner._should_stream(**kwargs)

    def get_num_tokens(self, text: str) -> int:
        """As the inner model counts."""
        return self.inner.get_num_tokens(text)

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]:
        """The inner model's way of offering tools, with its calls going through this model."""
        bound = rebind(self.inner.bind_tools(tools, **kwargs), self.inner, self)
        return cast("Runnable[LanguageModelInput, AIMessage]", bound)

    def with_structured_output(self, schema: Any, **kwargs: Any) -> Runnable[LanguageModelInput, Any]:
        """The inner model's way of answering by a schema, with its calls going through this model."""
        return rebind(self.inner.with_structured_output(schema, **kwargs), self.inner, self)

    def _watch(self) -> AnswerWatch:
        return AnswerWatch(self.provider, self.model)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._whole(self.inner._generate(messages, stop=stop, run_manager=run_manager, **kwargs))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._whole(await self.inner._agenerate(messages, stop=stop, run_manager=run_manager, **kwargs))

    def _whole(self, result: ChatResult) -> ChatResult:
        for generation in result.generations or [ChatGeneration(message=AIMessage(""))]:
            watch = self._watch()
            watch.see(_with_info(generation, result.llm_output))
            watch.require_whole()
        return result

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        watch = self._watch()
        for chunk in self.inner._stream(messages, stop=stop, run_manager=run_manager, **kwargs):
            watch.see(chunk)
            yield chunk
        watch.require_whole()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        watch = self._watch()
        async for chunk in self.inner._astream(messages, stop=stop, run_manager=run_manager, **kwargs):
            watch.see(chunk)
            yield chunk
        watch.require_whole()


def _with_info(generation: ChatGeneration, output: Mapping[str, Any] | None) -> ChatGeneration:
    """The generation with what a provider said of the whole result (Anthropic, Mistral), unless it says so itself."""
    return generation.model_copy(update={"generation_info": {**(output or {}), **(generation.generation_info or {})}})
