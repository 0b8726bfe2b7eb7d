"""The table of providers: one row each, and the two functions that turn a model spec into a model.

A row names its factories as "module:function"; the module is imported when the first model of the provider is opened,
so that the table itself costs nothing. A new provider is one row and one file.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

from llmapps.errors import ModelSpecError, did_you_mean
from llmapps.models.spec import ModelSpec
from llmapps.settings import load_settings

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel

    from llmapps.models.downloads.progress import DownloadProgress


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """How a model is to be opened and called; a provider takes from it what it knows.

    Attributes:
        base_url: address of an OpenAI-compatible or Ollama server.
        max_tokens: the longest answer, in tokens.
        context_tokens: prompt and answer together, in tokens.
        timeout_s: for a whole call, from the request to the last word.
        threads: of the embedded engine; 0 means as many as there are cores.
        gpu_layers: of the embedded engine's model that go to a GPU; -1 means all.
        offline: refuse every host but this machine.
        download: watches the weights being fetched, where they are not here yet.
    """

    base_url: str | None = None
    temperature: float = 0.0
    max_tokens: int = 400
    context_tokens: int = 4096
    timeout_s: float = 300.0
    threads: int = 0
    gpu_layers: int = 0
    offline: bool = False
    download: DownloadProgress | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """One row of the table.

    Attributes:
        name: the part of a model spec before the colon.
        example: a model spec.
        chat, embeddings: the factory as "module:function", called with the model's name and `ModelOptions`; None if the
            provider has no such models.
        package: what `pip install` takes, if the provider does not come with llmapps.
    """

    name: str
    example: str
    chat: str | None = None
    embeddings: str | None = None
    package: str = ""


PROVIDERS: dict[str, Provider] = {
    row.name: row
    for row in (
        Provider("llamacpp", "llamacpp:qwen2.5-coder-1.5b", chat="llmapps.models.llamacpp:open_chat"),
        Provider("onnx", "onnx:all-minilm-l6-v2", embeddings="llmapps.models.onnx:OnnxEmbeddings.open"),
        Provider(
            "ollama",
            "ollama:llama3.2",
            chat="llmapps.models.ollama:open_chat",
            embeddings="llmapps.models.ollama:open_embeddings",
        ),
        Provider(
            "openai",
            "openai:gpt-5-mini",
            chat="llmapps.models.openai_compatible:open_chat",
            embeddings="llmapps.models.openai_compatible:open_embeddings",
        ),
        Provider(
            "sentence-transformers",
            "sentence-transformers:all-MiniLM-L6-v2",
            embeddings="llmapps.models.sentence_transformers:open_embeddings",
            package="sentence-transformers",
        ),
        Provider(
            "fake",
            "fake:echo",
            chat="llmapps.models.fake:open_chat",
            embeddings="llmapps.models.fake_embeddings:open_embeddings",
        ),
    )
}
"""By name, in the order in which they are listed. Others that LangChain knows are in `langchain_provider.PACKAGES`."""


def chat_model(spec: str | ModelSpec, **options: Any) -> BaseChatModel:
    """The chat model that a spec such as "ollama:llama3.2" names.

    Fetches the weights of an embedded model the first time; otherwise opens nothing until the first call.

    Args:
        spec: "provider:name".
        options: fields of `ModelOptions`; where `offline` is not given, the settings decide.

    Raises:
        ModelSpecError: no such provider or model, or the provider has no chat models.
        MissingPackageError: the provider's package is not installed.
        WeightsError: the weights are not here and cannot be fetched.
        ProviderError: there is no key; or offline, and the provider is another host.
        TypeError: no such option.
    """
    return cast("BaseChatModel", _opened(spec, "chat", options))


def embedding_model(spec: str | ModelSpec, **options: Any) -> Embeddings:
    """The embedding model that a spec such as "onnx:all-minilm-l6-v2" names; it has an attribute `identity: str`.

    Args and Raises: as `chat_model`.
    """
    return cast("Embeddings", _opened(spec, "embeddings", options))


def _opened(spec: str | ModelSpec, kind: str, given: dict[str, Any]) -> Any:
    spec = ModelSpec.parse(spec) if isinstance(spec, str) else spec
    if "offline" not in given:
        given["offline"] = load_settings().values.offline
    options = ModelOptions(**given)
    row = PROVIDERS.get(spec.provider)
    if row is None:
        return _opened_by_langchain(spec, kind, options)
    factory = row.chat if kind == "chat" else row.embeddings
    if factory is None:
        raise ModelSpecError(_wrong_kind(spec, kind))
    module, _, function = factory.partition(":")
    return attrgetter(function)(import_module(module))(spec.name, options)


def _opened_by_langchain(spec: ModelSpec, kind: str, options: ModelOptions) -> Any:
    """A model of a provider that is in LangChain's table and not in ours."""
    from llmapps.models import langchain_provider  # noqa: PLC0415 - a row of our table does without it

    if spec.provider not in langchain_provider.PACKAGES:
        raise ModelSpecError(_unknown(spec, list(langchain_provider.PACKAGES)))
    opened = langchain_provider.open_chat if kind == "chat" else langchain_provider.open_embeddings
    return opened(spec.provider, spec.name, options)


def _unknown(spec: ModelSpec, others: list[str]) -> str:
    hint = did_you_mean(spec.provider, [*PROVIDERS, *others])
    more = "" if hint else f"; or, each with a package of its own: {', '.join(others)}"
    said = f'There is no provider "{spec.provider}" (in "{spec}").'
    return " ".join(filter(None, (said, hint, f"Choose one of: {', '.join(PROVIDERS)}{more}.")))


def _wrong_kind(spec: ModelSpec, kind: str) -> str:
    wanted, other = ("chat", "embedding") if kind == "chat" else ("embedding", "chat")
    examples = [row.example for row in PROVIDERS.values() if (row.chat if kind == "chat" else row.embeddings)]
    return (
        f'"{spec}" cannot be used as {"a" if wanted == "chat" else "an"} {wanted} model: '
        f"{spec.provider} has only {other} models. Choose one such as {', '.join(examples)}."
    )
