"""Any LangChain embeddings, as the index needs them: arrays of unit rows, checked; an identity; a tokenizer.

Our own embeddings have `embed_array`, `identity` and `tokenizer_path` themselves. These functions ask for them, and do
without for embeddings that somebody else wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from llmapps.errors import ProviderError

if TYPE_CHECKING:
    import numpy as np
    from langchain_core.embeddings import Embeddings
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

Kind = Literal["document", "query"]
"""What a text is: many models were trained with another prefix for questions than for documents."""

BATCH = 32
"""Texts that other people's embeddings are given at once, so that progress shows and Ctrl-C is heard (choice)."""


def embed_array(
    embeddings: Embeddings,
    texts: Sequence[str],
    *,
    kind: Kind = "document",
    on_batch: Callable[[int], None] | None = None,
) -> Vectors:
    """The texts' vectors, (n, d) float32, unit rows, in the order of the texts.

    Args:
        embeddings: any of LangChain's.
        texts: what to embed; none gives an array of no rows.
        kind: whether they are documents or questions.
        on_batch: told, again and again, how many more texts are embedded.

    Raises:
        ProviderError: the model failed; or it gave something that is not one vector for each text, all of one length,
            finite and not zero (kind "malformed").
    """
    texts = [text.encode(errors="replace").decode() for text in texts]  # halves of characters, from broken model output
    native = getattr(embeddings, "embed_array", None)
    if native is not None:
        return native(texts, kind=kind, on_batch=on_batch)  # type: ignore[no-any-return]
    import numpy as np  # here, not above: `llmapps --help` does without it

    arrays: list[Vectors] = []
    for count, vectors in _batches(embeddings, list(texts), kind):
        array = _checked(vectors, count, identity_of(embeddings))
        if arrays and array.shape[1] != arrays[0].shape[1]:
            raise _malformed(f"vectors of length {arrays[0].shape[1]} and {array.shape[1]}", identity_of(embeddings))
        arrays.append(array)
        if on_batch:
            on_batch(count)
    return np.concatenate(arrays) if arrays else np.zeros((0, 0), np.float32)


def identity_of(embeddings: Embeddings) -> str:
    """A text that names all that decides the vectors: those of two identities must never be compared.

    The attribute `identity`, else what can be known from outside: the class, and its field for the model's name.
    """
    if identity := getattr(embeddings, "identity", None):
        return str(identity)
    kind = type(embeddings)
    name = next((str(value) for field in _NAME_FIELDS if (value := getattr(embeddings, field, None))), "")
    return f"{kind.__module__}.{kind.__qualname__}:{name}".rstrip(":")


_NAME_FIELDS = ("model_name", "model", "model_id", "repo_id")


def tokenizer_path(embeddings: Embeddings) -> Path | None:
    """The model's `tokenizer.json`, so that chunks are measured in its own tokens; None where it is not known."""
    return getattr(embeddings, "tokenizer_path", None)


def _batches(embeddings: Embeddings, texts: list[str], kind: Kind) -> Iterator[tuple[int, Any]]:
    """How many texts were given, and the vectors that came back; LangChain embeds questions one by one."""
    if kind == "query":
        for text in texts:
            yield 1, [embeddings.embed_query(text)]
        return
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        yield len(batch), embeddings.embed_documents(batch)


def _checked(vectors: Any, count: int, identity: str) -> Vectors:
    """The vectors as unit rows, if there are so many and each can be one."""
    import numpy as np

    if len(vectors) != count:
        raise _malformed(f"{len(vectors)} vectors for {count} texts", identity)
    lengths = sorted({len(vector) for vector in vectors})
    if len(lengths) != 1 or not lengths[0]:
        raise _malformed(f"vectors of length {' and '.join(map(str, lengths))}", identity)
    array = np.asarray(vectors, dtype=np.float64)
    norms = np.linalg.norm(array, axis=1, keepdims=True)
    if not (np.isfinite(norms).all() and norms.all()):
        raise _malformed("a vector that is zero or not finite", identity)
    unit: Vectors = (array / norms).astype(np.float32)
    return unit


def _malformed(what: str, identity: str) -> ProviderError:
    return ProviderError(
        f"The embedding model {identity} gave {what}.",
        kind="malformed",
        provider=identity.partition(":")[0],
        model=identity.partition(":")[2],
        hint="Choose another embedding model, or correct what answers under that name.",
    )
