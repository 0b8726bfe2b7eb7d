"""llmapps: course notes in, answers with every sentence checked against the notes out.

    from llmapps import Rag

    rag = Rag.open("my-notes/")
    print(rag.ask("What is the difference between RAG and fine-tuning?"))

Layers, each importing only from those below it: `cli` is the command, `rag` answers from documents, `prompts` and
`models` are what it is made of. Start to read at `llmapps/rag/__init__.py`.

The names below are loaded when they are first used, so that `import llmapps` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmapps.errors import LlmappsError
    from llmapps.models import chat_model, embedding_model
    from llmapps.models.spec import ModelSpec
    from llmapps.rag import Rag
    from llmapps.settings import Settings
    from llmapps.types import Answer, Evidence, Hit, Place, Sentence

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "Evidence",
    "Hit",
    "LlmappsError",
    "ModelSpec",
    "Place",
    "Rag",
    "Sentence",
    "Settings",
    "__version__",
    "chat_model",
    "embedding_model",
]

_MODULE_OF = {
    "Answer": "llmapps.types",
    "Evidence": "llmapps.types",
    "Hit": "llmapps.types",
    "LlmappsError": "llmapps.errors",
    "ModelSpec": "llmapps.models.spec",
    "Place": "llmapps.types",
    "Rag": "llmapps.rag",
    "Sentence": "llmapps.types",
    "Settings": "llmapps.settings",
    "chat_model": "llmapps.models",
    "embedding_model": "llmapps.models",
}


def __getattr__(name: str) -> Any:
    """The exported name, loaded from its module at first use (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'llmapps' has no attribute '{name}'")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
