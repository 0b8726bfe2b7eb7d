"""MiniLM by onnxruntime: what is particular to it. The laws of all embeddings: tests/contracts/test_embeddings.py."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from llmapps.errors import ModelSpecError, WeightsError
from llmapps.models import embedding_model
from llmapps.models.onnx import OnnxEmbeddings, usable_cores
from llmapps.models.onnx_files import SHIPPED, OnnxFiles, fast_path, fastest_files
from llmapps.models.weights import weight_paths

NAME = "all-minilm-l6-v2"


@pytest.fixture(scope="module")
def minilm(weights_home: Path) -> OnnxEmbeddings:
    model = embedding_model(f"onnx:{NAME}")
    assert isinstance(model, OnnxEmbeddings)
    return model


@pytest.fixture
def own_weights(weights_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An LLMAPPS_HOME of this test alone that holds MiniLM as it is fetched; the path of its first file."""
    fetched = weight_paths(NAME)
    monkeypatch.setenv("LLMAPPS_HOME", str(tmp_path / "own"))
    (tmp_path / "own" / "weights").mkdir(parents=True)
    for source, target in zip(fetched, weight_paths(NAME), strict=True):
        shutil.copy(source, target)
    return weight_paths(NAME)[0]


def test_an_unknown_name_names_the_known_one(home: Path) -> None:
    with pytest.raises(
        ModelSpecError, match=r'no embedding model "onnx:all-minilm". Did you mean "all-minilm-l6-v2"\?'
    ):
        embedding_model("onnx:all-minilm")


def test_texts_that_mean_alike_are_near(minilm: OnnxEmbeddings) -> None:
    question = minilm.embed_array(["What is attention in a transformer?"], kind="query")
    near, far = minilm.embed_array(["Attention lets a token look at all others.", "The recipe needs two eggs."])
    assert (question @ near).item() > (question @ far).item() + 0.2


def test_the_identity_is_known_without_loading_the_model(minilm: OnnxEmbeddings) -> None:
    cheap = OnnxEmbeddings(OnnxFiles(NAME, Path("nowhere.onnx"), Path("nowhere.json"), "some-recipe"))
    assert cheap.identity == "onnx:all-minilm-l6-v2|8199be6f699a|some-recipe|mean|256 tokens|query=''|document=''"
    assert cheap.identity != minilm.identity


def test_opening_loads_neither_onnxruntime_nor_onnx(minilm: OnnxEmbeddings, weights_home: Path) -> None:
    code = (
        "import sys\n"
        "from llmapps.models import embedding_model\n"
        f"embedding_model('onnx:{NAME}')\n"
        "print(sorted({'onnx', 'onnxruntime', 'tokenizers'} & set(sys.modules)))"
    )
    environment = {**os.environ, "LLMAPPS_HOME": str(weights_home), "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_tokens_are_counted_uncut_and_bare(minilm: OnnxEmbeddings) -> None:
    assert minilm.count_tokens(["hello world", "", "token " * 1000]) == [2, 0, 1000]
    assert minilm.count_tokens([]) == []


def test_an_empty_text_has_a_vector_of_its_own(minilm: OnnxEmbeddings) -> None:
    empty, blank, word = minilm.embed_array(["", "  ", "word"])
    np.testing.assert_array_equal(empty, blank)
    assert empty @ word < 0.9


def test_threads_do_not_change_vectors(minilm: OnnxEmbeddings) -> None:
    texts = [f"{n} sentences about the number {n}. " * n for n in range(1, 20)]
    alone = OnnxEmbeddings(fastest_files(NAME), threads=1)
    np.testing.assert_array_equal(alone.embed_array(texts), minilm.embed_array(texts))


def test_many_threads_may_use_one_model(weights_home: Path) -> None:
    model = OnnxEmbeddings(fastest_files(NAME))
    with ThreadPoolExecutor(8) as pool:
        vectors = list(pool.map(model.embed_query, ["one question"] * 16))
    assert all(vector == vectors[0] for vector in vectors)


def test_ctrl_c_ends_it_soon(minilm: OnnxEmbeddings) -> None:
    embedded = 0

    def stop(count: int) -> None:
        nonlocal embedded
        embedded += count
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        minilm.embed_array(["a text of some length " * 20] * 400, on_batch=stop)
    assert embedded == 1
    assert minilm.embed_query("still works")


def test_the_shipped_file_gives_nearly_the_same(minilm: OnnxEmbeddings) -> None:
    weights, tokenizer = weight_paths(NAME)
    shipped = OnnxEmbeddings(OnnxFiles(NAME, weights, tokenizer, SHIPPED))
    texts = ["What is attention?", "A transformer is a stack of attention and feed-forward layers. " * 10]
    cosines = (shipped.embed_array(texts) * minilm.embed_array(texts)).sum(axis=1)
    assert cosines.min() > 0.997
    assert "shipped" in shipped.identity


def test_a_damaged_fast_file_is_made_anew(own_weights: Path) -> None:
    fast_path(own_weights).write_bytes(b"not a model")
    with pytest.raises(WeightsError, match=r"cannot be loaded .* it was removed: run the same again"):
        embedding_model(f"onnx:{NAME}").embed_query("hello")
    assert len(embedding_model(f"onnx:{NAME}").embed_query("hello")) == 384


def test_without_a_fast_file_it_warns_and_uses_the_shipped_one(own_weights: Path) -> None:
    fast_path(own_weights).with_suffix(".onnx.making").mkdir()  # so that nothing can be written there
    with pytest.warns(RuntimeWarning, match=r"cannot be made .* identity of its own. Check that the folder"):
        model = embedding_model(f"onnx:{NAME}")
    assert "|shipped|" in model.identity  # type: ignore[attr-defined]
    assert len(model.embed_query("hello")) == 384


def test_cores_are_counted() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
