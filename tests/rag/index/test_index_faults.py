"""When the disk is full, closed or broken: one sentence that says what to do, nothing lost, and the next run goes on."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from standins.index_check import faults_of
from standins.index_process import IndexProcess
from standins.notes_folder import NotesFolder, note
from standins.other_user import as_ordinary_user

from llmapps.errors import NotesIndexError
from llmapps.rag.index.faults import index_faults
from llmapps.rag.index.schema import FILE_NAME
from llmapps.rag.index.store import IndexStore


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
@pytest.mark.parametrize("most_bytes", [20_000, 100_000, 250_000, 400_000, 700_000])
def test_a_full_disk_is_one_sentence_and_the_next_run_completes(tmp_path: Path, most_bytes: int) -> None:
    folder = NotesFolder(tmp_path)
    for number in range(40):
        folder.write(f"{number}.md", note(f"subject{number}", 12))
    with IndexProcess(tmp_path, "--most-bytes", str(most_bytes)) as starved:
        code, told, err = starved.end()
    assert (code, err) == (2, "")
    kind, sentence = told["error"]
    assert kind == "NotesIndexError"
    assert str(folder.index) in sentence
    assert "cannot be written" in sentence
    assert "free disk space (" in sentence
    report = folder.sync()
    assert report.added + report.unchanged == 40
    assert faults_of(folder.index, chroma=False) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_a_disk_that_is_full_when_the_index_is_to_be_updated_leaves_what_was_there(tmp_path: Path) -> None:
    folder = NotesFolder(tmp_path)
    folder.write("a.md", note("apples", 40))
    folder.sync()
    before = folder.contents()
    folder.write("b.md", note("bananas", 400))
    size = (folder.index / FILE_NAME).stat().st_size
    with IndexProcess(tmp_path, "--most-bytes", str(size + 8192)) as starved:
        assert starved.end()[0] == 2
    assert folder.contents() == before
    assert folder.sync().added == 1
    assert faults_of(folder.index, chroma=False) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_a_disk_too_full_for_chroma_is_a_warning(tmp_path: Path) -> None:
    folder = NotesFolder(tmp_path)
    folder.write("a.md", note("apples"))
    with IndexProcess(tmp_path, "--chroma", "--most-bytes", "150000") as starved:
        code, told, err = starved.end()
    assert (code, err, told["report"]["added"]) == (0, "", 1)
    (warning,) = told["warnings"]
    assert warning.startswith("Chroma could not be made from the index (")
    assert folder.finds("apples") == {"a.md"}
    folder.write("b.md", note("bananas"))
    folder.sync(chroma=True)
    assert faults_of(folder.index) == []


def test_a_closed_index_is_an_error_only_when_there_is_something_to_write(settled: None) -> None:
    with as_ordinary_user() as root:
        folder = NotesFolder(root)
        folder.write("a.md", note("apples"))
        folder.sync()
        for path in folder.index.iterdir():
            path.chmod(0o400)
        folder.index.chmod(0o500)
        assert folder.sync().unchanged == 1
        assert folder.finds("apples") == {"a.md"}
        folder.write("b.md", note("bananas"))
        with pytest.raises(NotesIndexError) as caught:
            folder.sync()
        assert str(folder.index) in str(caught.value)
        assert "check that the folder" in str(caught.value)
        assert "may be written to" in str(caught.value)
        folder.index.chmod(0o700)
        for path in folder.index.iterdir():
            path.chmod(0o600)
        assert folder.sync().added == 1


def test_an_index_on_a_medium_that_cannot_be_written_is_read_with_and_without_a_log(tmp_path: Path) -> None:
    with as_ordinary_user() as root:
        folder = NotesFolder(root)
        folder.write("a.md", note("apples"))
        folder.sync()
        for suffix in ("-wal", "-shm"):
            (folder.index / f"{FILE_NAME}{suffix}").unlink(missing_ok=True)
        folder.index.chmod(0o500)
        assert folder.finds("apples") == {"a.md"}
        folder.index.chmod(0o700)


def zeroed(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def torn(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 * 2 : 4096 * 4] = os.urandom(4096 * 2)
    path.write_bytes(data)


def text(path: Path) -> None:
    path.write_text("This is no database.\n" * 200, encoding="utf-8")


def foreign(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE meta (name, value); CREATE TABLE documents (a); PRAGMA user_version = 2;")
    connection.close()


@pytest.mark.parametrize("damage", [zeroed, truncated, torn, text, foreign])
def test_a_damaged_index_says_so_and_is_made_anew(folder: NotesFolder, damage: Callable[[Path], None]) -> None:
    for number in range(10):
        folder.write(f"{number}.md", note(f"subject{number}", 5))
    folder.sync()
    damage(folder.index / FILE_NAME)
    folder.write("new.md", note("apples"))
    for attempt in (folder.sync, folder.contents):
        try:
            attempt()
        except NotesIndexError as error:
            sentence = str(error)
            assert str(folder.index) in sentence
            assert "`llmapps index --rebuild`" in sentence or "Run `llmapps index`" in sentence
    report = folder.sync(rebuild=True)
    assert (report.added, report.embedded) == (11, 51)
    assert faults_of(folder.index, chroma=False) == []
    assert folder.sync().unchanged == 11


@pytest.mark.parametrize("damage", [text, torn])
def test_damage_is_never_met_as_an_error_of_sqlite(folder: NotesFolder, damage: Callable[[Path], None]) -> None:
    for number in range(10):
        folder.write(f"{number}.md", note(f"subject{number}", 5))
    folder.sync()
    damage(folder.index / FILE_NAME)
    with pytest.raises(NotesIndexError, match=r"is damaged \(.*\)\. Make it anew with `llmapps index --rebuild`"):
        folder.contents()


@pytest.mark.parametrize("table", ["chunks_fts_data", "chunks_fts_config", "chunks_fts_docsize"])
def test_a_damaged_full_text_index_is_made_anew(folder: NotesFolder, table: str) -> None:
    folder.write("a.md", note("apples", 3))
    folder.sync()
    connection = sqlite3.connect(folder.index / FILE_NAME)
    connection.execute(f"DELETE FROM {table}")
    connection.commit()
    connection.close()
    folder.write("b.md", note("bananas"))
    with contextlib.suppress(NotesIndexError):  # not every damage is met by every sync
        folder.sync()
    folder.sync(rebuild=True)
    assert folder.finds("apples") == {"a.md"}
    assert faults_of(folder.index, chroma=False) == []


def test_the_log_of_a_damaged_index_does_not_come_back_in_the_new_one(folder: NotesFolder, tmp_path: Path) -> None:
    folder.write("a.md", note("apples"))
    folder.sync()
    reader = folder.store()  # keeps the log from being taken into the database
    folder.write("b.md", note("bananas"))
    folder.sync()
    crashed = NotesFolder(tmp_path)
    crashed.index = tmp_path / "crashed"
    shutil.copytree(folder.index, crashed.index, ignore=shutil.ignore_patterns("*-shm"))
    reader.close()
    text(crashed.index / FILE_NAME)
    (folder.path / "a.md").unlink()
    assert crashed.sync(rebuild=True).added == 1
    assert set(crashed.contents()) == {"b.md"}
    assert faults_of(crashed.index, chroma=False) == []


def test_vectors_of_two_lengths_are_damage(folder: NotesFolder) -> None:
    folder.write("a.md", note("apples", 2))
    folder.sync()
    connection = sqlite3.connect(folder.index / FILE_NAME)
    connection.execute("UPDATE vectors SET vector = x'00' WHERE key = (SELECT min(key) FROM vectors)")
    connection.commit()
    connection.close()
    store = folder.store()
    with pytest.raises(NotesIndexError, match=r"vectors of several lengths.*--rebuild"):
        store.all_vectors()
    store.close()


def test_an_index_that_was_deleted_is_made_again(folder: NotesFolder, settled: None) -> None:
    folder.write("a.md", note("apples"))
    folder.sync()
    shutil.rmtree(folder.index)
    assert folder.sync().added == 1


def test_an_index_held_by_another_program_is_an_error_that_says_so(
    folder: NotesFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from llmapps.rag.index import schema

    folder.write("a.md", note("apples"))
    folder.sync()
    monkeypatch.setattr(schema, "_BUSY_S", 0.1)
    other = sqlite3.connect(folder.index / FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    folder.write("b.md", note("bananas"))
    with pytest.raises(NotesIndexError, match=r"is held by another program \(database is locked\): close what has it"):
        folder.sync()
    other.close()
    assert folder.sync().added == 1


def test_other_programs_mistakes_have_other_words(tmp_path: Path) -> None:
    with pytest.raises(NotesIndexError, match=r"cannot be written \(No space left on device\): free disk space \("):
        raise_in(tmp_path, OSError(28, "No space left on device"))
    with pytest.raises(NotesIndexError, match=r"cannot be used \(no code\)\. Make it anew"):
        raise_in(tmp_path, sqlite3.ProgrammingError("no code"))
    with pytest.raises(NotesIndexError, match=r"free disk space\.$"):
        raise_in(tmp_path / "none", OSError(28, "No space left on device"))


def raise_in(folder: Path, error: Exception) -> None:
    with index_faults(folder):
        raise error


def test_what_is_in_the_log_after_a_crash_is_read(folder: NotesFolder) -> None:
    folder.write("a.md", note("apples"))
    folder.sync()
    copy = folder.index.with_name("copy")
    reader = IndexStore(folder.index)
    folder.write("b.md", note("bananas"))
    folder.sync()
    assert (folder.index / f"{FILE_NAME}-wal").stat().st_size > 0
    shutil.copytree(folder.index, copy, ignore=shutil.ignore_patterns("*-shm"))
    crashed = IndexStore(copy)
    assert set(crashed.documents()) == {"a.md", "b.md"}
    crashed.close()
    reader.close()


def test_a_schema_that_is_no_text_is_told_and_made_anew(tmp_path: Path) -> None:
    from llmapps.rag.index.schema import open_anew

    folder = tmp_path / "index"
    open_anew(folder).close()
    path = folder / FILE_NAME
    data = path.read_bytes()
    path.write_bytes(data.replace(b"CREATE TABLE documents", b"CREATE T\xffBLE documents"))
    with pytest.raises(NotesIndexError, match="--rebuild"):
        IndexStore(folder).documents()
    open_anew(folder).close()
    assert IndexStore(folder).documents() == {}


def test_a_folder_in_the_place_of_the_index_is_told(tmp_path: Path) -> None:
    from llmapps.rag.index.schema import open_anew

    (tmp_path / "index" / FILE_NAME).mkdir(parents=True)
    with pytest.raises(NotesIndexError, match="Delete it"):
        open_anew(tmp_path / "index")
