"""Other people's embeddings, as the index needs them: checked, counted, named."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings

from llmapps.errors import ProviderError
from llmapps.models.embedding import BATCH, embed_array, identity_of, tokenizer_path


class Recorded(Embeddings):
    """Gives the vectors it was made with and remembers what it was asked."""

    def __init__(self, *answers: list[list[float]]) -> None:
        self.answers = list(answers)
        self.documents: list[list[str]] = []
        self.queries: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.documents.append(texts)
        return self.answers.pop(0) if self.answers else [[3.0, 4.0]] * len(texts)

    def embed_query(self, text: str) -> list[float]:
        self.queries.append(text)
        return [3.0, 4.0]


def test_rows_are_brought_to_unit_length() -> None:
    np.testing.assert_allclose(embed_array(Recorded(), ["a"]), [[0.6, 0.8]])


def test_documents_go_in_batches_and_questions_one_by_one() -> None:
    recorded, counts = Recorded(), []
    texts = [str(n) for n in range(BATCH + 3)]
    embed_array(recorded, texts, on_batch=counts.append)
    assert counts == [BATCH, 3]
    assert [text for batch in recorded.documents for text in batch] == texts
    assert embed_array(recorded, ["q", "r"], kind="query").shape == (2, 2)
    assert recorded.queries == ["q", "r"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([[1.0, 0.0]], r"1 vectors for 2 texts"),
        ([[1.0, 0.0], [1.0]], r"vectors of length 1 and 2"),
        ([[], []], r"vectors of length 0"),
        ([[1.0, 0.0], [math.nan, 1.0]], r"a vector that is zero or not finite"),
        ([[1.0, 0.0], [math.inf, 1.0]], r"a vector that is zero or not finite"),
        ([[1.0, 0.0], [0.0, 0.0]], r"a vector that is zero or not finite"),
    ],
)
def test_what_is_no_vector_is_an_error(answer: list[list[float]], said: str) -> None:
    with pytest.raises(ProviderError, match=rf"Recorded gave {said}. Choose another embedding model") as caught:
        embed_array(Recorded(answer), ["a", "b"])
    assert caught.value.kind == "malformed"
    assert not caught.value.retryable


def test_a_length_that_changes_between_batches_is_an_error() -> None:
    with pytest.raises(ProviderError, match="vectors of length 2 and 3"):
        embed_array(Recorded([[1.0, 0.0]] * BATCH, [[1.0, 0.0, 0.0]]), ["a"] * (BATCH + 1))


def test_an_identity_is_found_for_anything() -> None:
    assert identity_of(Recorded()).endswith("test_embedding.Recorded")
    assert "DeterministicFakeEmbedding" in identity_of(DeterministicFakeEmbedding(size=4))

    class Named(Recorded):
        model = "some-model"

    assert identity_of(Named()).endswith("Named:some-model")

    class Ours(Named):
        identity = "x:y|z"

    assert identity_of(Ours()) == "x:y|z"


def test_a_tokenizer_is_found_where_there_is_one() -> None:
    class WithTokenizer(Recorded):
        tokenizer_path = Path("tokenizer.json")

    assert tokenizer_path(WithTokenizer()) == Path("tokenizer.json")
    assert tokenizer_path(Recorded()) is None
