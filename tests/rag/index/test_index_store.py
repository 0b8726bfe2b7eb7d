"""Reading and writing the index itself, and what it says of itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmapps.errors import NotesIndexError
from llmapps.rag.index.records import DocumentRecord, chunk_id, parse_place, place_to_json, vector_key
from llmapps.rag.index.schema import SCHEMA_VERSION
from llmapps.rag.index.store import IndexStore
from llmapps.rag.index.writer import IndexWriter
from llmapps.rag.splitting import Chunk
from llmapps.types import Place

PLACE = Place(heading=("One", "Two"), lines=(3, 9), page=4)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[IndexWriter]:
    opened = IndexWriter(tmp_path / "index")
    yield opened
    opened.close()


def record(path: str) -> DocumentRecord:
    return DocumentRecord(path, 10, 20, 30, 40, "ab", "v1", "indexed")


def chunk(ordinal: int, text: str) -> Chunk:
    return Chunk(ordinal, text, ordinal * 10, ordinal * 10 + 5, PLACE, "One > Two")


def put(writer: IndexWriter, path: str, *texts: str) -> None:
    keys = [vector_key("fake", text) for text in texts]
    missing = sorted(writer.missing_keys(keys))
    writer.put_vectors(missing, np.full((len(missing), 3), 0.5, np.float32))
    writer.put_document(record(path), [chunk(n, text) for n, text in enumerate(texts)], keys)


def test_what_is_put_can_be_read(writer: IndexWriter) -> None:
    put(writer, "a b/ü.md", "first text", "second text")
    store = IndexStore(writer.folder)
    assert store.documents() == {"a b/ü.md": record("a b/ü.md")}
    numbers, vectors = store.all_vectors()
    assert vectors.shape == (2, 3)
    assert vectors.dtype == np.float32
    (first, second) = store.chunks(numbers)
    assert (first.text, first.context, first.start, first.end, first.place) == ("first text", "One > Two", 0, 5, PLACE)
    assert store.chunks([second.number, first.number, 999]) == [second, first]
    assert store.numbers_of_ids([first.id, "none"]) == {first.id: first.number}
    assert store.numbers_in(["a b/ü.md", "none"]) == set(numbers)
    assert [number for number, _ in store.full_text_search('"second"', 5, (1.0, 1.0))] == [second.number]
    assert store.document_frequencies(["texts", "none", 'a "quote"']) == {"texts": 2, "none": 0, 'a "quote"': 0}
    assert store.dimension == 3
    store.close()


def test_everything_can_be_asked_of_an_empty_index(writer: IndexWriter) -> None:
    assert writer.documents() == {}
    assert writer.all_vectors()[0] == writer.vectors_of([])[0] == []
    assert (writer.chunk_count(), writer.chunks([1]), writer.dimension, writer.identity) == (0, [], None, None)
    assert writer.full_text_search('"a"', 5, (1.0, 1.0)) == []
    assert len(writer.generation) == 16


def test_a_number_is_never_used_again(writer: IndexWriter) -> None:
    put(writer, "a.md", "first", "second")
    before = set(writer.numbers_and_ids())
    writer.remove_documents(["a.md"])
    put(writer, "b.md", "third")
    assert not before & set(writer.numbers_and_ids())
    assert writer.chunks(sorted(before)) == []


def test_a_generation_names_what_the_chunks_are(writer: IndexWriter) -> None:
    put(writer, "a.md", "first")
    generation = writer.generation
    put(writer, "a.md", "first")
    writer.touch_document(record("a.md"))
    writer.remove_documents([])
    assert writer.generation == generation
    put(writer, "a.md", "first", "second")
    second = writer.generation
    writer.remove_documents(["a.md"])
    assert len({generation, second, writer.generation}) == 3


def test_vectors_stay_until_the_run_is_finished(writer: IndexWriter) -> None:
    put(writer, "a.md", "first")
    writer.remove_documents(["a.md"])
    key = vector_key("fake", "first")
    assert writer.missing_keys([key]) == set()
    writer.finish()
    assert writer.missing_keys([key]) == {key}


def test_a_run_is_finished_when_it_says_so(writer: IndexWriter) -> None:
    writer.begin()
    assert not writer.is_finished
    writer.finish()
    assert writer.is_finished


def test_a_document_is_there_whole_or_not_at_all(writer: IndexWriter) -> None:
    put(writer, "a.md", "first")
    with pytest.raises(NotesIndexError, match="FOREIGN KEY"):
        writer.put_document(record("a.md"), [chunk(0, "new"), chunk(1, "newer")], ["no such vector"] * 2)
    store = IndexStore(writer.folder)
    assert [found.text for found in store.chunks(list(store.numbers_and_ids()))] == ["first"]
    store.close()
    put(writer, "a.md", "new")  # and the writer can go on


def test_readers_see_what_was_committed_while_a_writer_is_at_work(writer: IndexWriter) -> None:
    put(writer, "a.md", "first")
    store = IndexStore(writer.folder)
    with writer._transaction() as connection:
        connection.execute("DELETE FROM chunks")
        assert store.chunk_count() == 1
    assert store.chunk_count() == 0
    store.close()


def test_readers_cannot_write(writer: IndexWriter) -> None:
    store = IndexStore(writer.folder)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        store._connection.execute("DELETE FROM meta")
    store.close()


def test_many_numbers_can_be_asked_for_at_once(writer: IndexWriter) -> None:
    put(writer, "a.md", *[f"text {n}" for n in range(1203)])
    numbers = sorted(writer.numbers_and_ids())
    assert [found.number for found in writer.chunks(numbers[::-1])] == numbers[::-1]
    found, vectors = writer.vectors_of(numbers[::-1])
    assert found == numbers
    assert len(vectors) == 1203


def test_ids_come_from_path_place_and_content() -> None:
    ids = {chunk_id(path, chunk(ordinal, text)) for path in ("a", "b") for ordinal in (0, 1) for text in ("x", "y")}
    assert len(ids) == 8
    assert chunk_id("a", chunk(0, "x")) in ids
    assert vector_key("m", "x") != vector_key("n", "x")


@given(
    st.builds(
        Place,
        heading=st.lists(st.text(), max_size=3).map(tuple),
        lines=st.none() | st.tuples(st.integers(1), st.integers(1)),
        page=st.none() | st.integers(1),
        slide=st.none() | st.integers(1),
        sheet=st.none() | st.text(min_size=1),
        cell=st.none() | st.integers(1),
        time=st.none() | st.just("0:00:01"),
    )
)
def test_a_place_is_kept(place: Place) -> None:
    assert parse_place(place_to_json(place)) == place


def test_no_index_is_an_error_that_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NotesIndexError, match=r"There is no index in .*\. Make it with `llmapps index`\."):
        IndexStore(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_an_index_of_a_newer_version_is_left_alone(writer: IndexWriter) -> None:
    put(writer, "a.md", "first")
    writer._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    for kind in (IndexStore, IndexWriter):
        with pytest.raises(NotesIndexError, match=r"newer llmapps \(format \d+, this one knows \d+\)\. Update llmapps"):
            kind(writer.folder)


def test_an_index_of_an_older_version_is_made_anew_and_keeps_its_vectors(writer: IndexWriter) -> None:
    put(writer, "a.md", "first")
    writer.set_identity("fake")
    writer.finish()
    writer._connection.execute("ALTER TABLE chunks RENAME COLUMN place TO spot")
    writer._connection.execute("PRAGMA user_version = 1")
    with pytest.raises(NotesIndexError, match=r"is not finished\. Run `llmapps index`\."):
        IndexStore(writer.folder)
    newer = IndexWriter(writer.folder)
    assert (newer.documents(), newer.chunk_count(), newer.identity) == ({}, 0, "fake")
    assert newer.missing_keys([vector_key("fake", "first")]) == set()
    assert not newer.is_finished
    put(newer, "a.md", "first")
    newer.close()


def test_made_anew_a_reader_sees_the_new_content_without_opening_again(writer: IndexWriter) -> None:
    put(writer, "a.md", "first")
    store = IndexStore(writer.folder)
    generation = store.generation
    anew = IndexWriter(writer.folder, anew=True)
    assert (store.chunk_count(), anew.identity) == (0, None)
    put(anew, "b.md", "second")
    assert store.generation not in ("", generation)
    assert list(store.documents()) == ["b.md"]
    assert not store.is_replaced
    anew.close()
    store.close()


def test_a_reader_can_tell_that_the_index_was_deleted_and_made_again(writer: IndexWriter) -> None:
    store = IndexStore(writer.folder)
    writer.close()
    for path in writer.folder.iterdir():
        path.unlink()
    assert store.is_replaced
    IndexWriter(writer.folder).close()
    assert store.is_replaced
    store.close()


@pytest.mark.parametrize("name", ["with space", "per%20cent", "what?", "#sharp", "ünïcode", "a&b=c"])
def test_any_name_of_a_folder_will_do(tmp_path: Path, name: str) -> None:
    writer = IndexWriter(tmp_path / name)
    put(writer, "a.md", "first")
    store = IndexStore(tmp_path / name)
    assert store.chunk_count() == 1
    store.close()
    writer.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]
