"""Embeddings around a provider's embeddings: prefixes, batches, unit vectors; every failure is a `ProviderError`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from langchain_core.embeddings import Embeddings

from llmapps.errors import LlmappsError
from llmapps.models.failures import Endpoint, provider_error
from llmapps.models.prefixes import Prefixes

BATCH = 64
"""Texts in one request: enough to keep a server busy, few enough for a time limit to mean something (choice)."""


class RemoteEmbeddings(Embeddings):
    """Embeddings of a remote provider, checked.

    Attributes:
        identity: names all that decides what the vectors are; those of another identity are not comparable.
    """

    def __init__(
        self,
        inner: Embeddings,
        endpoint: Endpoint,
        prefixes: Prefixes,
        translator: Callable[[Exception, str], LlmappsError],
    ) -> None:
        self.inner = inner
        self.endpoint = endpoint
        self.prefixes = prefixes
        self.translator = translator
        self.identity = f"{endpoint.spec}|query={prefixes.query!r}|document={prefixes.document!r}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.identity!r})"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Unit vectors in the order of the texts; one network request for each 64.

        Raises:
            ProviderError: the provider failed, or gave vectors that are none (their number, length or values).
        """
        return self._embedded([self.prefixes.document + text for text in texts])

    def embed_query(self, text: str) -> list[float]:
        """The unit vector of a question; one network request."""
        return self._embedded([self.prefixes.query + text])[0]

    def _embedded(self, texts: Sequence[str]) -> list[list[float]]:
        vectors: list[list[float]] = []
        for start in range(0, len(texts), BATCH):
            batch = list(texts[start : start + BATCH])
            vectors += self._checked(self._requested(batch), len(batch))
        return vectors

    def _requested(self, batch: list[str]) -> list[list[float]]:
        """What the provider answers. The error is raised outside the handler, so that it does not hold the original."""
        try:
            return self.inner.embed_documents(batch)
        except Exception as error:  # noqa: BLE001 - packages raise anything; all of it is translated
            failure = error if isinstance(error, LlmappsError) else self.translator(error, "")
        raise failure

    def _checked(self, vectors: list[list[float]], expected: int) -> list[list[float]]:
        """The vectors at unit length, if there is one of the same length for each text."""
        lengths = {len(vector) for vector in vectors}
        norms = [math.sqrt(math.fsum(x * x for x in vector)) for vector in vectors]
        if len(vectors) != expected or len(lengths) != 1 or not all(0 < norm < math.inf for norm in norms):
            raise provider_error(
                f"{self.endpoint.spec} gave vectors that cannot be used{self.endpoint.at}: {len(vectors)} for "
                f"{expected} texts, of length {' and '.join(map(str, sorted(lengths))) or 'none'}.",
                "malformed",
                self.endpoint,
                hint="Choose another embedding model, or check what answers at that address.",
            )
        return [[x / norm for x in vector] for vector, norm in zip(vectors, norms, strict=True)]
