"""The provider "openai": OpenAI's models, and those of any server with its chat completions, by langchain-openai.

Which server: the base URL that is given, else `OPENAI_BASE_URL`, else OpenAI itself. Which key:

- `LLMAPPS_API_KEY`, where it is set, for a server other than OpenAI's;
- `OPENAI_API_KEY` for OpenAI itself and for the server named by `OPENAI_BASE_URL`, and for no other: a base URL may
  come from the `llmapps.toml` of a project that somebody else wrote, and must not collect the key;
- else a placeholder, as servers of one's own seldom ask for a key.
"""

from __future__ import annotations

import os
import re
import ssl
from functools import partial
from typing import TYPE_CHECKING, Any

import openai
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from llmapps.errors import ProviderError
from llmapps.models.addresses import http_address, is_loopback, origin, require_allowed, shown
from llmapps.models.failures import Endpoint, no_key, provider_error, translate
from llmapps.models.inert_messages import inert_messages
from llmapps.models.prefixes import prefixes_for
from llmapps.models.remote_chat import remote_chat
from llmapps.models.remote_embeddings import RemoteEmbeddings

if TYPE_CHECKING:
    from llmapps.models.providers import ModelOptions

OPENAI_URL = "https://api.openai.com/v1"
PLACEHOLDER_KEY = "no-key-needed"
CONNECT_S = 5.0
RETRIES = 2
"""Repeats by the openai package after 429, 5xx and broken connections, with its own waits; none on this machine."""
REASONING_TOKENS = 4000
"""Added to the limit of models that think first: their thoughts count as output (choice; only a limit, not a cost)."""

_REASONING_NAME = re.compile(r"(.*/)?(o\d|gpt-([5-9]|\d\d)(?!.*chat))", re.IGNORECASE)


def open_chat(name: str, options: ModelOptions) -> BaseChatModel:
    """The chat model `openai:NAME`.

    Raises:
        SettingsError: the base URL is no address.
        ProviderError: there is no key for OpenAI itself; or offline, and the server is another machine; later, of each
            call that fails.
    """
    endpoint, client_options = _connection(name, options)
    reasons = _REASONING_NAME.match(name) is not None
    kind = ChatOpenAI if _is_openai(endpoint.where) else CompatibleChat
    inner = kind(
        model=name,
        # Models that think first take no temperature but 1, and their thoughts out of the output.
        temperature=None if reasons else options.temperature,
        max_tokens=options.max_tokens + (REASONING_TOKENS if reasons else 0),  # type: ignore[call-arg]  # an alias to mypy
        stream_usage=True,
        use_responses_api=False,
        **client_options,
    )
    return remote_chat(inner, endpoint, partial(_translate, endpoint=endpoint))


def open_embeddings(name: str, options: ModelOptions) -> Embeddings:
    """The embedding model `openai:NAME`, with the prefixes that it was trained with.

    Texts are sent as they are: counting their tokens first would fetch a tokenizer from the network.

    Raises:
        SettingsError, ProviderError: as `open_chat`.
    """
    endpoint, client_options = _connection(name, options)
    # The package asks for base64 unless told otherwise, which not every compatible server knows.
    plain = {} if _is_openai(endpoint.where) else {"encoding_format": "float"}
    inner = OpenAIEmbeddings(model=name, check_embedding_ctx_length=False, model_kwargs=plain, **client_options)
    return RemoteEmbeddings(inner, endpoint, prefixes_for(name), partial(_translate, endpoint=endpoint))


class CompatibleChat(ChatOpenAI):
    """Chat with a server that is not OpenAI's.

    Most know the limit of output only by its old name, `max_tokens`; and many would obey the control tokens of a note.
    """

    def _get_request_payload(
        self, input_: LanguageModelInput, *, stop: list[str] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        payload: dict[str, Any] = super()._get_request_payload(input_, stop=stop, **kwargs)
        if "max_completion_tokens" in payload:
            payload["max_tokens"] = payload.pop("max_completion_tokens")
        payload["messages"] = inert_messages(payload["messages"])
        return payload


def _connection(name: str, options: ModelOptions) -> tuple[Endpoint, dict[str, Any]]:
    """Whom to talk to, and the options that both LangChain classes share."""
    url = http_address(options.base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL)
    require_allowed(url, offline=options.offline, provider="openai", model=name)
    key_name, key = _key_for(url)
    if not key and _is_openai(url):
        raise no_key("openai", name, ("OPENAI_API_KEY",))
    endpoint = Endpoint("openai", name, where=shown(url), key_name=key_name, timeout_s=options.timeout_s)
    retries = 0 if is_loopback(url) else RETRIES
    client_options = {
        "base_url": url,
        "api_key": key or PLACEHOLDER_KEY,
        "max_retries": retries,
        # The package counts its time limit anew for each repeat: together they stay within the one that was asked for.
        "timeout": openai.Timeout(options.timeout_s / (retries + 1), connect=CONNECT_S),
    }
    if is_loopback(url):
        client_options |= _loopback_clients()
    return endpoint, client_options


def _loopback_clients() -> dict[str, Any]:
    """HTTP clients for a server on this machine.

    They pass by a proxy of the environment, which cannot reach our loopback, and keep no idle connection, which would
    outlive a restart of the server and the event loop that it was opened in. They trust no certificate authority:
    loading those takes longer than a local request.
    """
    options: dict[str, Any] = {
        "trust_env": False,
        "limits": openai.DEFAULT_CONNECTION_LIMITS.__class__(max_keepalive_connections=0),
        "verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    }
    return {
        "http_client": openai.DefaultHttpxClient(**options),
        "http_async_client": openai.DefaultAsyncHttpxClient(**options),
        "openai_proxy": "",
    }


def _key_for(url: str) -> tuple[str, str]:
    """The variable that a key for this server is read from, and its value, "" if it is not set."""
    named = os.environ.get("OPENAI_BASE_URL", "").strip()
    if not _is_openai(url) and (key := os.environ.get("LLMAPPS_API_KEY", "").strip()):
        return "LLMAPPS_API_KEY", key
    if _is_openai(url) or (named and origin(named) == origin(url)):
        return "OPENAI_API_KEY", os.environ.get("OPENAI_API_KEY", "").strip()
    return "LLMAPPS_API_KEY", ""


def _is_openai(url: str) -> bool:
    """Whether it is OpenAI's own server, also a regional one such as eu.api.openai.com, and not in plain text."""
    scheme, host, port = origin(url)
    return (scheme, port) == ("https", 443) and f".{host}".endswith(".api.openai.com")


def _translate(error: Exception, partial_text: str, *, endpoint: Endpoint) -> ProviderError:
    """The failure, with what a person can do about it at a server of this kind."""
    failure = translate(error, endpoint, partial_text=partial_text)
    say = partial(provider_error, endpoint=endpoint, cause=failure.__cause__, partial_text=partial_text)
    status = getattr(error, "status_code", None)
    if failure.kind == "unreachable" and status is None and is_loopback(endpoint.where):
        return say(f"No server answers at {endpoint.where}.", "unreachable", hint="Start it, or correct the base URL.")
    if failure.kind == "unreachable" and status is not None:
        return say(
            f"What answers at {endpoint.where} has no chat completions or embeddings ({status}).",
            "malformed",
            hint="Correct the base URL; it usually ends in /v1.",
        )
    if failure.kind == "auth" and endpoint.key_name == "LLMAPPS_API_KEY" and not os.environ.get("LLMAPPS_API_KEY"):
        return say(
            f"The server at {endpoint.where} asks for a key ({status}).",
            "auth",
            hint="Set LLMAPPS_API_KEY; OPENAI_API_KEY goes only to OpenAI and to the server in OPENAI_BASE_URL.",
        )
    return failure
