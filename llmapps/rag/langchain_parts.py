"""The search of a `Rag` as parts of LangChain: a retriever and a tool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import BaseTool, StructuredTool

if TYPE_CHECKING:
    from langchain_core.callbacks import CallbackManagerForRetrieverRun

    from llmapps.rag.rag import Rag


class NotesRetriever(BaseRetriever):
    """Hits as LangChain documents; `metadata` holds document, place, score, start and end."""

    rag: Any
    top: int | None = None

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        hits = [hit.to_dict() for hit in self.rag.search(query, self.top)]
        return [Document(page_content=hit.pop("text"), metadata=hit) for hit in hits]


def search_tool(rag: Rag) -> BaseTool:
    """A tool `search_notes(question)` that gives an agent the hits as numbered text."""

    def search_notes(question: str) -> str:
        """Search the course notes. Returns numbered texts, each with its file and place."""
        return "\n\n".join(f"{hit}\n{hit.text}" for hit in rag.search(question))

    return StructuredTool.from_function(search_notes)
