"""What stands between a provider's chat model and the user: translated failures, and no half answers."""

from __future__ import annotations

from collections.abc import Callable

from langchain_core.language_models import BaseChatModel

from llmapps.errors import LlmappsError
from llmapps.models.complete_stream import CompleteStreamModel
from llmapps.models.failures import Endpoint
from llmapps.models.translating import TranslatingModel


def remote_chat(
    inner: BaseChatModel, endpoint: Endpoint, translator: Callable[[Exception, str], LlmappsError]
) -> CompleteStreamModel:
    """The model whose failures are translated, and whose answers are whole or an error."""
    translating = TranslatingModel(inner=inner, translator=translator, timeout_s=endpoint.timeout_s)
    return CompleteStreamModel(inner=translating, provider=endpoint.provider, model=endpoint.model)
