"""Embeddings around a provider's embeddings: prefixes, checked unit vectors, our errors, an identity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from langchain_core.embeddings import Embeddings

from llmapps.errors import LlmappsError
from llmapps.models.embedding import embed_array
from llmapps.models.failures import Endpoint
from llmapps.models.prefixes import Prefixes

if TYPE_CHECKING:
    from llmapps.models.embedding import Kind, Vectors


class TranslatingEmbeddings(Embeddings):
    """The same embeddings, but every failure is one of our errors."""

    def __init__(self, inner: Embeddings, identity: str, translator: Callable[[Exception, str], LlmappsError]) -> None:
        self.inner = inner
        self.identity = identity
        self.translator = translator

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """What the provider answers. The error is raised outside the handler, so that it does not hold the original."""
        try:
            return self.inner.embed_documents(texts)
        except Exception as error:  # noqa: BLE001 - packages raise anything; all of it is translated
            failure = error if isinstance(error, LlmappsError) else self.translator(error, "")
        raise failure

    def embed_query(self, text: str) -> list[float]:
        """As `embed_documents`, for one text."""
        return self.embed_documents([text])[0]


class RemoteEmbeddings(Embeddings):
    """Embeddings of a remote provider, as the index needs them; see `embedding.py`.

    Attributes:
        identity: names all that decides what the vectors are; those of another identity are not comparable.
        prefixes: what the model was trained to see before a text.
    """

    def __init__(
        self,
        inner: Embeddings,
        endpoint: Endpoint,
        prefixes: Prefixes,
        translator: Callable[[Exception, str], LlmappsError],
    ) -> None:
        self.prefixes = prefixes
        self.identity = f"{endpoint.spec}|query={prefixes.query!r}|document={prefixes.document!r}"
        self.inner = TranslatingEmbeddings(inner, self.identity, translator)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.identity!r})"

    def embed_array(
        self, texts: Sequence[str], *, kind: Kind = "document", on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        """The vectors, (n, d) float32, unit rows, in the order of the texts; one request for each batch of them.

        Raises:
            ProviderError: the provider failed, or gave something that is not one usable vector for each text.
        """
        prefix = self.prefixes.query if kind == "query" else self.prefixes.document
        return embed_array(self.inner, [prefix + text for text in texts], on_batch=on_batch)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """As `embed_array`, in lists."""
        return cast("list[list[float]]", self.embed_array(texts).tolist())

    def embed_query(self, text: str) -> list[float]:
        """The unit vector of a question."""
        return cast("list[float]", self.embed_array([text], kind="query")[0].tolist())
