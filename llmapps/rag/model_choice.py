"""The models that the settings choose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapps.models import chat_model, embedding_model
from llmapps.settings import Settings

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel


def open_chat_model(settings: Settings, download: Any = None) -> BaseChatModel:
    """The chat model; `download` is told about weights that are fetched."""
    return chat_model(
        settings.model,
        base_url=settings.base_url,
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        context_tokens=settings.context_tokens,
        timeout_s=settings.timeout_s,
        threads=settings.threads,
        gpu_layers=settings.gpu_layers,
        offline=settings.offline,
        download=download,
    )


def open_embeddings(settings: Settings, download: Any = None) -> Embeddings:
    """The embedding model; `download` is told about weights that are fetched."""
    return embedding_model(
        settings.embedding,
        base_url=settings.base_url,
        threads=settings.threads,
        offline=settings.offline,
        download=download,
    )
