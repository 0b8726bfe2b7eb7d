import math
from itertools import chain

import pytest
from langchain_core.embeddings import Embeddings

from llmapps.errors import ProviderError
from llmapps.models.failures import Endpoint, translate
from llmapps.models.prefixes import Prefixes
from llmapps.models.remote_embeddings import RemoteEmbeddings

PLACE = Endpoint("ollama", "m", where="http://127.0.0.1:1")


class Recorded(Embeddings):
    """Keeps what it was asked, and answers with what `vector_of` makes of each text."""

    def __init__(self, vector_of=lambda text: [float(len(text)), 1.0]) -> None:
        self.vector_of = vector_of
        self.batches: list[list[str]] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.batches.append(texts)
        return [self.vector_of(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def remote(inner: Embeddings, query: str = "", document: str = "") -> RemoteEmbeddings:
    return RemoteEmbeddings(
        inner, PLACE, Prefixes(query=query, document=document), lambda error, text: translate(error, PLACE)
    )


def test_questions_and_documents_get_their_prefixes() -> None:
    inner = Recorded()
    embeddings = remote(inner, "search_query: ", "search_document: ")
    embeddings.embed_query("why?")
    embeddings.embed_documents(["because", "so"])
    assert inner.batches == [["search_query: why?"], ["search_document: because", "search_document: so"]]


def test_the_identity_tells_prefixes_apart() -> None:
    assert (
        remote(Recorded()).identity
        != remote(Recorded(), "query: ").identity
        != remote(Recorded(), "", "query: ").identity
    )


def test_vectors_come_in_order_at_unit_length() -> None:
    texts = ["x" * n for n in range(70)]
    inner = Recorded()
    vectors = remote(inner).embed_documents(texts)
    assert list(chain(*inner.batches)) == texts
    for text, (x, y) in zip(texts, vectors, strict=True):
        assert math.hypot(x, y) == pytest.approx(1)
        assert x / y == pytest.approx(len(text), rel=1e-5)


def test_arrays_for_the_index() -> None:
    counts: list[int] = []
    inner = Recorded()
    array = remote(inner, "query: ").embed_array(["a", "ab"], kind="query", on_batch=counts.append)
    assert (array.shape, array.dtype, sum(counts)) == ((2, 2), "float32", 2)
    assert inner.batches == [["query: a", "query: ab"]]


def test_no_texts_need_no_request() -> None:
    inner = Recorded()
    assert remote(inner).embed_documents([]) == []
    assert inner.batches == []


@pytest.mark.parametrize("vector", [[], [0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0]])
def test_vectors_that_are_none(vector: list[float]) -> None:
    with pytest.raises(ProviderError, match=r"The embedding model ollama:m.* gave .*vector.* Choose another") as caught:
        remote(Recorded(lambda _: vector)).embed_query("why?")
    assert caught.value.kind == "malformed"


def test_a_vector_too_few() -> None:
    class Forgetful(Recorded):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return super().embed_documents(texts)[1:]

    with pytest.raises(ProviderError, match="1 vectors for 2 texts"):
        remote(Forgetful()).embed_documents(["a", "ab"])
    with pytest.raises(ProviderError, match="0 vectors for 1 texts"):
        remote(Forgetful()).embed_query("a")


def test_a_failure_is_a_provider_error_without_its_original() -> None:
    def vector_of(_: str) -> list[float]:
        raise KeyError("embeddings")

    with pytest.raises(ProviderError) as caught:
        remote(Recorded(vector_of)).embed_query("why?")
    assert caught.value.kind == "malformed"
    assert caught.value.__context__ is None
