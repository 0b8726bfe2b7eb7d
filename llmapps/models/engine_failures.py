"""What goes wrong between us and the embedded engine, as our errors, and the clock of a call."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from llmapps.errors import FailureKind, ProviderError
from llmapps.models.chat_completions import StreamFailure

if TYPE_CHECKING:
    import httpx

    from llmapps.models.complete_stream import AnswerWatch
    from llmapps.models.engine import Engine


class Deadline:
    """The time that a call may take in all; measured by us, as an HTTP client's limits begin anew with each byte."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._end = time.monotonic() + timeout_s

    def left_s(self) -> float:
        """Seconds left, at least a tenth."""
        return max(0.1, self._end - time.monotonic())

    def require(self) -> None:
        """Nothing, if there is time left.

        Raises:
            TimeoutError: there is none.
        """
        if time.monotonic() > self._end:
            raise TimeoutError


@contextmanager
def translate_engine_failure(engine: Engine, watch: AnswerWatch, deadline: Deadline) -> Iterator[None]:
    """Whatever a call of the engine raises leaves as a `ProviderError` with the text that came before.

    Raises:
        ProviderError: "server" when the engine died or reports an error, "timeout", "truncated" or "malformed".
    """
    import httpx  # noqa: PLC0415 - the classes of this module are used without it too

    spec = f"{watch.provider}:{watch.model}"
    try:
        yield
    except (TimeoutError, httpx.TimeoutException) as error:
        message = f"{spec} was not done within {deadline.timeout_s:g} s."
        hint = "Ask a shorter question, or allow more with LLMAPPS_TIMEOUT_S."
        raise _failure(watch, "timeout", message, hint) from error
    except httpx.TransportError as error:
        code = engine.stop_code()
        if code is not None:
            message = f"The engine of {spec} stopped while it worked (exit code {code})."
            hint = "Ask again: it is started anew. If it goes on, take a smaller model or a smaller context."
            raise _failure(watch, "server", message, hint) from error
        message = f"The connection to the engine of {spec} broke: {error}."
        raise _failure(watch, "truncated", message, "Ask again.") from error
    except StreamFailure as error:
        raise _failure(watch, "server", f"The engine of {spec} failed: {error}.", "Ask again.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"The engine of {spec} gave an answer that cannot be read: {error}."
        hint = "Try another version of xllamacpp; `pip install -U xllamacpp` takes the newest."
        raise _failure(watch, "malformed", message, hint) from error


def refusal(response: httpx.Response, spec: str) -> ProviderError:
    """The error for a response of the engine that is no answer; its body has been read."""
    try:
        told: dict[str, Any] = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        told = {"message": response.text[:300]}
    provider, _, model = spec.partition(":")
    if told.get("type") == "exceed_context_size_error":
        return ProviderError(
            f"The prompt is {told.get('n_prompt_tokens')} tokens long; the context of {spec} is {told.get('n_ctx')}.",
            kind="context_overflow",
            provider=provider,
            model=model,
            hint="Ask a shorter question, show fewer hits with --top, or raise LLMAPPS_CONTEXT_TOKENS.",
        )
    kind: FailureKind = "server" if response.status_code >= 500 else "bad_request"
    return ProviderError(
        f"The engine of {spec} refused the request ({response.status_code}): {told.get('message')}.",
        kind=kind,
        provider=provider,
        model=model,
        hint="Ask again." if kind == "server" else "Change what it names.",
        retryable=kind == "server",
    )


def _failure(watch: AnswerWatch, kind: FailureKind, message: str, hint: str) -> ProviderError:
    return ProviderError(
        message,
        kind=kind,
        provider=watch.provider,
        model=watch.model,
        hint=hint,
        retryable=kind != "malformed",
        partial_text=watch.text,
    )
