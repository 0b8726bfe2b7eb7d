"""Models: one string, "provider:name", becomes a LangChain chat model or embedding model.

    from llmapps.models import chat_model, embedding_model

    model = chat_model("ollama:llama3.2", temperature=0.2)
    print(model.invoke("What is attention?").text)

What comes out is LangChain's `BaseChatModel` and `Embeddings`, so it fits into anything made with LangChain. Read
`providers.py` first: the table of providers. Then one provider: `llamacpp.py` (the embedded engine, a child process,
see `engine.py`), `fake.py` (scripted, deterministic, for tests and exercises) or `ollama.py`. What a stream must hold
to count as an answer is `complete_stream.py`; where weights come from, `weights.py`.

Importing this package loads nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmapps.models.providers import ModelOptions, chat_model, embedding_model
    from llmapps.models.spec import ModelSpec

__all__ = ["ModelOptions", "ModelSpec", "chat_model", "embedding_model"]

_MODULE_OF = {
    "ModelOptions": "llmapps.models.providers",
    "ModelSpec": "llmapps.models.spec",
    "chat_model": "llmapps.models.providers",
    "embedding_model": "llmapps.models.providers",
}


def __getattr__(name: str) -> Any:
    """The exported name, loaded from its module at first use (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'llmapps.models' has no attribute '{name}'")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
