"""The laws of bringing an index up to date. Each test is named after its law."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standins.index_check import faults_of
from standins.notes_folder import CountedEmbeddings, NotesFolder, note

from llmapps.errors import IndexIdentityError, NotesError, ProviderError
from llmapps.project import Notes
from llmapps.rag.index import lock, sync


def tree(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Everything below a folder, with times and contents."""
    return {
        path.relative_to(root).as_posix(): (
            path.stat().st_mtime_ns,
            path.stat().st_mode,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in [root, *sorted(root.rglob("*"))]
    }


def test_adding_twice_is_adding_once(folder: NotesFolder) -> None:
    folder.write("a.md", note("apples", 3))
    first = folder.sync()
    before = folder.contents()
    second = folder.sync()
    assert (first.added, first.chunks, first.embedded) == (1, 3, 3)
    assert (second.added, second.unchanged, second.chunks, second.embedded) == (0, 1, 3, 0)
    assert folder.contents() == before
    assert faults_of(folder.index, chroma=False) == []


def test_deleted_is_never_found(folder: NotesFolder) -> None:
    folder.write("a.md", note("apples", 2))
    folder.write("b.md", note("bananas", 2))
    folder.sync()
    assert folder.finds("apples") == {"a.md"}
    (folder.path / "a.md").unlink()
    report = folder.sync()
    assert (report.removed, report.unchanged, report.embedded) == (1, 1, 0)
    assert folder.finds("apples") == set()
    assert set(folder.contents()) == {"b.md"}
    assert faults_of(folder.index, chroma=False) == []


def test_deleted_is_not_found_while_others_are_still_embedded(folder: NotesFolder) -> None:
    folder.write("a.md", note("apples"))
    folder.sync()
    (folder.path / "a.md").unlink()
    folder.write("b.md", note("bananas"))
    found: list[set[str]] = []
    folder.embeddings.before = lambda _: found.append(folder.finds("apples"))
    folder.sync()
    assert found == [set()]


def test_unchanged_costs_no_embedding_and_no_lock(folder: NotesFolder, settled: None) -> None:
    for number in range(5):
        folder.write(f"{number}.md", note(f"subject{number}"))
    folder.write("empty.md", "")
    folder.write("broken.ipynb", "{not json")
    folder.sync()
    embedded = len(folder.embeddings.texts)
    with lock.writing(folder.index, wait=False):  # a sync that wanted to write would be refused
        report = folder.sync(wait=False)
    assert (report.unchanged, report.empty, len(report.failed)) == (5, 1, 1)
    assert len(folder.embeddings.texts) == embedded


def test_unchanged_is_noticed_two_seconds_after_the_last_change(folder: NotesFolder) -> None:
    folder.write("a.md", note("apples"))
    folder.sync()
    time.sleep(2.1)
    assert folder.sync().unchanged == 1  # read once more: it was written just before it was read
    with lock.writing(folder.index, wait=False):
        assert folder.sync(wait=False).unchanged == 1


def test_renamed_costs_no_embedding(folder: NotesFolder) -> None:
    folder.write("old.md", note("apples", 3))
    folder.sync()
    (folder.path / "old.md").rename(folder.path / "new name.md")
    (folder.path / "deeper").mkdir()
    report = folder.sync()
    assert (report.added, report.removed, report.chunks, report.embedded) == (1, 1, 3, 0)
    assert folder.finds("apples") == {"new name.md"}
    assert faults_of(folder.index, chroma=False) == []


def test_a_copy_costs_no_embedding(folder: NotesFolder) -> None:
    folder.write("a.md", note("apples", 3))
    folder.sync()
    folder.write("unit2/a.md", note("apples", 3))
    report = folder.sync()
    assert (report.added, report.chunks, report.embedded) == (1, 6, 0)
    assert folder.finds("apples") == {"a.md", "unit2/a.md"}
    (folder.path / "a.md").unlink()
    assert folder.sync().embedded == 0
    assert folder.finds("apples") == {"unit2/a.md"}
    assert faults_of(folder.index, chroma=False) == []


def test_changed_file_embeds_only_changed_chunks(folder: NotesFolder) -> None:
    folder.write("a.md", note("apples", 6))
    folder.sync()
    folder.write("a.md", note("apples", 6).replace("apples3 ", "pears ", 1))
    report = folder.sync()
    assert (report.changed, report.chunks, report.embedded) == (1, 6, 1)
    assert faults_of(folder.index, chroma=False) == []


def test_chunks_that_only_moved_keep_their_numbers_and_get_their_new_place(folder: NotesFolder) -> None:
    folder.write("a.md", note("apples", 3))
    folder.sync()
    store = folder.store()
    before, generation = store.numbers_and_ids(), store.generation
    folder.write("a.md", "\n\n\n" + note("apples", 3))
    report = folder.sync()
    assert (report.changed, report.embedded) == (1, 0)
    assert (store.numbers_and_ids(), store.generation) == (before, generation)
    (first, *_) = store.chunks(sorted(before))
    assert first.place.lines is not None
    assert first.place.lines[0] >= 4
    store.close()


def test_counts_add_up(folder: NotesFolder) -> None:
    folder.write("same.md", note("apples"))
    folder.write("edited.md", note("bananas"))
    folder.write("deleted.md", note("cherries"))
    folder.write("broken.ipynb", "{")
    folder.sync()
    folder.write("edited.md", note("dates"))
    (folder.path / "deleted.md").unlink()
    folder.write("new.md", note("elderberries"))
    folder.write("blank.txt", " \n")
    folder.write("picture.png", b"\x89PNG")
    report = folder.sync()  # NotesFolder.sync adds them up
    counts = report.added, report.changed, report.unchanged, report.removed, report.empty, len(report.failed)
    assert counts == (1, 1, 1, 1, 1, 1)
    assert report.skipped == 1
    assert set(report.to_dict()) >= {
        "added",
        "changed",
        "unchanged",
        "removed",
        "empty",
        "failed",
        "chunks",
        "embedded",
    }


def test_empty_folder_is_an_error_and_the_index_stays(folder: NotesFolder) -> None:
    folder.write("a.md", note("apples"))
    folder.sync()
    before = folder.contents()
    (folder.path / "a.md").rename(folder.path / "a.xyz")
    for rebuild in (False, True):
        with pytest.raises(NotesError) as caught:
            folder.sync(rebuild=rebuild)
        assert str(folder.path) in str(caught.value)
        assert "(1 files of other formats are there)" in str(caught.value)
        assert "Put notes there; these formats are read: " in str(caught.value)
        assert " .md " in str(caught.value)
    assert folder.contents() == before


def test_an_empty_folder_leaves_no_index_behind(folder: NotesFolder) -> None:
    with pytest.raises(NotesError):
        folder.sync()
    assert not folder.index.exists()


def test_other_embedding_is_an_error_until_rebuild(folder: NotesFolder) -> None:
    folder.write("a.md", note("apples", 2))
    folder.sync()
    before = folder.contents()
    folder.embeddings.identity = "fake:other"  # type: ignore[misc]
    with pytest.raises(IndexIdentityError) as caught:
        folder.sync()
    assert f'"{CountedEmbeddings.identity}"' in str(caught.value)
    assert '"fake:other"' in str(caught.value)
    assert "--rebuild" in str(caught.value)
    assert folder.contents() == before
    report = folder.sync(rebuild=True)
    assert (report.added, report.embedded) == (1, 2)
    assert folder.sync().unchanged == 1


def test_a_model_that_never_answered_does_not_claim_the_index(folder: NotesFolder) -> None:
    folder.write("a.md", note("apples"))
    folder.embeddings.before = fail_with("unreachable")
    with pytest.raises(ProviderError):
        folder.sync()
    folder.embeddings = CountedEmbeddings()
    folder.embeddings.identity = "fake:other"  # type: ignore[misc]
    assert folder.sync().added == 1


def test_a_model_that_does_not_answer_does_not_cost_the_index_on_rebuild(folder: NotesFolder) -> None:
    folder.write("a.md", note("apples"))
    folder.sync()
    before = folder.contents()
    folder.embeddings.before = fail_with("unreachable")
    with pytest.raises(ProviderError):
        folder.sync(rebuild=True)
    assert folder.contents() == before
    assert folder.sync().unchanged == 1


def test_vectors_of_another_length_are_an_error(folder: NotesFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write("a.md", note("apples"))
    folder.sync()
    folder.write("b.md", note("bananas"))
    monkeypatch.setattr(type(folder.embeddings), "embed_documents", lambda _, texts: [[1.0, 0.0] for _ in texts])
    with pytest.raises(IndexIdentityError, match=r"vectors of 2 numbers, .* holds vectors of \d+\. .*--rebuild"):
        folder.sync()


def fail_with(kind: str):  # type: ignore[no-untyped-def]
    def before(_: list[str]) -> None:
        raise ProviderError("The model failed.", kind=kind, provider="fake")  # type: ignore[arg-type]

    return before


def test_one_text_that_cannot_be_embedded_fails_alone(folder: NotesFolder) -> None:
    for name in ("a", "b", "c"):
        folder.write(f"{name}.md", note(f"{name}pples", 2))

    def before(texts: list[str]) -> None:
        if any("bpples" in text for text in texts):
            fail_with("bad_request")(texts)

    folder.embeddings.before = before
    report = folder.sync()
    assert report.added == 2
    assert [(failure.path, failure.reason) for failure in report.failed] == [
        ("b.md", "could not be embedded: The model failed")
    ]
    folder.embeddings.before = None
    assert folder.sync().failed == report.failed  # remembered: nothing has changed
    folder.write("b.md", note("berries", 2))
    assert folder.sync().changed == 1
    assert faults_of(folder.index, chroma=False) == []


def test_a_model_that_fails_at_everything_is_an_error_and_no_fault_of_the_notes(folder: NotesFolder) -> None:
    folder.write("a.md", note("apples"))
    folder.embeddings.before = fail_with("bad_request")
    with pytest.raises(ProviderError, match="The model failed"):
        folder.sync()
    folder.embeddings.before = None
    assert folder.sync().added == 1


def test_notes_are_never_written_to(folder: NotesFolder) -> None:
    folder.write("a.md", note("apples"))
    folder.write("unit 1/b.txt", note("bananas"))
    folder.write("broken.ipynb", "{")
    folder.write("blank.md", "")
    before = tree(folder.path)
    folder.sync()
    folder.sync(rebuild=True)
    assert tree(folder.path) == before


def test_a_file_only_touched_is_unchanged(folder: NotesFolder, settled: None) -> None:
    path = folder.write("a.md", note("apples"))
    folder.sync()
    store = folder.store()
    generation = store.generation
    os.utime(path, (1, 1))
    report = folder.sync()
    assert (report.unchanged, report.changed, report.embedded) == (1, 0, 0)
    assert store.generation == generation
    store.close()
    with lock.writing(folder.index, wait=False):  # and the new time is remembered
        assert folder.sync(wait=False).unchanged == 1


def test_an_edit_within_two_seconds_that_keeps_size_and_time_is_noticed(folder: NotesFolder) -> None:
    path = folder.write("a.md", note("apples"))
    folder.sync()
    times = path.stat()
    path.write_text(note("apples").replace("apples0 ", "bapple0 "), encoding="utf-8")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert path.stat().st_size == times.st_size
    assert folder.sync().changed == 1
    assert folder.finds("bapple0") == {"a.md"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no time that a program cannot set")
def test_an_edit_at_any_time_that_keeps_size_and_time_is_noticed(folder: NotesFolder, settled: None) -> None:
    path = folder.write("a.md", note("apples"))
    os.utime(path, (1_000_000_000, 1_000_000_000))
    folder.sync()
    path.write_text(note("apples").replace("apples0 ", "bapple0 "), encoding="utf-8")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    assert folder.sync().changed == 1


def test_a_newer_loader_reads_its_files_again(
    folder: NotesFolder, settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from llmapps.rag.index.plan import _version_of_ending
    from llmapps.rag.loading import markdown_note

    folder.write("a.md", note("apples"))
    folder.write("b.txt", note("bananas"))
    folder.sync()
    monkeypatch.setattr(markdown_note, "VERSION", 999)
    _version_of_ending.cache_clear()
    try:
        report = folder.sync()
    finally:
        _version_of_ending.cache_clear()
    assert (report.changed, report.unchanged, report.embedded) == (1, 1, 0)


def test_a_single_file_is_notes_too(folder: NotesFolder) -> None:
    path = folder.write("only.md", note("apples", 2))
    folder.write("other.md", note("bananas"))
    notes = Notes(path=path, course_file=None, index=folder.index, name="only.md")
    report = sync.sync_notes(notes, folder.embeddings, sync.SyncOptions(chroma=False))
    assert (report.added, report.chunks) == (1, 2)
    assert set(folder.contents()) == {"only.md"}


def test_an_index_moves_with_its_notes(folder: NotesFolder, settled: None, tmp_path: Path) -> None:
    folder.write("unit 1/a.md", note("apples"))
    folder.sync()
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    folder.path.rename(moved / "notes")
    folder.index.rename(moved / "index")
    there = NotesFolder(moved)
    report = there.sync(wait=False)
    assert (report.unchanged, report.embedded) == (1, 0)
    assert there.finds("apples") == {"unit 1/a.md"}


@settings(max_examples=25)
@given(
    st.dictionaries(
        st.text(
            st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters='/\\:*?"<>|'),
            min_size=1,
            max_size=40,
        ).map(lambda name: f"n{name}.md"),
        st.integers(0, 3),
        min_size=1,
        max_size=5,
    )
)
def test_any_name_of_a_file_is_kept_as_it_is(tmp_path_factory: pytest.TempPathFactory, names: dict[str, int]) -> None:
    folder = NotesFolder(tmp_path_factory.mktemp("named"))
    for name, sections in names.items():
        folder.write(name, note("apples", sections) if sections else "")
    folder.sync()
    assert set(folder.contents()) == {path.name for path in folder.path.iterdir()}


def test_very_long_names_and_deep_folders(folder: NotesFolder) -> None:
    deep = "/".join(["a folder with a long name " * 4] * 8)
    folder.write(f"{'x' * 200}.md", note("apples"))
    folder.write(f"{deep}/{'ü' * 100}.md", note("bananas"))
    assert folder.sync().added == 2
    assert folder.finds("bananas") == {f"{deep}/{'ü' * 100}.md"}


def test_progress_comes_to_its_end_whatever_happens(folder: NotesFolder) -> None:
    told: list[str] = []
    amounts: list[float] = []

    class Told:
        def begin(self, total: int) -> None:
            told.append(f"begin {total}")

        def advance(self, amount: float) -> None:
            amounts.append(amount)

        def end(self) -> None:
            told.append("end")

    for number in range(3):
        folder.write(f"{number}.md", note(f"subject{number}", 2))
    size = sum(path.stat().st_size for path in folder.path.iterdir())
    folder.sync(progress=Told())
    assert told == [f"begin {size}", "end"]
    assert sum(amounts) == pytest.approx(size)
    folder.write("3.md", note("more"))
    folder.embeddings.before = fail_with("unreachable")
    with pytest.raises(ProviderError):
        folder.sync(progress=Told())
    assert told[-1] == "end"


def test_what_was_embedded_before_an_interruption_stays(folder: NotesFolder) -> None:
    for number in range(6):
        folder.write(f"{number}.md", note(f"subject{number}", 60))
    calls = 0

    def before(_: list[str]) -> None:
        nonlocal calls
        calls += 1
        if calls == 8:  # batches of 32: in the second group
            raise KeyboardInterrupt

    folder.embeddings.before = before
    with pytest.raises(KeyboardInterrupt):
        folder.sync()
    done = {path for path, chunks in folder.contents().items() if chunks}
    assert 0 < len(done) < 6
    assert (folder.index / "writer.json").exists() is False
    folder.embeddings.before = None
    report = folder.sync(wait=False)  # the lock is free
    assert report.unchanged == len(done)
    assert report.added == 6 - len(done)
    assert report.embedded == 60 * (6 - len(done))
    assert faults_of(folder.index, chroma=False) == []


def test_vectors_of_a_long_document_stay_when_it_is_interrupted(folder: NotesFolder) -> None:
    folder.write("long.md", note("subject", 600))

    def before(_: list[str]) -> None:
        if len(folder.embeddings.texts) >= 320:
            raise KeyboardInterrupt

    folder.embeddings.before = before
    with pytest.raises(KeyboardInterrupt):
        folder.sync()
    folder.embeddings.before = None
    report = folder.sync()
    assert (report.added, report.chunks) == (1, 600)
    assert report.embedded == 600 - 256
    assert faults_of(folder.index, chroma=False) == []


def test_an_interrupted_run_is_tidied_up_although_nothing_is_left_to_do(folder: NotesFolder, settled: None) -> None:
    folder.write("a.md", note("apples", 2))
    folder.sync()
    folder.write("b.md", note("bananas", 300))

    def before(_: list[str]) -> None:
        if len(folder.embeddings.texts) > 260:
            raise KeyboardInterrupt

    folder.embeddings.before = before
    with pytest.raises(KeyboardInterrupt):
        folder.sync()
    assert "vectors without chunk" in "".join(faults_of(folder.index, chroma=False))
    (folder.path / "b.md").unlink()
    folder.embeddings.before = None
    assert folder.sync().unchanged == 1
    assert faults_of(folder.index, chroma=False) == []
