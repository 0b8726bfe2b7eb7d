"""One writer at a time, across processes; readers are never held up."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import pytest
from standins.index_check import faults_of
from standins.index_process import IndexProcess
from standins.notes_folder import CountedEmbeddings, NotesFolder, note
from standins.other_user import as_ordinary_user

from llmapps.errors import IndexBusyError, NotesIndexError
from llmapps.rag.index.lock import describe_writer, writing
from llmapps.rag.index.report import SyncOptions, SyncReport
from llmapps.rag.index.sync import sync_notes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = NotesFolder(tmp_path)
    for number in range(8):
        folder.write(f"{number}.md", note(f"subject{number}", 20))
    return tmp_path


def test_the_second_writer_waits_and_says_who_is_writing(root: Path) -> None:
    with IndexProcess(root, "--delay", "0.3") as first:
        first.wait_for("embedding")
        with IndexProcess(root) as second:
            sentence = second.wait_for("waiting")
            assert str(first.process.pid) in sentence
            assert socket.gethostname() in sentence
            assert re.search(r"\(since \d\d:\d\d:\d\d\)\. Waiting for it to finish\.$", sentence)
            assert first.end()[1]["report"]["added"] == 8
            code, told, _ = second.end()
    assert code == 0
    assert (told["report"]["unchanged"], told["report"]["embedded"]) == (8, 0)
    assert faults_of(root / "index", chroma=False) == []


def test_without_waiting_the_second_writer_leaves_within_a_second(root: Path) -> None:
    folder = NotesFolder(root)
    with IndexProcess(root, "--delay", "0.4") as first:
        first.wait_for("embedding")
        for _ in range(5):
            began = time.monotonic()
            with pytest.raises(IndexBusyError) as caught:
                sync_notes(folder.notes, folder.embeddings, SyncOptions(wait=False))
            assert time.monotonic() - began < 1
            assert f"process {first.process.pid} " in str(caught.value)
            assert "Try again when it has finished" in str(caught.value)
            assert caught.value.exit_code == 3
        with IndexProcess(root, "--no-wait") as second:
            code, told, _ = second.end()
        assert (code, told["error"][0]) == (3, "IndexBusyError")
        assert first.end()[0] == 0
    assert folder.embeddings.texts == []
    assert faults_of(root / "index", chroma=False) == []


def test_of_many_that_start_at_once_one_writes_and_all_end_well(root: Path) -> None:
    processes = [IndexProcess(root, "--delay", "0.02") for _ in range(5)]
    told = [process.end() for process in processes]
    assert [code for code, _, _ in told] == [0] * 5
    reports = [told["report"] for _, told, _ in told]
    assert sorted(report["added"] for report in reports) == [0, 0, 0, 0, 8]
    assert sum(report["embedded"] for report in reports) == 160
    assert faults_of(root / "index", chroma=False) == []


def test_of_many_that_do_not_wait_exactly_one_writes(root: Path) -> None:
    with IndexProcess(root, "--delay", "0.4") as first:
        first.wait_for("embedding")
        others = [IndexProcess(root, "--no-wait") for _ in range(4)]
        assert [process.end()[0] for process in others] == [3] * 4
        assert first.end()[0] == 0


def test_a_writer_that_waited_does_not_undo_what_was_newer_than_its_look_at_the_folder(root: Path) -> None:
    folder = NotesFolder(root)
    with IndexProcess(root, "--delay", "0.2") as first:
        first.wait_for("embedding")
        waited = threading.Event()
        threading.Timer(0.1, lambda: folder.write("new.md", note("newer"))).start()
        sync_notes(folder.notes, folder.embeddings, SyncOptions(chroma=False, on_wait=lambda _: waited.set()))
        assert waited.is_set()
        first.end()
    assert folder.finds("newer") == {"new.md"}
    assert folder.sync().removed == 0


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_the_lock_of_a_killed_writer_is_free_at_once(root: Path) -> None:
    with IndexProcess(root, "--delay", "5") as first:
        first.wait_for("embedding")
        os.kill(first.process.pid, signal.SIGKILL)
        first.end()
    began = time.monotonic()
    report = NotesFolder(root).sync(wait=False)
    assert time.monotonic() - began < 5
    assert report.added == 8
    assert faults_of(root / "index", chroma=False) == []


def test_readers_are_not_held_up_and_see_whole_documents_only(root: Path) -> None:
    folder = NotesFolder(root)
    folder.sync()
    for number in range(8):
        folder.write(f"{number}.md", note(f"subject{number}", 12))
    for number in range(8, 30):
        folder.write(f"{number}.md", note(f"subject{number}", 20))
    longest, seen = 0.0, set()
    with IndexProcess(root, "--delay", "0.05") as writer:
        writer.wait_for("embedding")
        while writer.process.poll() is None:
            began = time.monotonic()
            contents = folder.contents()
            longest = max(longest, time.monotonic() - began)
            for path, chunks in contents.items():
                assert [chunk[0] for chunk in chunks] == list(range(len(chunks)))
                assert len(chunks) in ({12, 20} if int(path.removesuffix(".md")) < 8 else {20}), path
            seen.add(len(contents))
        assert writer.end()[0] == 0
    assert len(seen) > 2, "the reader was to see the index grow"
    assert longest < 2


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to another process")
def test_ctrl_c_while_embedding_keeps_what_was_done_and_frees_the_lock(root: Path) -> None:
    with IndexProcess(root, "--delay", "0.3") as first:
        for _ in range(6):  # batches of 32 texts: the second group has begun
            first.wait_for("embedding")
        os.killpg(first.process.pid, signal.SIGINT)
        code, _, err = first.end(timeout_s=10)
    assert (code, err) == (130, "")
    report = NotesFolder(root).sync(wait=False)
    assert report.unchanged > 0
    assert report.unchanged + report.added == 8
    assert report.embedded == 20 * report.added
    assert faults_of(root / "index", chroma=False) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to another process")
def test_ctrl_c_while_chroma_is_made_ends_at_once_and_the_next_run_makes_it(root: Path) -> None:
    with IndexProcess(root, "--chroma") as first:
        while not list((root / "index" / "chroma").glob("*.building")):
            time.sleep(0.005)
            assert first.process.poll() is None
        os.killpg(first.process.pid, signal.SIGINT)
        code, _, err = first.end(timeout_s=5)
    assert (code, err) == (130, "")
    report = NotesFolder(root).sync(chroma=True, wait=False)
    assert (report.unchanged, report.embedded, report.warnings) == (8, 0, [])
    assert faults_of(root / "index") == []


def test_threads_of_one_process_wait_for_each_other_too(root: Path) -> None:
    folder = NotesFolder(root)
    reports: list[SyncReport] = []

    def sync() -> None:
        reports.append(sync_notes(folder.notes, CountedEmbeddings(), SyncOptions(chroma=False)))

    threads = [threading.Thread(target=sync) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(report.added for report in reports) == [0, 0, 0, 8]
    assert faults_of(folder.index, chroma=False) == []


def test_whoever_holds_the_lock_is_described_even_without_a_note(tmp_path: Path) -> None:
    assert describe_writer(tmp_path) == f"The index in {tmp_path} is being written by another process."
    (tmp_path / "writer.json").write_text("[]", encoding="utf-8")
    assert "by another process" in describe_writer(tmp_path)


def test_the_lock_is_freed_after_an_error_and_leaves_no_note(tmp_path: Path) -> None:
    def fail() -> None:
        with writing(tmp_path, wait=False):
            assert str(os.getpid()) in describe_writer(tmp_path)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not (tmp_path / "writer.json").exists()
    with writing(tmp_path, wait=False):
        pass


def test_a_folder_that_cannot_be_written_is_an_error_that_names_it() -> None:
    with as_ordinary_user() as root:
        root.chmod(0o500)
        with (
            pytest.raises(NotesIndexError, match=r"The index in .*new cannot be written \(Permission denied\): check"),
            writing(root / "new", wait=True),
        ):
            pass
