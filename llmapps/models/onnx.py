"""The embedded embedding model: all-MiniLM-L6-v2 by onnxruntime, on all cores, without a server or a key.

One text is one run on one core, as many at once as there are cores. There is no padding and no mask, so a text's
vector is the same in whatever company it is embedded. That is also the fastest way (see `llmapps.models.quantize`): a
core works on a text of 200 tokens without leaving its cache.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from llmapps.errors import ModelSpecError, WeightsError, did_you_mean
from llmapps.models.catalog import CATALOG
from llmapps.models.embedding import Kind
from llmapps.models.onnx_files import SHIPPED, OnnxFiles, fastest_files
from llmapps.models.prefixes import Prefixes, prefixes_for
from llmapps.models.weights import ensure_weights

if TYPE_CHECKING:
    import onnxruntime
    import tokenizers

    from llmapps.models.providers import ModelOptions

DIMENSION = 384
MAX_TOKENS = 256
"""What the model was trained for; sentence-transformers cuts there too. Its tokenizer.json says 128: not used."""

SLICE = 512
"""Texts that are tokenized at once: Ctrl-C and progress wait no longer than that (choice)."""


class OnnxEmbeddings(Embeddings):
    """Embeddings computed on this machine. Making one is cheap: the model is loaded when it is first used.

    Attributes:
        identity: names all that decides what the vectors are; those of another identity are not comparable.
        dimension: of a vector.
        max_tokens: a text is cut after so many tokens, the two that mark its start and end included.
        tokenizer_path: the model's `tokenizer.json`.
    """

    def __init__(self, files: OnnxFiles, *, threads: int = 0) -> None:
        """From files that are there; `threads` 0: one for each core."""
        self.dimension = DIMENSION
        self.max_tokens = MAX_TOKENS
        self.tokenizer_path = files.tokenizer
        self.threads = threads or usable_cores()
        self.prefixes = prefixes_for(files.name)
        self.identity = _identity(files, self.prefixes)
        self._files = files
        self._lock = threading.Lock()
        self._session: onnxruntime.InferenceSession | None = None
        self._tokenizer: tokenizers.Tokenizer | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.identity!r})"

    @classmethod
    def open(cls, name: str, options: ModelOptions) -> OnnxEmbeddings:
        """The embedding model of that name; fetches its weights and makes its fast form if they are not here yet.

        Raises:
            ModelSpecError: there is no such model.
            WeightsError: its weights are not here and cannot be fetched or stored.
        """
        known = [weights.name for weights in CATALOG.values() if weights.spec.startswith("onnx:")]
        if name not in known:
            hint = did_you_mean(name, known) or f"There is: {', '.join(known)}."
            raise ModelSpecError(f'There is no embedding model "onnx:{name}". {hint}')
        ensure_weights(name, offline=options.offline, progress=options.download)
        return cls(fastest_files(name), threads=options.threads)

    def warm(self) -> None:
        """Loads the model now (0.1 s), so that the first text need not wait for it. Safe from any thread."""
        self._loaded()

    def embed_array(
        self, texts: Sequence[str], *, kind: Kind = "document", on_batch: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """The texts' vectors, (n, 384) float32, unit rows, in the order of the texts.

        A text's vector depends on nothing but the text (and `kind`). The vector of an empty text is a valid one, that
        of the two tokens which mark start and end. Text behind `max_tokens` does not count.

        Args:
            texts: what to embed.
            kind: whether they are documents or questions.
            on_batch: told, again and again, how many more texts are embedded.

        Raises:
            WeightsError: the model cannot be loaded.
        """
        session, tokenizer = self._loaded()
        prefix = self.prefixes.query if kind == "query" else self.prefixes.document
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for start in range(0, len(texts), SLICE):
            encodings = tokenizer.encode_batch([prefix + text for text in texts[start : start + SLICE]])
            ids = [np.array([encoding.ids], np.int64) for encoding in encodings]
            for index, vector in self._run_all(session, ids):
                vectors[start + index] = vector
                if on_batch:
                    on_batch(1)
        return vectors

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Unit vectors in the order of the texts."""
        vectors: list[list[float]] = self.embed_array(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """The unit vector of a question."""
        vector: list[float] = self.embed_array([text], kind="query")[0].tolist()
        return vector

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has, uncut, without those that mark start and end."""
        tokenizer = _tokenizer(self.tokenizer_path)
        return [len(encoding.ids) for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def _run_all(
        self, session: onnxruntime.InferenceSession, ids: list[NDArray[np.int64]]
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Index and vector of each text, longest first: so no core is left alone with a long one at the end."""
        order = sorted(range(len(ids)), key=lambda index: -ids[index].size)

        def run(index: int) -> tuple[int, NDArray[np.float32]]:
            return index, self._run(session, ids[index])

        if len(ids) == 1 or self.threads == 1:
            yield from map(run, order)
            return
        with ThreadPoolExecutor(self.threads) as pool:  # onnxruntime lets go of the GIL while it computes
            yield from pool.map(run, order)  # after Ctrl-C it drops what has not begun

    def _run(self, session: onnxruntime.InferenceSession, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        if self._files.recipe != SHIPPED:
            vector: NDArray[np.float32] = session.run(None, {"input_ids": ids})[0][0]
            return vector
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        mean = np.asarray(session.run(None, inputs)[0][0], np.float32).mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean), np.float32)

    def _loaded(self) -> tuple[onnxruntime.InferenceSession, tokenizers.Tokenizer]:
        with self._lock:
            if self._session is None:
                self._session = _open_session(self._files)
            if self._tokenizer is None:
                self._tokenizer = _tokenizer(self.tokenizer_path)
                self._tokenizer.enable_truncation(self.max_tokens)
            return self._session, self._tokenizer


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # where the process may be confined to some of them
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _identity(files: OnnxFiles, prefixes: Prefixes) -> str:
    sha256 = CATALOG[files.name].files[0].sha256[:12]
    parts = [f"onnx:{files.name}", sha256, files.recipe, "mean", f"{MAX_TOKENS} tokens"]
    parts += [f"query={prefixes.query!r}", f"document={prefixes.document!r}"]
    return "|".join(parts)


def _open_session(files: OnnxFiles) -> onnxruntime.InferenceSession:
    """The encoder, loaded; a damaged fast form is removed, so that it is made anew next time."""
    import onnxruntime  # noqa: PLC0415 - 0.1 s

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the cores are shared out text by text
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(files.encoder, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no error class in common
        advice = f"`llmapps models pull {files.name}` fetches it again"
        if files.recipe != SHIPPED:
            files.encoder.unlink(missing_ok=True)
            advice = "it was removed: run the same again, and it is made anew"
        raise WeightsError(f"{files.encoder} cannot be loaded ({error}); {advice}.") from error


def _tokenizer(path: Path) -> Any:
    """The tokenizer without the padding and the truncation that its file asks for."""
    import tokenizers  # noqa: PLC0415

    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
