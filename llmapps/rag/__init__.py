"""RAG: documents in, evidence-checked answers out.

    documents --load--> text with places --split--> chunks --embed--> index             (`Rag.sync`, `llmapps index`)
    question --search--> hits --prompt--> model --sentences--> evidence --> Answer      (`Rag.ask`, `llmapps ask`)

It reads the content folder `rag/` (notes and `course.toml`) of the project or the built-in one. Read `rag` first, the
façade; then `documents` and `loading`, `splitting`, `index`, `search`, and `answering`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmapps.rag.chat import Chat
    from llmapps.rag.rag import Rag

__all__ = ["Chat", "Rag"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from importlib import import_module  # noqa: PLC0415 - the façade is loaded when it is used

        return getattr(import_module("llmapps.rag.rag"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
