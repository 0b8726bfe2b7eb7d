"""The child process that writes Chroma: `python -m llmapps.rag.index.chroma_worker INDEX_FOLDER copy|scratch`.

It reads the index, makes the folder of its generation (from a copy of the newest one, or from nothing), checks that
every chunk is there and that a sample is found by its own vector, and only then marks the folder as complete.
"""

from __future__ import annotations

import random
import shutil
import sys
from pathlib import Path
from typing import Any

from llmapps.rag.index.chroma import COLLECTION, chroma_folder, complete_generations, mark_complete, open_client
from llmapps.rag.index.store import IndexStore

_SAMPLE = 50  # chunks that must find themselves
_CHANGED_SHARE = 0.3  # with more than this share of the chunks changed, starting from nothing is quicker


def build(index: Path, *, copy: bool) -> None:
    """Make the Chroma of the index's present generation.

    Raises:
        RuntimeError: the check found a difference.
    """
    store = IndexStore(index)
    ids = store.numbers_and_ids()
    wanted = {chunk_id: number for number, chunk_id in ids.items()}
    folder = chroma_folder(index, store.generation)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if not (copy and _copy_newest(index, folder)):
        folder.mkdir()
    client = open_client(folder)
    collection = client.get_or_create_collection(
        COLLECTION, embedding_function=None, configuration={"hnsw": {"space": "cosine", "ef_search": 200}}
    )
    present = set(collection.get(include=[])["ids"])
    changes = len(present.symmetric_difference(wanted))
    if present and changes > _CHANGED_SHARE * max(len(wanted), 1):
        client.delete_collection(COLLECTION)
        client.close()
        build(index, copy=False)
        return
    _delete(client, collection, sorted(present - set(wanted)))
    _add(client, collection, store, [wanted[chunk_id] for chunk_id in sorted(set(wanted) - present)])
    _check(collection, store, wanted)
    client.close()
    mark_complete(folder, len(wanted))


def _copy_newest(index: Path, folder: Path) -> bool:
    generations = complete_generations(index)
    if not generations:
        return False
    shutil.copytree(chroma_folder(index, generations[0]), folder, ignore=shutil.ignore_patterns("complete.json"))
    return True


def _delete(client: Any, collection: Any, ids: list[str]) -> None:
    step = client.get_max_batch_size()
    for first in range(0, len(ids), step):
        collection.delete(ids=ids[first : first + step])


def _add(client: Any, collection: Any, store: IndexStore, numbers: list[int]) -> None:
    step = min(client.get_max_batch_size(), 2000)
    for first in range(0, len(numbers), step):
        some, vectors = store.vectors_of(numbers[first : first + step])
        chunks = store.chunks(some)
        collection.add(
            ids=[chunk.id for chunk in chunks], embeddings=vectors, metadatas=[{"path": chunk.path} for chunk in chunks]
        )


def _check(collection: Any, store: IndexStore, wanted: dict[str, int]) -> None:
    if set(collection.get(include=[])["ids"]) != set(wanted):
        raise RuntimeError("Chroma does not hold the chunks of the index")
    sample = random.Random(0).sample(sorted(wanted.values()), min(_SAMPLE, len(wanted)))  # noqa: S311 - a fixed sample
    if not sample:
        return
    _, vectors = store.vectors_of(sample)
    found = collection.query(query_embeddings=vectors, n_results=1, include=["distances"])
    if any(distances[0] > 0.001 for distances in found["distances"]):
        raise RuntimeError("Chroma does not find a chunk by its own vector")


if __name__ == "__main__":
    build(Path(sys.argv[1]), copy=sys.argv[2] == "copy")
