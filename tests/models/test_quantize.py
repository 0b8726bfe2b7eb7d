"""The fast form of the encoder: what it computes, and how it gets onto the disk."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from llmapps.models.onnx import OnnxEmbeddings
from llmapps.models.onnx_files import FAST, SHIPPED, OnnxFiles, fast_path, fastest_files
from llmapps.models.quantize import fast_model, make_fast, overflows
from llmapps.models.weights import weight_paths

NAME = "all-minilm-l6-v2"
NOTES = Path(__file__).resolve().parent.parent.parent / "rag" / "notes"


@pytest.fixture(scope="module")
def weights(weights_home: Path) -> Path:
    return weight_paths(NAME)[0]


@pytest.fixture(scope="module")
def paragraphs() -> list[str]:
    """Real text: paragraphs of the built-in course, short and long."""
    text = "\n\n".join(path.read_text(encoding="utf-8") for path in sorted(NOTES.rglob("*.md")))
    found = [part for part in re.split(r"\n\s*\n", text) if len(part) > 20]
    assert len(found) > 100
    return found[:: len(found) // 60]


def test_little_is_lost(weights: Path, weights_home: Path, paragraphs: list[str]) -> None:
    """Troubleshooting: a cosine near 0 is a wrong graph; near .99, a wrong rounding; on old processors, overflow."""
    tokenizer = weight_paths(NAME)[1]
    shipped = OnnxEmbeddings(OnnxFiles(NAME, weights, tokenizer, SHIPPED)).embed_array(paragraphs)
    fast = OnnxEmbeddings(fastest_files(NAME)).embed_array(paragraphs)
    cosines = (shipped * fast).sum(axis=1)
    assert cosines.mean() > 0.999
    assert cosines.min() > 0.998


def test_unsigned_weights_give_the_same_products(weights: Path) -> None:
    """What processors without VNNI use."""
    ids = np.array([[101, *range(2000, 2060), 102]], np.int64)
    signed, unsigned = (_run(weights, ids, unsigned=unsigned) for unsigned in (False, True))
    if overflows():
        pytest.skip("on this processor signed products are wrong, and not used")
    np.testing.assert_allclose(signed, unsigned, atol=1e-5)


def _run(weights: Path, ids: np.ndarray, *, unsigned: bool) -> np.ndarray:
    model = fast_model(weights, unsigned=unsigned).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    vectors: np.ndarray = session.run(None, {"input_ids": ids})[0]
    return vectors


def test_it_is_made_once_and_whole_by_many_at_once(weights: Path, tmp_path: Path) -> None:
    target = tmp_path / "fast.onnx"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: make_fast(weights, target), range(4)))
    made_ns = target.stat().st_mtime_ns
    make_fast(weights, target)
    assert target.stat().st_mtime_ns == made_ns
    assert {path.name for path in tmp_path.iterdir()} <= {"fast.onnx", "fast.onnx.lock"}
    assert onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"]).get_inputs()[0].name == "input_ids"


def test_a_file_that_is_another_model_leaves_nothing_behind(tmp_path: Path) -> None:
    source = tmp_path / "other.onnx"
    source.write_bytes(b"this is no model")
    with pytest.raises(Exception, match="parsing"):
        make_fast(source, tmp_path / "fast.onnx")
    assert not list(tmp_path.glob("fast.onnx")) + list(tmp_path.glob("*.making"))


def test_the_recipe_is_a_part_of_the_name(weights: Path) -> None:
    assert fast_path(weights).name == f"all-MiniLM-L6-v2-int8.{FAST}.onnx"
