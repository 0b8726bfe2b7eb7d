"""Chroma, made from the index: numbered folders that are finished, checked, and then never written again.

A folder `chroma/<generation>/` counts only with its marker `complete.json`, which is written last. A reader opens the
folder of the index's own generation, or does without Chroma; so a crash, a second process or a damaged folder can
never give wrong or missing hits. The writing is done by `chroma_worker` in a child process, because a damaged Chroma
folder can end the process that opens it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from llmapps.rag.index.store import IndexStore

FOLDER = "chroma"
COLLECTION = "chunks"
_MARKER, _FAILED = "complete.json", "failed.json"


def chroma_folder(index: Path, generation: int) -> Path:
    """Where the Chroma of a generation lies."""
    return index / FOLDER / f"{generation:08d}"


def complete_generations(index: Path) -> list[int]:
    """The generations whose Chroma is finished, newest first."""
    found = [
        int(marker.parent.name) for marker in (index / FOLDER).glob(f"*/{_MARKER}") if marker.parent.name.isdigit()
    ]
    return sorted(found, reverse=True)


def mark_complete(folder: Path, chunks: int) -> None:
    """Say that the Chroma in `folder` is finished and was checked."""
    (folder / _MARKER).write_text(json.dumps({"chunks": chunks}), encoding="utf-8")


def refresh_chroma(store: IndexStore) -> bool:
    """Make Chroma hold what the index holds; nothing is embedded. Needs the writer's lock.

    Returns:
        Whether Chroma is up to date now. If not (Chroma failed twice), search goes on without it.
    """
    generation = store.generation
    if generation in complete_generations(store.folder):
        return True
    failed = store.folder / FOLDER / _FAILED
    if _failed_generation(failed) == generation:
        return False  # it failed for just this content: trying again and again would not help
    for start in ("copy", "scratch"):
        if _run_worker(store.folder, start) == 0:
            _remove_others(store.folder, generation)
            return True
    failed.parent.mkdir(parents=True, exist_ok=True)
    failed.write_text(json.dumps({"generation": generation}), encoding="utf-8")
    return False


def remove_chroma(index: Path) -> None:
    """Delete all of Chroma's folders; the next sync makes them again from the index."""
    shutil.rmtree(index / FOLDER, ignore_errors=True)


def _run_worker(index: Path, start: str) -> int:
    command = [sys.executable, "-m", "llmapps.rag.index.chroma_worker", str(index), start]
    environment = {**os.environ, "ANONYMIZED_TELEMETRY": "False"}
    return subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
    ).returncode


def _failed_generation(path: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, KeyError):
        return int(json.loads(path.read_text(encoding="utf-8"))["generation"])
    return None


def _remove_others(index: Path, generation: int) -> None:
    for folder in (index / FOLDER).iterdir():
        if folder != chroma_folder(index, generation):
            # On Windows a folder that a reader has open stays; the next sync removes it.
            shutil.rmtree(folder, ignore_errors=True) if folder.is_dir() else folder.unlink(missing_ok=True)


def open_client(folder: Path) -> Any:
    """A Chroma client on one folder. No telemetry; nothing is loaded that the folder itself may name."""
    import chromadb
    from chromadb.config import Settings

    return chromadb.PersistentClient(path=str(folder), settings=Settings(anonymized_telemetry=False))


class ChromaVectors:
    """Vector search in the Chroma of one generation."""

    def __init__(self, folder: Path) -> None:
        self._client = open_client(folder)
        self._collection = self._client.get_collection(COLLECTION, embedding_function=None)

    def nearest(self, query: np.ndarray, limit: int, hidden: Iterable[str] = ()) -> list[tuple[str, float]]:
        """Ids and cosine similarities of the nearest chunks, best first, without those of hidden documents."""
        paths = list(hidden)
        found = self._collection.query(
            query_embeddings=[query],
            n_results=limit,
            where={"path": {"$nin": paths}} if paths else None,
            include=["distances"],
        )
        return [
            (chunk_id, 1.0 - distance)
            for chunk_id, distance in zip(found["ids"][0], found["distances"][0], strict=True)
        ]


def open_chroma(store: IndexStore) -> ChromaVectors | None:
    """Chroma for what the index holds now; None if it is stale, unfinished or cannot be opened."""
    generation = store.generation
    if generation not in complete_generations(store.folder):
        return None
    try:
        return ChromaVectors(chroma_folder(store.folder, generation))
    except Exception:  # noqa: BLE001 - whatever is wrong with the folder, the exact search does without it
        return None
