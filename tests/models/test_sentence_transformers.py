"""sentence-transformers, where it is installed: our MiniLM against the original, prompts, and what fails."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from test_embeddings import minilm_folder

from llmapps.errors import MissingPackageError, ProviderError
from llmapps.models import embedding_model
from llmapps.models.embedding import embed_array

NOTES = Path(__file__).resolve().parent.parent.parent / "rag" / "notes"


@pytest.mark.skipif(importlib.util.find_spec("sentence_transformers") is not None, reason="it is installed")
def test_without_the_package_the_error_holds_the_pip_line() -> None:
    with pytest.raises(
        MissingPackageError, match=r'run `pip install "sentence-transformers>=5.0"`. .* CPU build of torch'
    ):
        embedding_model("sentence-transformers:all-MiniLM-L6-v2", offline=True)


def test_ours_is_as_good_as_the_original(weights_home: Path) -> None:
    """Real notes: nearly the same vectors, and the same chunks found for the same questions."""
    original = embedding_model(f"sentence-transformers:{minilm_folder()}", offline=True)
    ours = embedding_model("onnx:all-minilm-l6-v2")
    notes = "\n\n".join(path.read_text(encoding="utf-8") for path in sorted(NOTES.rglob("*.md")))
    texts = [part for part in re.split(r"\n(?=#)", notes) if len(part) > 100][:80]
    questions = [text.partition("\n")[0].strip("# ") for text in texts]

    a, b = embed_array(original, texts), embed_array(ours, texts)
    cosines = (a * b).sum(axis=1)
    assert cosines.mean() > 0.998
    assert cosines.min() > 0.996

    ranked_a, ranked_b = (
        np.argsort(-embed_array(model, questions, kind="query") @ vectors.T, axis=1)[:, :5]
        for model, vectors in ((original, a), (ours, b))
    )
    shared = np.mean([len(set(x) & set(y)) / 5 for x, y in zip(ranked_a, ranked_b, strict=True)])
    found_a, found_b = (
        (ranked == np.arange(len(texts))[:, None]).any(axis=1).mean() for ranked in (ranked_a, ranked_b)
    )
    assert shared > 0.9
    assert found_b > found_a - 0.03


def test_a_model_s_own_prompts_are_used(tmp_path: Path) -> None:
    folder = tmp_path / "e5-small"  # the name alone would give e5's prefixes
    shutil.copytree(minilm_folder(), folder)
    config = folder / "config_sentence_transformers.json"
    settings = json.loads(config.read_text(encoding="utf-8"))
    plain = embedding_model(f"sentence-transformers:{folder}", offline=True)
    assert plain.prefixes.query == "query: "  # type: ignore[attr-defined]

    config.write_text(json.dumps({**settings, "prompts": {"query": "Q: ", "passage": "P: "}}), encoding="utf-8")
    own = embedding_model(f"sentence-transformers:{folder}", offline=True)
    assert own.identity.endswith("|query='Q: '|document='P: '")  # type: ignore[attr-defined]

    bare = embedding_model(f"sentence-transformers:{minilm_folder()}", offline=True)
    np.testing.assert_allclose(own.embed_query("x"), bare.embed_query("Q: x"), atol=1e-5)
    np.testing.assert_allclose(own.embed_documents(["x"]), bare.embed_documents(["P: x"]), atol=1e-5)
    assert own.tokenizer_path == folder / "tokenizer.json"  # type: ignore[attr-defined]


def test_an_unknown_model_is_one_sentence() -> None:
    minilm_folder()
    with pytest.raises(
        ProviderError, match=r'cannot load "no/such-model": .* Offline mode is on: run the same once'
    ) as e:
        embedding_model("sentence-transformers:no/such-model", offline=True)
    assert e.value.kind == "model_not_found"
