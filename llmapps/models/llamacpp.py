"""The provider "llamacpp": GGUF models on this machine, by the embedded engine in a child process of ours.

The engine (`engine.py`) serves one file over HTTP on loopback; this module is its client, and a LangChain chat model.
It speaks to it by httpx: langchain-openai would do, but takes a second to import.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import httpx
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import agenerate_from_stream, generate_from_stream
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

from llmapps.errors import ModelError
from llmapps.models.chat_completions import parse_line, wire_messages
from llmapps.models.complete_stream import AnswerWatch
from llmapps.models.control_tokens import break_control_tokens, spellings_of
from llmapps.models.engine import Engine, EngineSettings
from llmapps.models.engine_failures import Deadline, refusal, translate_engine_failure
from llmapps.models.engine_pool import EngineUser

if TYPE_CHECKING:
    from llmapps.models.providers import ModelOptions

CALL_OPTIONS = frozenset(
    "temperature max_tokens top_p top_k min_p seed response_format grammar repeat_penalty presence_penalty "
    "frequency_penalty logit_bias".split()
)
"""What a call may set, by the names of the format."""

_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # loading them takes longer than a request without TLS


def open_chat(name: str, options: ModelOptions) -> LlamaCppChat:
    """The chat model `llamacpp:NAME`; its weights are fetched if they are not here. The engine is not started yet.

    Args:
        name: in the catalog; or the path of a GGUF file; or hf.co/OWNER/REPO[:QUANT].
        options: how to open it.

    Raises:
        ModelSpecError: no such name.
        WeightsError: the weights are not here and cannot be fetched.
    """
    from llmapps.models.weights import ensure_gguf  # noqa: PLC0415 - brings what downloads need

    return LlamaCppChat(
        model=name,
        path=ensure_gguf(name, offline=options.offline, progress=options.download),
        temperature=options.temperature,
        max_tokens=options.max_tokens,
        context_tokens=options.context_tokens,
        timeout_s=options.timeout_s,
        threads=options.threads,
        gpu_layers=options.gpu_layers,
    )


class LlamaCppChat(BaseChatModel):
    """A GGUF model as a LangChain chat model.

    Everything in a message is data: spellings of control tokens in it are broken up. An answer that is not whole is an
    error. A call may set `CALL_OPTIONS`; `.bind(response_format={"type": "json_schema", ...})` constrains the answer to
    a schema.

    Attributes:
        model: the name, without "llamacpp:".
        path: of the GGUF file.
        timeout_s: for a whole call, loading included.
        threads: 0 means as many as there are cores.
    """

    model: str
    path: Path
    temperature: float = 0.0
    max_tokens: int = 400
    context_tokens: int = 4096
    timeout_s: float = 300.0
    threads: int = 0
    gpu_layers: int = 0
    _user: EngineUser = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Get ready to use the engine; nothing is started."""
        self._user = EngineUser(EngineSettings(self.path, self.context_tokens, self.threads, self.gpu_layers))

    @property
    def _llm_type(self) -> str:
        return "llamacpp"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.label, "temperature": self.temperature, "max_tokens": self.max_tokens}

    @property
    def label(self) -> str:
        """The model's spec."""
        return f"llamacpp:{self.model}"

    def start(self) -> None:
        """Begin to load, and return at once: what is done meanwhile costs no waiting later."""
        self._user.engine()

    def close(self) -> None:
        """Let go of the engine; it ends when no other model of this process uses it. A later call starts it anew."""
        self._user.release()

    def count_tokens(self, text: str) -> int:
        """How many tokens the text has in this model's own vocabulary, exactly; waits for the model to be loaded.

        Raises:
            ProviderError: the engine failed.
        """
        return len(self._asked("/tokenize", {"content": self._clean(text), "add_special": False})["tokens"])

    def get_num_tokens(self, text: str) -> int:
        """As `count_tokens`; LangChain's name for it."""
        return self.count_tokens(text)

    def get_num_tokens_from_messages(self, messages: Sequence[BaseMessage], tools: Any = None) -> int:
        """How many tokens the messages are as a prompt, with all that the chat template adds, exactly."""
        prompt = self._asked("/apply-template", {"messages": wire_messages(messages, self._clean)})["prompt"]
        return len(self._asked("/tokenize", {"content": prompt, "parse_special": True})["tokens"])

    def bind_tools(self, tools: Any, **kwargs: Any) -> NoReturn:
        """Not possible here.

        Raises:
            ModelError: always.
        """
        raise ModelError(
            f"{self.label} is not given tools natively, as llamacpp: models write calls in forms of their own. "
            'Constrain the answer with .bind(response_format={"type": "json_schema", ...}), or use ollama: or openai:.'
        )

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, **kwargs))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return await agenerate_from_stream(self._astream(messages, stop, **kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        payload = self._payload(messages, stop, kwargs)
        with self._call() as call:
            call.engine.wait_ready(call.deadline.left_s())
            with (
                httpx.Client(**call.client_options()) as client,
                client.stream("POST", "/v1/chat/completions", json=payload) as response,
            ):
                if response.is_error:
                    response.read()
                    raise refusal(response, self.label)
                for line in response.iter_lines():
                    if chunk := call.take(line):
                        if run_manager and chunk.text:
                            run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                        yield chunk
            call.watch.require_whole()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        payload = self._payload(messages, stop, kwargs)
        with self._call() as call:
            await asyncio.to_thread(call.engine.wait_ready, call.deadline.left_s())
            async with (
                httpx.AsyncClient(**call.client_options()) as client,
                client.stream("POST", "/v1/chat/completions", json=payload) as response,
            ):
                if response.is_error:
                    await response.aread()
                    raise refusal(response, self.label)
                async for line in response.aiter_lines():
                    if chunk := call.take(line):
                        if run_manager and chunk.text:
                            await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                        yield chunk
            call.watch.require_whole()

    @contextmanager
    def _call(self) -> Iterator[_Call]:
        """One call of the engine; what goes wrong in it is a `ProviderError`."""
        call = _Call(self._user.engine(), AnswerWatch("llamacpp", self.model), Deadline(self.timeout_s))
        with translate_engine_failure(call.engine, call.watch, call.deadline):
            yield call

    def _clean(self, text: str) -> str:
        return break_control_tokens(text, spellings_of(self.path))

    def _payload(self, messages: list[BaseMessage], stop: list[str] | None, given: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(name for name in given if name not in CALL_OPTIONS and not name.startswith("ls_"))
        if unknown:
            raise ModelError(
                f"{self.label} does not know {', '.join(unknown)}. A call may set: {', '.join(sorted(CALL_OPTIONS))}."
            )
        return {
            "messages": wire_messages(messages, self._clean),
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "stop": stop or [],
            **{name: value for name, value in given.items() if name in CALL_OPTIONS},
            "stream": True,
            "stream_options": {"include_usage": True},
            "cache_prompt": True,
        }

    def _asked(self, path: str, body: dict[str, Any]) -> Any:
        """The engine's answer to a question that is not a chat."""
        with self._call() as call:
            call.engine.wait_ready(call.deadline.left_s())
            with httpx.Client(**call.client_options()) as client:
                response = client.post(path, json=body)
            if response.is_error:
                raise refusal(response, self.label)
            return response.json()


@dataclass(slots=True)
class _Call:
    """One call: its engine, the answer so far, its clock."""

    engine: Engine
    watch: AnswerWatch
    deadline: Deadline

    def client_options(self) -> dict[str, Any]:
        """For an httpx client of this call alone: an idle connection would outlive the engine."""
        return {
            "base_url": self.engine.url,
            "headers": {"Authorization": f"Bearer {self.engine.key}"},
            "timeout": self.deadline.left_s(),
            "trust_env": False,  # a proxy cannot reach our loopback
            "verify": _NO_AUTHORITIES,
        }

    def take(self, line: str) -> ChatGenerationChunk | None:
        """What a line of the stream brings, if anything; it also shows whether there is time left."""
        self.deadline.require()
        chunk = parse_line(line)
        if chunk:
            self.watch.see(chunk)
        return chunk
