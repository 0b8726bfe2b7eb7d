"""Chroma, made from the index: folders that are finished and checked before anybody sees them.

A reader opens the folder of the index's own generation, or does without Chroma; so a crash, a second process or a
damaged folder can never give wrong or missing hits. The writing is done by `chroma_worker` in a child process, because
a damaged Chroma folder can end the process that opens it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmapps.rag.index.chroma_folders import (
    FOLDER,
    chroma_folder,
    complete_folders,
    has_failed,
    is_intact,
    new_building_folder,
    read_marker,
    record_failure,
    remove_others,
)

if TYPE_CHECKING:
    import numpy as np

    from llmapps.rag.index.store import IndexStore

COLLECTION = "chunks"

_COPY_FROM = 2_000  # chunks from which on changing a copy is quicker than starting from nothing (0.3 ms a chunk)
_START_S, _CHUNKS_A_SECOND = 60, 100  # the time a child is given; made 750 a second on a busy laptop with two cores

# -P: a file of the user's called json.py is not ours; then our own package must be named, if it is not installed.
_WORKER = "import sys; sys.path.append(sys.argv.pop(1)); from llmapps.rag.index.chroma_worker import main; main()"
_ENVIRONMENT_KEPT = (
    "PATH HOME USERPROFILE APPDATA LOCALAPPDATA SYSTEMROOT SYSTEMDRIVE WINDIR TEMP TMP TMPDIR LANG LC_ALL LC_CTYPE "
    "PYTHONPATH PYTHONHOME PYTHONUSERBASE LD_LIBRARY_PATH DYLD_LIBRARY_PATH"
).split()


# --- making it -----------------------------------------------------------------------------------


def is_chroma_settled(store: IndexStore) -> bool:
    """Whether `refresh_chroma` would do nothing."""
    generation = store.generation
    return read_marker(chroma_folder(store.folder, generation)) is not None or has_failed(store.folder, generation)


def refresh_chroma(store: IndexStore) -> str:
    """Make Chroma hold what the index holds; nothing is embedded. Needs the writer's lock.

    Returns:
        "" if Chroma is up to date now, else a sentence that says why it is not; search goes on without it.
    """
    index, generation = store.folder, store.generation
    target = chroma_folder(index, generation)
    if has_failed(index, generation):
        return ""
    if read_marker(target) is not None:
        remove_others(index, keep=target)
        return ""
    reason = _make(store, target)
    if not reason:
        remove_others(index, keep=target)
        return ""
    remove_others(index)
    record_failure(index, generation, reason)
    return (
        f"Chroma could not be made from the index ({reason}). "
        "Search goes on without it and finds the same; it is tried again when the notes change, or tomorrow."
    )


def _make(store: IndexStore, target: Path) -> str:
    """Make the folder `target`; "" if it is there, else why not."""
    time_s = _START_S + store.chunk_count() / _CHUNKS_A_SECOND
    reason = ""
    for source in _sources(store):
        building = new_building_folder(store.folder, store.generation)
        try:
            reason = _run_worker(store.folder, building, source, time_s)
            if not reason:
                shutil.rmtree(target, ignore_errors=True)
                building.replace(target)
                return ""
        except subprocess.TimeoutExpired:
            return f"it was not done in {time_s:.0f} s"
        except OSError as error:
            reason = str(error)
    return reason


def remove_chroma(index: Path) -> None:
    """Delete all of Chroma's folders; the next sync makes them again from the index."""
    shutil.rmtree(index / FOLDER, ignore_errors=True)


def _sources(store: IndexStore) -> list[Path | None]:
    """What children start from, one after the other: a sound folder of an earlier generation; nothing, twice."""
    folders = complete_folders(store.folder) if store.chunk_count() >= _COPY_FROM else []
    return [*[folder for folder in folders[:1] if is_intact(folder)], None, None]


def _run_worker(index: Path, building: Path, source: Path | None, time_s: float) -> str:
    """Run the child; "" if it did its work, else the last that it said.

    The child ends when its stdin does, that is with this process, however that ends.

    Raises:
        subprocess.TimeoutExpired: it was not done in this time.
        OSError: it could not be started.
    """
    command = [sys.executable, "-P", "-c", _WORKER, str(Path(__file__).parents[3]), str(index), str(building)]
    environment = {name: os.environ[name] for name in _ENVIRONMENT_KEPT if name in os.environ}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*command, *([str(source)] if source else [])],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            **_own_group(),
        )
        with process:
            try:
                code = process.wait(time_s)
            finally:
                process.kill()
        if code == 0:
            return ""
        log.seek(0)
        lines = log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"its process ended with {code}"


def _own_group() -> dict[str, Any]:
    """So that Ctrl-C in the terminal reaches us and not the child."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}


# --- searching it --------------------------------------------------------------------------------


def open_client(folder: Path) -> Any:
    """A Chroma client on one folder. No telemetry; no `.env` of the working directory can turn it elsewhere."""
    import chromadb
    from chromadb.config import Settings

    settings = Settings(_env_file=None, anonymized_telemetry=False)  # type: ignore[call-arg]
    settings.chroma_api_impl = "chromadb.api.rust.RustBindingsAPI"
    return chromadb.PersistentClient(path=str(folder), settings=settings)


class ChromaVectors:
    """Vector search in the Chroma of one generation. Its files are closed when nobody holds it any more.

    Never asked for: the collection's configuration, and queries by text. For these, Chroma would load and run what the
    folder names.
    """

    def __init__(self, folder: Path) -> None:
        client = open_client(folder)
        weakref.finalize(self, client.close)
        self._collection = client.get_collection(COLLECTION, embedding_function=None)

    def nearest(self, query: np.ndarray, limit: int, hidden: Iterable[str] = ()) -> list[tuple[str, float]]:
        """Ids and cosine similarities of the nearest chunks, best first, without those of hidden documents.

        Raises:
            Exception: of any kind, when a writer has just removed the folder; search exactly then.
        """
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
    """Chroma for what the index holds now; None if it is stale, unfinished, damaged or cannot be opened."""
    folder = chroma_folder(store.folder, store.generation)
    if not is_intact(folder):
        return None
    try:
        return ChromaVectors(folder)
    except Exception:  # noqa: BLE001 - whatever is wrong with the folder, the exact search does without it
        return None
