"""Chroma is made from the index, counts only when it is whole, and is never missed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from standins.index_check import faults_of
from standins.index_process import REPOSITORY
from standins.notes_folder import NotesFolder, note

from llmapps.models.fake_embeddings import DIMENSIONS
from llmapps.rag.index import chroma
from llmapps.rag.index.chroma import open_chroma, refresh_chroma
from llmapps.rag.index.chroma_folders import chroma_folder, is_intact, read_marker, write_marker
from llmapps.rag.index.chroma_worker import build
from llmapps.rag.index.records import DocumentRecord
from llmapps.rag.index.writer import IndexWriter
from llmapps.rag.splitting import Chunk
from llmapps.types import Place


@pytest.fixture
def indexed(folder: NotesFolder) -> NotesFolder:
    """Twelve documents of four chunks, with their Chroma."""
    for number in range(12):
        folder.write(f"unit{number % 3}/{number}.md", note(f"subject{number}", 4))
    folder.sync()
    build(folder.index, current(folder))  # here, as a process of its own takes seconds to load Chroma
    return folder


def current(folder: NotesFolder) -> Path:
    """The folder of the Chroma that a reader would open now."""
    store = folder.store()
    try:
        return chroma_folder(folder.index, store.generation)
    finally:
        store.close()


def exact(folder: NotesFolder, query: np.ndarray, limit: int) -> list[str]:
    """The nearest chunks without Chroma."""
    store = folder.store()
    try:
        numbers, vectors = store.all_vectors()
        best = np.argsort(-(vectors @ query), kind="stable")[:limit]
        return [chunk.id for chunk in store.chunks([numbers[at] for at in best])]
    finally:
        store.close()


def test_it_is_made_from_the_index_without_embedding(indexed: NotesFolder) -> None:
    assert faults_of(indexed.index) == []
    embedded = len(indexed.embeddings.texts)
    shutil.rmtree(indexed.index / "chroma")
    report = indexed.sync(chroma=True)
    assert (report.unchanged, report.embedded, len(indexed.embeddings.texts)) == (12, 0, embedded)
    assert faults_of(indexed.index) == []


def test_a_plain_chroma_client_can_read_it(indexed: NotesFolder) -> None:
    import chromadb

    client = chromadb.PersistentClient(str(current(indexed)))
    collection = client.get_collection("chunks", embedding_function=None)
    assert collection.count() == 48
    assert collection.configuration_json["hnsw"]["space"] == "cosine"
    assert collection.get(limit=1)["metadatas"][0]["path"].startswith("unit")  # type: ignore[index]
    client.close()
    assert open_and_close(indexed), "a client that was there does no harm"


def open_and_close(folder: NotesFolder) -> bool:
    store = folder.store()
    try:
        return open_chroma(store) is not None
    finally:
        store.close()


def test_it_finds_what_exact_search_finds_and_leaves_out_what_is_hidden(indexed: NotesFolder) -> None:
    store = indexed.store()
    vectors = open_chroma(store)
    assert vectors is not None
    query = np.array(indexed.embeddings.embed_query("subject3 Part 2 of subject3"), np.float32)
    found = vectors.nearest(query, 5)
    assert found[0][0] == exact(indexed, query, 1)[0]
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    hidden = {f"unit0/{number}.md" for number in (0, 3, 6, 9)}
    rest = vectors.nearest(query, 48, hidden)
    assert len(rest) == 32
    assert not {store.chunks([n])[0].path for n in store.numbers_of_ids([name for name, _ in rest]).values()} & hidden
    store.close()


def test_when_nothing_changed_nothing_is_made(indexed: NotesFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chroma, "_WORKER", "raise SystemExit('started')")
    assert indexed.sync(chroma=True).warnings == []
    indexed.write("blank.md", "")  # a change that no chunk comes of
    assert indexed.sync(chroma=True).warnings == []


def test_an_older_one_is_ignored_and_replaced(indexed: NotesFolder) -> None:
    older = current(indexed)
    indexed.write("new.md", note("apples"))
    indexed.sync(chroma=False)
    assert older.is_dir()
    assert not open_and_close(indexed)
    indexed.sync(chroma=True)
    assert not older.exists()
    assert open_and_close(indexed)
    assert faults_of(indexed.index) == []


def test_one_without_its_marker_is_ignored(indexed: NotesFolder) -> None:
    marker = current(indexed) / "complete.json"
    for content in (b"", b"{", b"[]", b'{"chunks": 1}'):
        marker.write_bytes(content)
        assert not open_and_close(indexed)
    indexed.sync(chroma=True)
    assert faults_of(indexed.index) == []


def test_what_others_left_in_its_folder_is_removed(indexed: NotesFolder) -> None:
    for name in ("0123456789abcdef", "0123456789abcdef-aa.building"):
        (indexed.index / "chroma" / name).mkdir()
        (indexed.index / "chroma" / name / "chroma.sqlite3").write_text("half", encoding="utf-8")
    indexed.write("new.md", note("apples"))
    indexed.sync(chroma=True)
    assert list((indexed.index / "chroma").iterdir()) == [current(indexed)]


# --- the child that fails ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os.abort()", "its process ended with -6" if os.name != "nt" else "its process ended"),
        ("raise RuntimeError('Chroma does not find a chunk')", "RuntimeError: Chroma does not find a chunk"),
        ("import time; time.sleep(60)", "it was not done in 1 s"),
    ],
)
def test_a_child_that_fails_is_said_and_not_tried_again_at_each_question(
    folder: NotesFolder, monkeypatch: pytest.MonkeyPatch, settled: None, code: str, reason: str
) -> None:
    monkeypatch.setattr(chroma, "_WORKER", code)
    monkeypatch.setattr(chroma, "_START_S", 1)
    folder.write("a.md", note("apples"))
    (warning,) = folder.sync(chroma=True).warnings
    assert f"({reason}" in warning
    assert "Search goes on without it" in warning
    assert folder.finds("apples") == {"a.md"}
    assert not open_and_close(folder)
    began = time.monotonic()
    assert folder.sync(chroma=True, wait=False).warnings == []
    assert time.monotonic() - began < 0.5
    folder.write("b.md", note("bananas"))
    assert folder.sync(chroma=True).warnings != []
    assert [path.name for path in (folder.index / "chroma").iterdir()] == ["failed.json"]


def test_a_failure_is_forgotten_after_a_day(folder: NotesFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write("a.md", note("apples"))
    with monkeypatch.context() as patch:
        patch.setattr(chroma, "_WORKER", "raise SystemExit(1)")
        folder.sync(chroma=True)
    failed = folder.index / "chroma" / "failed.json"
    record = json.loads(failed.read_text(encoding="utf-8"))
    failed.write_text(json.dumps({**record, "at": record["at"] - 90_000}), encoding="utf-8")
    assert folder.sync(chroma=True).warnings == []
    assert faults_of(folder.index, chroma=False) == []
    assert open_and_close(folder)


def test_the_child_gets_no_keys(folder: NotesFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary")
    monkeypatch.setattr(chroma, "_WORKER", "import os, sys; sys.exit('canary' in os.environ.values())")
    folder.write("a.md", note("apples"))
    folder.sync()
    store = folder.store()
    assert chroma._run_worker(folder.index, folder.index / "x", None, 10) == ""
    store.close()


def test_files_of_the_working_directory_are_not_ours(
    folder: NotesFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("json.py", "numpy.py", "chromadb.py", "sqlite3.py"):
        (tmp_path / name).write_text("raise SystemExit('not ours')", encoding="utf-8")
    (tmp_path / ".env").write_text(
        "CHROMA_API_IMPL=chromadb.api.fastapi.FastAPI\nCHROMA_SERVER_HOST=192.0.2.1\nMIGRATIONS=none\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    folder.write("a.md", note("apples"))
    assert folder.sync(chroma=True).warnings == []
    assert open_and_close(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the child in /proc")
def test_the_child_ends_with_the_writer(tmp_path: Path) -> None:
    fill(tmp_path, chunks=12_000)  # seconds of work for the child
    code = (
        "import sys; from pathlib import Path; from llmapps.rag.index.chroma import refresh_chroma;"
        "from llmapps.rag.index.store import IndexStore; refresh_chroma(IndexStore(Path(sys.argv[1])))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], env={**os.environ, "PYTHONPATH": str(REPOSITORY)}
    ) as writer:
        while not (building := list((tmp_path / "chroma").glob("*.building/*.sqlite3"))):
            time.sleep(0.005)
            assert writer.poll() is None
        writer.kill()
    until = time.monotonic() + 30
    while processes_about(building[0].parent) and time.monotonic() < until:
        time.sleep(0.02)
    assert processes_about(building[0].parent) == []
    assert not (building[0].parent / "complete.json").exists(), "it was to end, not to finish"


def fill(index: Path, chunks: int) -> None:
    """An index with so many chunks of one document, and vectors of no meaning."""
    vectors = np.random.default_rng(0).standard_normal((chunks, 64)).astype(np.float32)
    writer = IndexWriter(index)
    keys = [str(number) for number in range(chunks)]
    writer.put_vectors(keys, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    writer.put_document(
        DocumentRecord("a.md", 1, 1, 1, 1, "ab", "v1", "indexed"),
        [Chunk(number, f"text {number}", 0, 1, Place(), "") for number in range(chunks)],
        keys,
    )
    writer.close()


def processes_about(path: Path) -> list[int]:
    """The processes that have a path in their command line, but for this one."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(path).encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


# --- damage --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> NotesFolder:
    """So many chunks that Chroma has written its graph to disk."""
    folder = NotesFolder(tmp_path_factory.mktemp("large"))
    for number in range(30):
        folder.write(f"{number}.md", note(f"subject{number}", 50))
    folder.sync()
    build(folder.index, current(folder))
    return folder


GRAPH = ("data_level0.bin", "header.bin", "index_metadata.pickle", "length.bin", "link_lists.bin")


def test_the_graph_is_on_disk_and_readers_do_not_change_it(large: NotesFolder) -> None:
    folder = current(large)
    marker = read_marker(folder)
    assert marker is not None
    assert sorted(Path(name).name for name in marker.checksums) == sorted(GRAPH)
    for _ in range(3):
        assert open_and_close(large)
    assert is_intact(folder)


@pytest.mark.parametrize("how", ["truncated", "zeroed", "deleted", "one bit changed", "longer"])
@pytest.mark.parametrize("name", GRAPH)
def test_damage_of_the_graph_is_noticed_before_it_is_opened(
    large: NotesFolder, tmp_path: Path, name: str, how: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(current(large), copy)
    assert is_intact(copy), "a copy is as good"
    (path,) = copy.glob(f"*/{name}")
    damage(path, how)
    assert not is_intact(copy)


@pytest.mark.parametrize("how", ["truncated", "zeroed", "deleted"])
def test_damage_of_its_database_is_noticed_before_it_is_opened(large: NotesFolder, tmp_path: Path, how: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(current(large), copy)
    damage(copy / "chroma.sqlite3", how)
    assert not is_intact(copy)


def damage(path: Path, how: str) -> None:
    data = path.read_bytes()
    at = len(data) // 2
    if how == "deleted":
        path.unlink()
    elif how == "longer":
        path.write_bytes(data + b"\0")
    elif how == "truncated":
        path.write_bytes(data[:at])
    elif how == "zeroed":
        path.write_bytes(bytes(len(data)))
    else:
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


def test_damage_of_a_small_one_changes_no_hit(indexed: NotesFolder, tmp_path: Path) -> None:
    """In a child, as the point is that nothing of it ends the process."""
    copies = []
    small = current(indexed)
    for path in sorted(small.rglob("*.bin")):
        for how in ("truncated", "zeroed", "deleted"):
            copy = tmp_path / f"{path.name} {how}"
            shutil.copytree(small, copy)
            damage(copy / path.relative_to(small), how)
            copies.append(str(copy))
    assert len(copies) == 12
    query = np.array(indexed.embeddings.embed_query("subject3 Part 2 of subject3"), np.float32)
    code = (
        "import sys, json, numpy; from pathlib import Path; from llmapps.rag.index.chroma import ChromaVectors\n"
        "query, *folders = json.load(sys.stdin)\n"
        "for folder in folders: print(ChromaVectors(Path(folder)).nearest(numpy.array(query, 'f4'), 1)[0][0])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps([query.tolist(), *copies]),
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == exact(indexed, query, 1) * 12


def test_a_damaged_one_is_not_opened_and_made_anew_with_the_next_change(large: NotesFolder, tmp_path: Path) -> None:
    shutil.copytree(large.index.parent, tmp_path / "copy")
    folder = NotesFolder(tmp_path / "copy")
    (path,) = current(folder).glob("*/link_lists.bin")
    path.write_bytes(b"")
    assert not open_and_close(folder)
    folder.write("new.md", note("apples"))
    folder.sync(chroma=True)
    assert faults_of(folder.index) == []


# --- from a copy of the one before ---------------------------------------------------------------


def made_from_copy(folder: NotesFolder, change: Callable[[], None]) -> int:
    """The drift of the Chroma made after a change; 0: it was made from nothing."""
    change()
    folder.sync(chroma=True)
    assert faults_of(folder.index) == []
    marker = read_marker(current(folder))
    assert marker is not None
    return marker.drift


def test_a_large_one_is_changed_in_a_copy_until_too_much_has_changed(
    indexed: NotesFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chroma, "_COPY_FROM", 1)
    assert made_from_copy(indexed, lambda: indexed.write("new.md", note("apples", 4)) and None) == 4
    assert made_from_copy(indexed, (indexed.path / "unit1" / "1.md").unlink) == 8
    assert made_from_copy(indexed, lambda: indexed.write("new.md", note("pears", 8)) and None) == 0


def test_a_damaged_one_is_not_copied(indexed: NotesFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chroma, "_COPY_FROM", 1)
    damage(current(indexed) / "chroma.sqlite3", "truncated")
    assert made_from_copy(indexed, lambda: indexed.write("new.md", note("apples")) and None) == 0


def test_a_copy_that_turns_out_bad_is_made_from_nothing(indexed: NotesFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    import chromadb

    monkeypatch.setattr(chroma, "_COPY_FROM", 1)
    client = chromadb.PersistentClient(str(current(indexed)))
    collection = client.get_collection("chunks", embedding_function=None)
    names = collection.get(include=[])["ids"]
    collection.update(ids=names, embeddings=np.eye(DIMENSIONS, dtype=np.float32)[: len(names)])
    client.close()
    write_marker(current(indexed), chunks=48, drift=0)
    assert made_from_copy(indexed, lambda: indexed.write("new.md", note("apples")) and None) == 0


def test_an_index_without_chunks_has_a_chroma_without_any(folder: NotesFolder) -> None:
    folder.write("blank.md", "")
    assert folder.sync(chroma=True).warnings == []
    assert faults_of(folder.index) == []


def test_that_it_cannot_be_started_is_said(folder: NotesFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write("a.md", note("apples"))
    folder.sync()
    store = folder.store()
    monkeypatch.setattr(sys, "executable", str(folder.path / "no python"))
    assert "No such file" in refresh_chroma(store) or os.name == "nt"
    store.close()
