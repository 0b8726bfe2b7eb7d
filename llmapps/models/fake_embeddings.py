"""Embeddings without a model: `fake:hashed`, a bag of hashed words. Texts that share words are near each other."""

from __future__ import annotations

import hashlib
import math
import re
from typing import TYPE_CHECKING

from langchain_core.embeddings import Embeddings

from llmapps.errors import ModelSpecError
from llmapps.models.fake_grounded import EMPTY_WORDS

if TYPE_CHECKING:
    from llmapps.models.providers import ModelOptions

DIMENSIONS = 1024
_WORD = re.compile(r"\w+")


def open_embeddings(name: str, options: ModelOptions) -> HashedEmbeddings:
    """The embedding model `fake:hashed`.

    Raises:
        ModelSpecError: any other name.
    """
    if name != "hashed":
        raise ModelSpecError(f'There is no fake embedding model "{name}". There is one: fake:hashed.')
    return HashedEmbeddings()


class HashedEmbeddings(Embeddings):
    """Each telling word adds 1 or -1 to one of 1024 numbers, both by its hash (Weinberger et al., 2009); unit rows.

    The same on every machine and in every run; a text without words is the first axis.

    Attributes:
        identity: names all that decides what the vectors are.
    """

    identity = f"fake:hashed|{DIMENSIONS}"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Unit vectors in the order of the texts."""
        return [_vector(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """The unit vector of a question; the same as a document's."""
        return _vector(text)


def _vector(text: str) -> list[float]:
    values = [0.0] * DIMENSIONS
    for word in _WORD.findall(text.lower()):
        if word in EMPTY_WORDS:
            continue
        digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
        values[int.from_bytes(digest[:4], "big") % DIMENSIONS] += 1.0 if digest[4] & 1 else -1.0
    if not any(values):
        values[0] = 1.0
    norm = math.sqrt(sum(value * value for value in values))
    return [value / norm for value in values]
