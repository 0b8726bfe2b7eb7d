"""Every other provider that LangChain's `init_chat_model` knows: anthropic, google_genai, mistralai, groq, ...

Each lives in a package of its own that the user installs. The table here repeats LangChain's own, so that listing and
checking names loads nothing; a test holds the two together.

The setting `base_url` is not passed on: it may come from the file of a project that somebody else wrote, and would lead
the provider's key there. Who needs another address sets the package's own variable, such as `ANTHROPIC_BASE_URL`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from llmapps.errors import LlmappsError, MissingPackageError, ModelSpecError, ProviderError
from llmapps.models.failures import LOCAL_MODEL, Endpoint, detail_of, no_key, provider_error, translate
from llmapps.models.redaction import redact

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel

    from llmapps.models.providers import ModelOptions


@dataclass(frozen=True, slots=True)
class Package:
    """Where a provider's classes are, and which environment variables may hold its key.

    Attributes:
        module: the module of the chat model; its first part, with hyphens, is what pip installs.
        chat: the class of the chat model.
        embeddings: whether LangChain's `init_embeddings` knows the provider too.
        keys: any one of them is enough; none: the provider finds its credentials in another way.
    """

    module: str
    chat: str
    keys: tuple[str, ...] = ()
    embeddings: bool = False

    @property
    def pip_name(self) -> str:
        """What `pip install` takes."""
        return self.module.partition(".")[0].replace("_", "-")


PACKAGES: dict[str, Package] = {
    "anthropic": Package("langchain_anthropic", "ChatAnthropic", ("ANTHROPIC_API_KEY",)),
    "anthropic_bedrock": Package("langchain_aws", "ChatAnthropicBedrock"),
    "azure_ai": Package("langchain_azure_ai.chat_models", "AzureAIOpenAIApiChatModel", embeddings=True),
    "azure_openai": Package(
        "langchain_openai", "AzureChatOpenAI", ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN"), embeddings=True
    ),
    "baseten": Package("langchain_baseten", "ChatBaseten", ("BASETEN_API_KEY",)),
    "bedrock": Package("langchain_aws", "ChatBedrock", embeddings=True),
    "bedrock_converse": Package("langchain_aws", "ChatBedrockConverse"),
    "bedrock_mantle_anthropic": Package("langchain_aws", "ChatAnthropicMantle"),
    "bedrock_mantle_openai": Package("langchain_aws", "ChatOpenAIMantle"),
    "cohere": Package("langchain_cohere", "ChatCohere", ("COHERE_API_KEY", "CO_API_KEY"), embeddings=True),
    "deepseek": Package("langchain_deepseek", "ChatDeepSeek", ("DEEPSEEK_API_KEY",)),
    "fireworks": Package("langchain_fireworks", "ChatFireworks", ("FIREWORKS_API_KEY",)),
    "google_anthropic_vertex": Package("langchain_google_vertexai.model_garden", "ChatAnthropicVertex"),
    "google_genai": Package(
        "langchain_google_genai", "ChatGoogleGenerativeAI", ("GOOGLE_API_KEY", "GEMINI_API_KEY"), embeddings=True
    ),
    "google_vertexai": Package("langchain_google_vertexai", "ChatVertexAI", embeddings=True),
    "groq": Package("langchain_groq", "ChatGroq", ("GROQ_API_KEY",)),
    "huggingface": Package("langchain_huggingface", "ChatHuggingFace", embeddings=True),
    "ibm": Package("langchain_ibm", "ChatWatsonx", ("WATSONX_APIKEY", "WATSONX_API_KEY", "WATSONX_TOKEN")),
    "langsmith": Package("langchain_openai", "ChatOpenAI", ("LANGSMITH_GATEWAY_API_KEY", "LANGSMITH_API_KEY")),
    "litellm": Package("langchain_litellm", "ChatLiteLLM"),
    "meta": Package("langchain_meta", "ChatMetaModel"),
    "mistralai": Package("langchain_mistralai", "ChatMistralAI", ("MISTRAL_API_KEY",), embeddings=True),
    "nvidia": Package("langchain_nvidia_ai_endpoints", "ChatNVIDIA", ("NVIDIA_API_KEY",)),
    "openrouter": Package("langchain_openrouter", "ChatOpenRouter", ("OPENROUTER_API_KEY",)),
    "perplexity": Package("langchain_perplexity", "ChatPerplexity", ("PPLX_API_KEY", "PERPLEXITY_API_KEY")),
    "together": Package("langchain_together", "ChatTogether", ("TOGETHER_API_KEY",)),
    "upstage": Package("langchain_upstage", "ChatUpstage", ("UPSTAGE_API_KEY",)),
    "xai": Package("langchain_xai", "ChatXAI", ("XAI_API_KEY",)),
}
"""By LangChain's name of the provider; "ollama" and "openai" are ours."""

_RETRIES = 2
_KEY = re.compile(r"api[ _-]?key|token|credential", re.IGNORECASE)


def known_providers() -> tuple[str, ...]:
    """The names that `open_chat` takes; nothing is loaded to tell."""
    return tuple(PACKAGES)


def open_chat(provider: str, name: str, options: ModelOptions) -> BaseChatModel:
    """The chat model `PROVIDER:NAME`, made by LangChain's `init_chat_model`.

    Raises:
        MissingPackageError: the provider's package is not installed; the message holds the pip line.
        ModelSpecError: LangChain knows no such provider.
        ProviderError: no key; offline; the package refuses the model; later, of each call that fails.
    """
    package = _require_ready(provider, name, options)
    from langchain.chat_models import init_chat_model

    from llmapps.models.remote_chat import remote_chat  # noqa: PLC0415

    endpoint = _endpoint(provider, name, package, options)
    try:
        inner = init_chat_model(name, model_provider=provider, **_accepted_options(package, options))
    except Exception as error:  # noqa: BLE001 - each package refuses in its own way
        failure = _refused(error, endpoint)
    else:
        return remote_chat(inner, endpoint, partial(_translate, endpoint=endpoint))
    raise failure


def open_embeddings(provider: str, name: str, options: ModelOptions) -> Embeddings:
    """The embedding model `PROVIDER:NAME`, made by LangChain's `init_embeddings`, with its own prefixes.

    Raises:
        ModelSpecError: the provider has no embeddings in LangChain.
        MissingPackageError, ProviderError: as `open_chat`.
    """
    package = _require_ready(provider, name, options)
    if not package.embeddings:
        having = ", ".join(known for known, entry in PACKAGES.items() if entry.embeddings)
        raise ModelSpecError(
            f"{provider} has no embedding models in LangChain. Use onnx:all-minilm-l6-v2, or one of: {having}."
        )
    from langchain.embeddings import init_embeddings

    from llmapps.models.prefixes import prefixes_for  # noqa: PLC0415
    from llmapps.models.remote_embeddings import RemoteEmbeddings  # noqa: PLC0415

    endpoint = _endpoint(provider, name, package, options)
    try:
        inner = init_embeddings(name, provider=provider)
    except Exception as error:  # noqa: BLE001
        failure = _refused(error, endpoint)
    else:
        return RemoteEmbeddings(inner, endpoint, prefixes_for(name), partial(_translate, endpoint=endpoint))
    raise failure


def _require_ready(provider: str, name: str, options: ModelOptions) -> Package:
    """The provider's entry, if its package and a key are there and it may be contacted."""
    package = PACKAGES.get(provider)
    if package is None:
        raise ModelSpecError(
            f'There is no provider "{provider}". The others that LangChain knows: {", ".join(PACKAGES)}.'
        )
    if find_spec(package.module.partition(".")[0]) is None:
        raise MissingPackageError(
            f"{provider}: models need the package {package.pip_name}, which is not installed. "
            f"Install it with `pip install {package.pip_name}`."
        )
    if options.offline:
        raise ProviderError(
            f"{provider}:{name} is on another host, and LLMAPPS_OFFLINE forbids every host but this machine.",
            kind="unreachable",
            provider=provider,
            model=name,
            hint=f"Use a local model such as {LOCAL_MODEL}, or unset LLMAPPS_OFFLINE.",
        )
    if package.keys and not any(os.environ.get(key) for key in package.keys):
        raise no_key(provider, name, package.keys)
    return package


def _endpoint(provider: str, name: str, package: Package, options: ModelOptions) -> Endpoint:
    return Endpoint(provider, name, key_name=" or ".join(package.keys), timeout_s=options.timeout_s)


def _accepted_options(package: Package, options: ModelOptions) -> dict[str, Any]:
    """Those of our options that the package's class has: they differ, and most raise at one that they do not know."""
    fields = getattr(import_module(package.module), package.chat).model_fields
    known = set(fields) | {field.alias for field in fields.values() if field.alias}
    wanted = {
        "temperature": options.temperature,
        "max_tokens": options.max_tokens,
        # Packages count their time limit anew for each repeat: together they stay within the one that was asked for.
        "timeout": options.timeout_s / (_RETRIES + 1),
        "max_retries": _RETRIES,
    }
    return {option: value for option, value in wanted.items() if option in known}


def _refused(error: Exception, endpoint: Endpoint) -> LlmappsError:
    """What the package says against the model before anything was sent: mostly a key or a name that it misses."""
    from pydantic import ValidationError  # noqa: PLC0415 - a listing of names does without it

    package = PACKAGES[endpoint.provider].pip_name
    if isinstance(error, ImportError):
        return MissingPackageError(
            f"{endpoint.provider}: the package {package} cannot be loaded: {error}. "
            f"Repair it with `pip install --upgrade {package}`."
        )
    detail = detail_of(error)
    if isinstance(error, ValidationError):
        detail = redact("; ".join(finding["msg"].removeprefix("Value error, ") for finding in error.errors()))
    return provider_error(
        f"{endpoint.spec} cannot be opened: {detail.rstrip('. ')}.",
        "auth" if _KEY.search(detail) else "bad_request",
        endpoint,
        hint=f"Set what it names; the documentation of {package} says more.",
        cause=error,
    )


def _translate(error: Exception, partial_text: str, *, endpoint: Endpoint) -> ProviderError:
    return translate(error, endpoint, partial_text=partial_text)
