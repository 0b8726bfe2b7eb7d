"""Embeddings by sentence-transformers: any model of that kind, on torch; an extra, for it brings gigabytes.

`sentence-transformers:all-MiniLM-L6-v2` is a name on the Hugging Face hub; a folder that holds a model works too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from llmapps.errors import MissingPackageError, ProviderError
from llmapps.models.embedding import Kind
from llmapps.models.prefixes import Prefixes, prefixes_for

if TYPE_CHECKING:
    from llmapps.models.providers import ModelOptions

PROVIDER = "sentence-transformers"
BATCH = 64
"""Texts between two reports of progress; sentence-transformers sorts them by length and makes its own batches of 32."""

_QUERY_PROMPTS = ("query",)
_DOCUMENT_PROMPTS = ("document", "passage", "corpus")
"""The names under which a model keeps its own prompts, as `encode_query` and `encode_document` look for them."""


class SentenceTransformersEmbeddings(Embeddings):
    """LangChain's embeddings around a loaded `SentenceTransformer`.

    Attributes:
        identity: names all that decides what the vectors are; those of another identity are not comparable.
        prefixes: the model's own prompts if it defines any, else those of `llmapps.models.prefixes`.
        tokenizer_path: the model's `tokenizer.json`; None if it has none.
        max_tokens: a text is cut after so many tokens; None where the model does not say.
    """

    def __init__(self, model: Any, name: str) -> None:
        self.prefixes = _own_prompts(model) or prefixes_for(name)
        self.max_tokens: int | None = model.max_seq_length
        self.tokenizer_path = _tokenizer_path(name)
        self.identity = (
            f"{PROVIDER}:{name}|{self.max_tokens} tokens"
            f"|query={self.prefixes.query!r}|document={self.prefixes.document!r}"
        )
        self._model = model

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.identity!r})"

    def embed_array(
        self, texts: Sequence[str], *, kind: Kind = "document", on_batch: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """The texts' vectors, (n, d) float32, unit rows, in the order of the texts.

        Args:
            texts: what to embed.
            kind: whether they are documents or questions.
            on_batch: told, again and again, how many more texts are embedded.
        """
        query = kind == "query"
        encode = self._model.encode_query if query else self._model.encode_document  # some models have a part for each
        prompt = self.prefixes.query if query else self.prefixes.document
        arrays = []
        for start in range(0, len(texts), BATCH):
            batch = list(texts[start : start + BATCH])
            # An empty prompt, not None: None would mean the model's default prompt.
            vectors = encode(batch, prompt=prompt, normalize_embeddings=True, show_progress_bar=False)
            arrays.append(np.asarray(vectors, np.float32))
            if on_batch:
                on_batch(len(batch))
        return np.concatenate(arrays) if arrays else np.zeros((0, 0), np.float32)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Unit vectors in the order of the texts."""
        vectors: list[list[float]] = self.embed_array(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """The unit vector of a question."""
        vector: list[float] = self.embed_array([text], kind="query")[0].tolist()
        return vector


def open_embeddings(name: str, options: ModelOptions) -> SentenceTransformersEmbeddings:
    """The model of that name on the hub, or in that folder, loaded.

    Raises:
        MissingPackageError: sentence-transformers is not installed.
        ProviderError: there is no such model, or it cannot be had now (kind "model_not_found").
    """
    try:
        import sentence_transformers  # noqa: PLC0415 - several seconds
        from transformers.utils import logging  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415
    except ImportError as error:
        raise MissingPackageError(
            f'"{PROVIDER}:{name}" needs the package {error.name}: run `pip install "sentence-transformers>=5.0"`. '
            "On Linux without a GPU, install a CPU build of torch first: it saves several gigabytes."
        ) from error
    logging.disable_progress_bar()  # of loading: noise among ours
    folder = Path(name).expanduser()
    name = str(folder.resolve()) if folder.is_dir() else name
    try:
        model = sentence_transformers.SentenceTransformer(name, local_files_only=options.offline)
    except (OSError, ValueError, KeyError) as error:
        raise _not_found(name, error, options) from error
    return SentenceTransformersEmbeddings(model, name)


def _not_found(name: str, error: Exception, options: ModelOptions) -> ProviderError:
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    hint = "Give a model's name on the Hugging Face hub, such as all-MiniLM-L6-v2, or the folder of one."
    if options.offline:
        hint = (
            "Offline mode is on: run the same once without it, so that the model is fetched, or give a model's folder."
        )
    return ProviderError(
        f'sentence-transformers cannot load "{name}": {reason.rstrip(".")}.',
        kind="model_not_found",
        provider=PROVIDER,
        model=name,
        hint=hint,
    )


def _own_prompts(model: Any) -> Prefixes | None:
    """The prompts that the model's folder defines; None if it defines none."""
    prompts: dict[str, str] = model.prompts or {}
    query = next((prompts[name] for name in _QUERY_PROMPTS if prompts.get(name)), "")
    document = next((prompts[name] for name in _DOCUMENT_PROMPTS if prompts.get(name)), "")
    return Prefixes(query, document) if query or document else None


def _tokenizer_path(name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415

    if Path(name).is_dir():
        path = Path(name) / "tokenizer.json"
        return path if path.is_file() else None
    repository = name if "/" in name else f"sentence-transformers/{name}"
    found = try_to_load_from_cache(repository, "tokenizer.json")
    return Path(found) if isinstance(found, str) else None
