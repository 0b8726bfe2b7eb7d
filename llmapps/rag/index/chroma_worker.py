"""The child process that writes Chroma, started by `llmapps.rag.index.chroma` with: INDEX FOLDER [SOURCE].

It reads the index and makes the folder, from a copy of SOURCE or from nothing. Then it opens the folder again, checks
that every chunk is there and that a sample is found by its own vector, and only then marks the folder as complete.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

from llmapps.rag.index.chroma import COLLECTION, open_client
from llmapps.rag.index.chroma_folders import Marker, read_marker, write_marker
from llmapps.rag.index.store import IndexStore

# With Chroma's own 16 neighbors and 100, a vector now and then has no way that leads to it and is never found: in 5 of
# 400 openings of 183 chunks, against none of 800 so (measured; recall of the nearest 100 of 6,000: .98 against .87).
_HNSW = {"space": "cosine", "max_neighbors": 32, "ef_construction": 200, "ef_search": 200}
_SAMPLE = 200  # chunks that must find themselves
_MOST_DRIFT = 0.3  # share of chunks: removed ones leave holes in Chroma's graph, so it is made from nothing then
_BATCH = 2_000


def main() -> None:
    """Do what the command line says; end at once when the process that started this one does."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    index, folder, *source = map(Path, sys.argv[1:])
    build(index, folder, source[0] if source else None)


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing is ever written there; not through sys.stdin, which Python closes at exit
    os._exit(3)


def build(index: Path, folder: Path, source: Path | None = None) -> None:
    """Make the Chroma of the index's present generation in `folder`, which is not there yet.

    Raises:
        RuntimeError: the check found a difference, or too little of `source` is of use.
    """
    store = IndexStore(index)
    try:
        wanted = {chunk_id: number for number, chunk_id in store.numbers_and_ids().items()}
        drift = _fill(folder, store, wanted, source)
        _check(folder, store, wanted)
        write_marker(folder, chunks=len(wanted), drift=drift)
    finally:
        store.close()


def _fill(folder: Path, store: IndexStore, wanted: dict[str, int], source: Path | None) -> int:
    """Write what differs; the drift of the result."""
    marker = read_marker(source) if source else None
    if source and marker:
        shutil.copytree(source, folder)
    else:
        folder.mkdir(parents=True)
    client = open_client(folder)
    try:
        collection = client.get_or_create_collection(COLLECTION, embedding_function=None, configuration={"hnsw": _HNSW})
        present = set(collection.get(include=[])["ids"])
        gone, new = sorted(present - wanted.keys()), sorted(wanted.keys() - present)
        drift = _drift(marker, len(gone) + len(new), len(wanted))
        step = min(client.get_max_batch_size(), _BATCH)
        for first in range(0, len(gone), step):
            collection.delete(ids=gone[first : first + step])
        for first in range(0, len(new), step):
            _add(collection, store, [wanted[chunk_id] for chunk_id in new[first : first + step]])
    finally:
        client.close()
    return drift


def _drift(marker: Marker | None, changes: int, chunks: int) -> int:
    if marker is None:
        return 0
    drift = marker.drift + changes
    if drift > _MOST_DRIFT * chunks:
        raise RuntimeError(f"{drift} changes in {chunks} chunks: Chroma is better made from nothing")
    return drift


def _add(collection: Any, store: IndexStore, numbers: list[int]) -> None:
    some, vectors = store.vectors_of(numbers)
    chunks = store.chunks(some)
    collection.add(
        ids=[chunk.id for chunk in chunks], embeddings=vectors, metadatas=[{"path": chunk.path} for chunk in chunks]
    )


def _check(folder: Path, store: IndexStore, wanted: dict[str, int]) -> None:
    """Look at what is on disk, with a new client."""
    client = open_client(folder)
    try:
        collection = client.get_collection(COLLECTION, embedding_function=None)
        if set(collection.get(include=[])["ids"]) != wanted.keys():
            raise RuntimeError("Chroma does not hold the chunks of the index")
        sample = random.Random(0).sample(sorted(wanted.values()), min(_SAMPLE, len(wanted)))  # noqa: S311 - fixed
        if not sample:
            return
        _, vectors = store.vectors_of(sample)
        found = collection.query(query_embeddings=vectors, n_results=1, include=["distances"])
        if any(distances[0] > 0.001 for distances in found["distances"]):
            raise RuntimeError("Chroma does not find a chunk by its own vector")
    finally:
        client.close()
