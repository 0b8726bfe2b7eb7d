"""What providers' packages raise, translated once into our `ProviderError`.

Every package has its own exceptions (httpx, openai, ollama, anthropic, ...), and most also let through what they did
not expect (JSONDecodeError, KeyError, TypeError).
"""

from __future__ import annotations

import json
import re
import socket
import traceback
from dataclasses import dataclass
from typing import Any

from llmapps.errors import FailureKind, ProviderError
from llmapps.models.addresses import is_loopback
from llmapps.models.failure_kinds import kind_of, status_of, with_causes
from llmapps.models.redaction import redact

RETRYABLE: frozenset[FailureKind] = frozenset(
    {"unreachable", "timeout", "rate_limited", "server", "truncated", "empty"}
)
"""The kinds of failure that may pass by themselves."""

LOCAL_MODEL = "llamacpp:qwen2.5-coder-1.5b"
"""What messages advise where a provider cannot be had."""

_DETAIL_LENGTH = 300
_FRAMES_KEPT = 4


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Whom a model talks to, for messages.

    Attributes:
        where: the server's address, without password; "" where the provider's package knows it and we do not.
        key_name: the environment variable that holds the key, "" if none is needed.
        timeout_s: seconds allowed for a call.
    """

    provider: str
    model: str
    where: str = ""
    key_name: str = ""
    timeout_s: float = 300.0

    @property
    def spec(self) -> str:
        """The model as the user names it."""
        return f"{self.provider}:{self.model}"

    @property
    def at(self) -> str:
        """The address with the word "at" before it, or "" where it is not known."""
        return f" at {self.where}" if self.where else ""


class OriginalFailure(Exception):  # noqa: N818 - it stands for whatever was raised
    """A copy of a package's own exception without its keys: the cause shown in tracebacks in place of the real one.

    The real one holds the request, and with it the key, in its attributes and in the locals of its traceback.
    """


def translate(error: Exception, endpoint: Endpoint, *, partial_text: str = "") -> ProviderError:
    """The `ProviderError` for what a call raised; one that is a `ProviderError` already is returned as it is.

    Args:
        error: what was raised.
        endpoint: by whom.
        partial_text: what had been delivered before.
    """
    if isinstance(error, ProviderError):
        return error
    causes = list(with_causes(error))
    text, status = detail_of(error), status_of(causes)
    kind = kind_of(causes, f"{text} {getattr(error, 'code', '')}")
    message, hint = _MESSAGES[kind]
    words = {
        "spec": endpoint.spec,
        "at": endpoint.at,
        "detail": _reason_of(causes, text),
        "status": f" ({status})" if status else "",
        "provider": endpoint.provider,
        "model": endpoint.model,
        "timeout": f"{endpoint.timeout_s:g}",
        "key": f"Check {endpoint.key_name}" if endpoint.key_name else "Check its key",
    }
    if kind == "unreachable" and is_loopback(endpoint.where):
        hint = "Start the server there, or correct the address."
    if kind == "rate_limited" and (seconds := _retry_after(causes)):
        hint = f"Wait {seconds} s, then ask again."
    return provider_error(
        message.format(**words), kind, endpoint, hint=hint.format(**words), cause=error, partial_text=partial_text
    )


def provider_error(
    message: str,
    kind: FailureKind,
    endpoint: Endpoint,
    *,
    hint: str,
    cause: BaseException | None = None,
    partial_text: str = "",
) -> ProviderError:
    """A `ProviderError` for an endpoint, with the redacted copy of its cause; shorter than the constructor."""
    failure = ProviderError(
        redact(message),
        kind=kind,
        provider=endpoint.provider,
        model=endpoint.model,
        hint=hint,
        retryable=kind in RETRYABLE,
        partial_text=partial_text,
    )
    failure.__cause__ = cause if cause is None or isinstance(cause, OriginalFailure) else _without_keys(cause)
    return failure


def no_key(provider: str, model: str, variables: tuple[str, ...]) -> ProviderError:
    """The error for a provider whose key is in none of its environment variables."""
    return ProviderError(
        f"No key for {provider}: set {' or '.join(variables)}, or use a local model such as --model {LOCAL_MODEL}",
        kind="auth",
        provider=provider,
        model=model,
    )


def detail_of(error: BaseException) -> str:
    """What the error says, on one line of at most 300 characters, without keys; JSON is unpacked to its message."""
    text = _unpacked(getattr(error, "body", None)) or _unpacked(getattr(error, "error", None)) or _unpacked(str(error))
    if re.search(r"<(!doctype|html|head|body)\b", text, re.IGNORECASE):
        return "an HTML page"
    text = redact(" ".join(text.split()))
    return text if len(text) <= _DETAIL_LENGTH else text[: _DETAIL_LENGTH - 1] + "…"


_MESSAGES: dict[FailureKind, tuple[str, str]] = {
    "unreachable": ("{spec} cannot be reached{at}: {detail}.", "Check the address and the network connection."),
    "timeout": (
        "{spec} did not answer{at} within the time allowed ({timeout} s for a call).",
        "Ask again, or allow more with LLMAPPS_TIMEOUT_S.",
    ),
    "rate_limited": ("{spec} takes no more requests for now{status}: {detail}.", "Wait a little, then ask again."),
    "quota": (
        "The quota of the account at {provider} is used up{status}: {detail}.",
        f"Check its plan and billing, or use a local model such as {LOCAL_MODEL}.",
    ),
    "auth": ("{spec} refused the key{at}{status}: {detail}.", "{key}."),
    "model_not_found": ('{provider} has no model "{model}"{at}{status}: {detail}.', "Check the model's name."),
    "context_overflow": (
        "The prompt is longer than the context of {spec}: {detail}.",
        "Ask a shorter question, show fewer hits with --top, or raise LLMAPPS_CONTEXT_TOKENS.",
    ),
    "bad_request": ("{spec} refused the request{status}: {detail}.", "Change what it names, or choose another model."),
    "server": ("{spec} failed{at}{status}: {detail}.", "Ask again; if it goes on, look at the server's log."),
    "malformed": (
        "{spec} got an answer{at} that it cannot read: {detail}.",
        "Check the address: a login page or another program may be answering there.",
    ),
    "truncated": ("The answer of {spec} broke off: {detail}.", "Ask again."),
    "empty": ("{spec} gave no answer{at}: {detail}.", "Ask again; if it stays so, check what answers there."),
    "cancelled": ("The call of {spec} was cancelled: {detail}.", "Ask again."),
}

# What langchain-openai says at length about an answer that is no answer.
_REWORDED = (
    ("Unexpected response type from OpenAI-compatible endpoint", "it is not a JSON object"),
    ("Received response with null value for 'choices'", "it holds no choices"),
)


def _reason_of(causes: list[BaseException], text: str) -> str:
    """Why, in words for people: those of the operating system where a connection failed, else the error's own."""
    for error in causes:
        if isinstance(error, ConnectionRefusedError):
            return "nothing listens there"
        if isinstance(error, socket.gaierror):
            return "there is no host of that name"
        if isinstance(error, ConnectionResetError):
            return "the connection was reset"
        if isinstance(error, json.JSONDecodeError):
            return "it is not JSON"
        if type(error).__name__ == "RemoteProtocolError":
            return "the connection was closed in the middle"
    for start, words in _REWORDED:
        if text.startswith(start):
            return words
    if isinstance(causes[0], (LookupError, AttributeError)):  # its text alone says nothing, such as "'choices'"
        return f"{type(causes[0]).__name__}: {text}"
    return text.rstrip(". ") or type(causes[0]).__name__


def _retry_after(causes: list[BaseException]) -> str:
    """The seconds that the server asks to wait, or ""."""
    for error in causes:
        headers = getattr(getattr(error, "response", None), "headers", None)
        value = headers.get("retry-after", "") if headers is not None else ""
        if str(value).isdigit():
            return str(value)
    return ""


def _unpacked(value: Any) -> str:
    """The message in an error body: {"error": {"message": ...}}, also where one is a JSON text inside another."""
    for _ in range(6):
        if isinstance(value, dict):
            value = next((value[name] for name in ("error", "message", "detail") if value.get(name)), str(value))
        elif isinstance(value, str) and value.lstrip().startswith("{"):
            try:
                value = json.loads(value)
            except ValueError:
                break
        else:
            break
    return "" if value is None else str(value)


def _without_keys(error: BaseException) -> OriginalFailure:
    """A copy of the error as text, with the last places it came through."""
    copy = OriginalFailure(redact(f"{type(error).__module__}.{type(error).__qualname__}: {error}"))
    if frames := traceback.format_tb(error.__traceback__, limit=-_FRAMES_KEPT):
        copy.add_note(redact("raised in\n" + "".join(frames)))
    return copy
