"""The provider "ollama": chat and embedding models of an Ollama server, by langchain-ollama.

The server is found as Ollama's own tools find it (`OLLAMA_HOST`), unless a base URL is given. Nothing is contacted
before the first call. `num_ctx` is always sent: without it the server takes its own small context and cuts a longer
prompt without a word.
"""

from __future__ import annotations

import difflib
import os
import re
import ssl
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import httpx
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_ollama import ChatOllama, OllamaEmbeddings

from llmapps.errors import ProviderError
from llmapps.models.addresses import is_loopback, ollama_address, origin, require_allowed, shown
from llmapps.models.failures import Endpoint, provider_error, translate
from llmapps.models.inert_messages import inert_messages
from llmapps.models.prefixes import prefixes_for
from llmapps.models.remote_chat import remote_chat
from llmapps.models.remote_embeddings import RemoteEmbeddings

if TYPE_CHECKING:
    from llmapps.models.providers import ModelOptions

CONNECT_S = 5.0
_LISTING_S = 2.0
_NAMES_SHOWN = 8
_UNKNOWN_MODEL = re.compile(r"\bmodel\b.*\bnot found\b", re.IGNORECASE | re.DOTALL)


def open_chat(name: str, options: ModelOptions) -> BaseChatModel:
    """The chat model `ollama:NAME`.

    Raises:
        SettingsError: the base URL or `OLLAMA_HOST` is no address.
        ProviderError: offline, and the server is another machine; later, of each call that fails.
    """
    url, endpoint = _endpoint(name, options)
    inner = InertChatOllama(
        model=name,
        base_url=url,
        num_ctx=options.context_tokens,
        num_predict=options.max_tokens,
        temperature=options.temperature,
        client_kwargs=_client_options(url, options.timeout_s),
    )
    return remote_chat(inner, endpoint, partial(_translate, url=url, endpoint=endpoint))


class InertChatOllama(ChatOllama):
    """ChatOllama whose messages hold no control tokens: the server would obey those of a note."""

    def _convert_messages_to_ollama_messages(self, messages: list[BaseMessage]) -> Any:
        return inert_messages(cast("list[dict[str, Any]]", super()._convert_messages_to_ollama_messages(messages)))


def open_embeddings(name: str, options: ModelOptions) -> Embeddings:
    """The embedding model `ollama:NAME`, with the prefixes that it was trained with.

    Raises:
        SettingsError, ProviderError: as `open_chat`.
    """
    url, endpoint = _endpoint(name, options)
    inner = OllamaEmbeddings(model=name, base_url=url, client_kwargs=_client_options(url, options.timeout_s))
    return RemoteEmbeddings(inner, endpoint, prefixes_for(name), partial(_translate, url=url, endpoint=endpoint))


def _endpoint(name: str, options: ModelOptions) -> tuple[str, Endpoint]:
    url = ollama_address(options.base_url or os.environ.get("OLLAMA_HOST"))
    require_allowed(url, offline=options.offline, provider="ollama", model=name)
    return url, Endpoint("ollama", name, where=shown(url), timeout_s=options.timeout_s)


def _client_options(url: str, timeout_s: float) -> dict[str, Any]:
    """How httpx talks to the server; the client's own default is to wait for ever."""
    options: dict[str, Any] = {"timeout": httpx.Timeout(timeout_s, connect=CONNECT_S)}
    if is_loopback(url):
        # A proxy of the environment cannot reach this machine's loopback. An idle connection would outlive a restart of
        # the server, and the event loop it was opened in.
        options |= {"trust_env": False, "limits": httpx.Limits(max_keepalive_connections=0)}
    elif origin(url) not in _trusted_with_key():
        options["auth"] = _without_key
    if url.startswith("http://"):
        options["verify"] = ssl.SSLContext(
            ssl.PROTOCOL_TLS_CLIENT
        )  # trusts nobody: saves loading certificates for nothing
    return options


def _trusted_with_key() -> set[tuple[str, str, int]]:
    """Where the ollama package may send `OLLAMA_API_KEY`, which it would send to any address."""
    return {origin("https://ollama.com"), origin(ollama_address(os.environ.get("OLLAMA_HOST")))}


def _without_key(request: httpx.Request) -> httpx.Request:
    if request.headers.get("authorization", "").startswith("Bearer "):
        del request.headers["authorization"]
    return request


def _translate(error: Exception, partial_text: str, *, url: str, endpoint: Endpoint) -> ProviderError:
    """The failure in Ollama's terms: what to start, what to pull."""
    failure = translate(error, endpoint, partial_text=partial_text)
    say = partial(provider_error, endpoint=endpoint, cause=failure.__cause__, partial_text=partial_text)
    status = getattr(error, "status_code", None)
    if failure.kind == "unreachable" and status is None and is_loopback(url):
        return say(
            f"Ollama is not running at {endpoint.where}.",
            "unreachable",
            hint="Start it with `ollama serve` (or open the Ollama app), or choose another model.",
        )
    if status is not None and (
        failure.kind == "unreachable" or (status == 404 and not _UNKNOWN_MODEL.search(str(error)))
    ):
        return say(
            f"What answers at {endpoint.where} is not Ollama ({status}).",
            "malformed",
            hint="Correct OLLAMA_HOST or the base URL; it has no path such as /v1.",
        )
    if failure.kind == "model_not_found":
        return say(
            f'Ollama has no model "{endpoint.model}".', "model_not_found", hint=_pull_hint(endpoint.model, _names(url))
        )
    if "does not support tools" in str(error):
        return say(
            f"{endpoint.spec} cannot call tools.",
            "bad_request",
            hint="Choose a model whose page at ollama.com says so.",
        )
    return failure


def _pull_hint(model: str, names: list[str]) -> str:
    """What to do about an unknown model; what the server has, the nearest name first."""
    if not names:
        return f"Pull it with `ollama pull {model}`."
    near = difflib.get_close_matches(model, names, n=_NAMES_SHOWN, cutoff=0.4)
    ordered = near + [name for name in names if name not in near]
    more = ", ..." if len(ordered) > _NAMES_SHOWN else ""
    return f"Pull it with `ollama pull {model}`; it has: {', '.join(ordered[:_NAMES_SHOWN])}{more}."


def _names(url: str) -> list[str]:
    """The models that the server has, or none if it does not say so within two seconds."""
    options = _client_options(url, _LISTING_S) | {"timeout": _LISTING_S}
    try:
        with httpx.Client(base_url=url, **options) as client:
            listing = client.get("/api/tags").json()
        return [str(model["name"]) for model in listing["models"]]
    except (httpx.HTTPError, ValueError, LookupError, TypeError):
        return []
