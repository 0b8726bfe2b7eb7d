"""How well and how fast the search finds, with the default embedding: words alone, meaning alone, ranks fused, ours.

    python tests/benchmarks/search.py [--data DIR] [--scifact] [--json FILE]

On the questions of the built-in course: hit@5 and MRR of the document that answers, and hit@4 of its very section.
With --data, a folder that holds `retrieval/`, also on course_faq_2024 (948 records, every tenth of 4,627 questions,
searched over all three courses at once) and, with --scifact, on scifact_train (5,183 abstracts: some minutes).
Speed: a warm search, and how much of it is the embedding of the question.
"""

from __future__ import annotations

import csv
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from reporting import REPOSITORY, course_questions, finish, parser, print_table

sys.path.insert(0, str(REPOSITORY))

from llmapps.models import embedding_model
from llmapps.models.embedding import embed_array
from llmapps.project import Notes, find_notes
from llmapps.rag.course import Course
from llmapps.rag.index.store import IndexStore
from llmapps.rag.index.sync import sync_notes
from llmapps.rag.search import searcher as searching
from llmapps.rag.search.fusion import fuse
from llmapps.types import Hit

Fusion = Callable[[dict[int, float], dict[int, float]], list[tuple[int, float]]]
RRF_CONSTANT = 60


def by_ranks(dense: dict[int, float], lexical: dict[int, float]) -> list[tuple[int, float]]:
    """Reciprocal rank fusion (Cormack, Clarke, Büttcher, SIGIR 2009), what most frameworks do."""
    scores: dict[int, float] = dict.fromkeys(dense, 0.0)
    for ranking in (dense, lexical):
        for rank, number in enumerate(sorted(ranking, key=lambda n: -ranking[n]), start=1):
            scores[number] += 1 / (RRF_CONSTANT + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


FUSIONS: dict[str, Fusion] = {
    "words (BM25)": lambda dense, lexical: fuse(dense, lexical, 0.0),
    "meaning (dense)": lambda dense, lexical: fuse(dense, lexical, 1.0),
    "ranks fused (RRF)": by_ranks,
    "z-scores, dense .4": lambda dense, lexical: fuse(dense, lexical, 0.4),
    "z-scores, dense .5": lambda dense, lexical: fuse(dense, lexical, 0.5),
    "z-scores, dense .6": lambda dense, lexical: fuse(dense, lexical, 0.6),
    "z-scores, dense .7": lambda dense, lexical: fuse(dense, lexical, 0.7),
    "ours": fuse,
}


class Bench:
    """An index and its searcher, with the questions' vectors kept, so that only the ranking is tried again."""

    def __init__(self, notes: Notes, questions: Sequence[str]) -> None:
        self.embeddings = embedding_model("onnx:all-minilm-l6-v2")
        sync_notes(notes, self.embeddings)
        self.store = IndexStore(notes.index)
        self.searcher = searching.Searcher(self.store, self.embeddings, Course())
        self.vectors = dict(zip(questions, embed_array(self.embeddings, questions, kind="query"), strict=True))

    def hits(self, question: str, top: int, fusion: Fusion, most: int) -> tuple[Hit, ...]:
        """The hits with another fusion, and at most so many of one document."""
        searching.fuse = fusion  # type: ignore[assignment]
        searching.MOST_PER_DOCUMENT = most
        searching.embed_array = lambda *_args, **_kwargs: [self.vectors[question]]  # type: ignore[assignment]
        return self.searcher.search(question, top).hits


def course() -> list[dict[str, Any]]:
    """The built-in course."""
    questions = course_questions()
    bench = Bench(find_notes("builtin:"), [question["input"] for question in questions])
    rows = []
    for name, fusion in FUSIONS.items():
        ranks, sections = [], 0
        for question in questions:
            hits = bench.hits(question["input"], 5, fusion, 3)
            about = question["metadata"]
            ranks.append(next((hit.n for hit in hits if hit.document == about["document"]), 0))
            sections += any(
                hit.document == about["document"] and about["heading"] in (None, *hit.place.heading) for hit in hits[:4]
            )
        rows.append({"ranking": name, **_means(ranks), "section@4": sections / len(questions)})
    return rows


def faq(data: Path) -> list[dict[str, Any]]:
    """Course FAQ records, each a note of its own; questions with the one record that answers."""
    folder = data / "retrieval" / "course_faq_2024"
    records = json.loads((folder / "documents-with-ids.json").read_text(encoding="utf-8"))
    with (folder / "ground-truth-data.csv").open(encoding="utf-8", newline="") as file:
        asked = list(csv.DictReader(file))[::10]
    with tempfile.TemporaryDirectory() as temporary:
        notes = Path(temporary, "notes")
        notes.mkdir()
        for record in records:
            (notes / f"{record['id']}.md").write_text(f"# {record['question']}\n\n{record['text']}\n", encoding="utf-8")
        bench = Bench(_notes(notes, Path(temporary, "index")), [row["question"] for row in asked])
        rows = []
        for name, fusion in FUSIONS.items():
            ranks = []
            for row in asked:
                documents = list(dict.fromkeys(hit.document for hit in bench.hits(row["question"], 10, fusion, 1)))[:5]
                wanted = f"{row['document']}.md"
                ranks.append(documents.index(wanted) + 1 if wanted in documents else 0)
            rows.append({"ranking": name, **_means(ranks)})
        bench.store.close()
    return rows


def scifact(data: Path) -> list[dict[str, Any]]:
    """SciFact's train half (BEIR): nDCG@10, one abstract a note."""
    folder = data / "retrieval" / "scifact_train"
    relevant: dict[str, set[str]] = {}
    for line in next((folder / "qrels").iterdir()).read_text(encoding="utf-8").splitlines()[1:]:
        query, document, grade = line.split("\t")
        if int(grade):
            relevant.setdefault(query, set()).add(document)
    queries = {row["_id"]: row["text"] for row in _jsonl(folder / "queries.jsonl") if row["_id"] in relevant}
    with tempfile.TemporaryDirectory() as temporary:
        notes = Path(temporary, "notes")
        notes.mkdir()
        for row in _jsonl(folder / "corpus.jsonl"):
            (notes / f"{row['_id']}.md").write_text(f"# {row['title']}\n\n{row['text']}\n", encoding="utf-8")
        bench = Bench(_notes(notes, Path(temporary, "index")), list(queries.values()))
        rows = []
        for name, fusion in FUSIONS.items():
            gains = []
            for query, text in queries.items():
                found = dict.fromkeys(hit.document.removesuffix(".md") for hit in bench.hits(text, 20, fusion, 1))
                gains.append(_ndcg(list(found)[:10], relevant[query]))
            rows.append({"ranking": name, "nDCG@10": statistics.fmean(gains)})
        bench.store.close()
    return rows


def speed(repeats: int = 30) -> dict[str, float]:
    """Milliseconds of a warm search over the built-in course, and of the embedding of its question alone."""
    questions = [question["input"] for question in course_questions()[:repeats]]
    bench = Bench(find_notes("builtin:"), questions)
    searching.embed_array, searching.fuse = embed_array, fuse
    bench.searcher.search(questions[0], 4)
    whole, embedding = [], []
    for question in questions:
        start = time.perf_counter()
        bench.searcher.search(question, 4)
        whole.append(time.perf_counter() - start)
        start = time.perf_counter()
        embed_array(bench.embeddings, [question], kind="query")
        embedding.append(time.perf_counter() - start)
    all_of_it, embedded = (statistics.median(values) * 1000 for values in (whole, embedding))
    return {"search_ms": all_of_it, "embedding_ms": embedded, "ours_ms": all_of_it - embedded}


def _notes(folder: Path, index: Path) -> Notes:
    return Notes(folder, None, index, folder.name)


def _jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _means(ranks: Sequence[int]) -> dict[str, float]:
    """hit@5 and MRR of the ranks of the right documents; 0 is not found."""
    return {
        "hit@5": sum(rank > 0 for rank in ranks) / len(ranks),
        "MRR": sum(1 / rank for rank in ranks if rank) / len(ranks),
    }


def _ndcg(found: Sequence[str], wanted: set[str]) -> float:
    gain = sum(1 / math.log2(rank + 1) for rank, document in enumerate(found, start=1) if document in wanted)
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(wanted), 10) + 1))
    return gain / best


def main() -> None:
    """Measure, and print tables and JSON."""
    options = parser(__doc__)
    options.add_argument("--data", type=Path)
    options.add_argument("--scifact", action="store_true")
    given = options.parse_args()
    result: dict[str, Any] = {"course": course()}
    if given.data:
        result["course_faq_2024"] = faq(given.data)
        if given.scifact:
            result["scifact_train"] = scifact(given.data)
    result["speed"] = speed()
    for name, rows in result.items():
        table = [rows] if isinstance(rows, dict) else rows
        print(name)
        print_table(list(table[0]), [list(row.values()) for row in table])
    finish(result, given.json)


if __name__ == "__main__":
    main()
