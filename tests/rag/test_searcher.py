"""The search over a real index: what is found, what never is, and that two ways to the vectors find the same."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standins.notes_folder import NotesFolder, note

from llmapps.rag.course import Course, Unit
from llmapps.rag.index.chroma_folders import chroma_folder
from llmapps.rag.index.store import IndexStore
from llmapps.rag.index.writer import IndexWriter
from llmapps.rag.search.searcher import MOST_PER_DOCUMENT, Searcher, SearchResult
from llmapps.types import Hit

NOTES = {
    "planets.md": "# Planets\n\n## Mars\n\nMars is the fourth planet from the Sun. Mars has two small moons.\n\n"
    "## Venus\n\nVenus is the hottest planet, because its thick air holds the heat.\n",
    "cats/purring.txt": "Cats purr at night, because they are glad. A cat may also purr when it is ill.\n",
    "cats/food.txt": "Cats eat fish and mice. Top-p and top-k are no food.\n",
    "stars.md": "# Stars\n\nA star shines because hydrogen becomes helium in its core.\n",
}
DAY = datetime.date(2025, 9, 10)
CATS_LATER = Course("", (Unit("cats", "Cats", ("cats/*",), datetime.date(2025, 9, 11)),))

Search = Callable[..., SearchResult]


def searching(store: IndexStore, folder: NotesFolder, **options: object) -> Searcher:
    course = options.pop("course", Course())
    return Searcher(store, folder.embeddings, course, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> NotesFolder:
    notes = NotesFolder(tmp_path_factory.mktemp("searched"))
    for name, text in NOTES.items():
        notes.write(name, text)
    notes.sync()
    return notes


@pytest.fixture(scope="module")
def store(folder: NotesFolder) -> Iterator[IndexStore]:
    found = folder.store()
    yield found
    found.close()


@pytest.fixture(scope="module")
def searcher(folder: NotesFolder, store: IndexStore) -> Searcher:
    return searching(store, folder)


def documents(result: SearchResult) -> list[str]:
    return [hit.document for hit in result.hits]


# --- what is found -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "document"),
    [
        ("How many moons does Mars have?", "planets.md"),
        ("Why do cats purr?", "cats/purring.txt"),
        ("hydrogen helium", "stars.md"),
        ("What is top-k?", "cats/food.txt"),
    ],
)
def test_the_note_that_answers_comes_first(searcher: Searcher, question: str, document: str) -> None:
    result = searcher.search(question, 4)
    assert documents(result)[0] == document
    assert 0.1 < result.similarity <= 1
    assert 0.4 < result.coverage <= 1


def test_hits_are_numbered_best_first_and_are_the_notes_own_text(searcher: Searcher, folder: NotesFolder) -> None:
    hits = searcher.search("Why do cats purr at night?", 10).hits
    assert [hit.n for hit in hits] == list(range(1, len(hits) + 1))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len({hit.chunk_id for hit in hits}) == len(hits)
    for hit in hits:
        text = (folder.path / hit.document).read_text(encoding="utf-8")
        assert text[hit.start : hit.end] == hit.text


@pytest.mark.parametrize("top", [1, 2, 3, 100])
def test_there_are_as_many_hits_as_asked_for_or_as_there_are_chunks(
    searcher: Searcher, store: IndexStore, top: int
) -> None:
    assert len(searcher.search("cats and stars", top).hits) == min(top, store.chunk_count())


def test_coverage_is_the_share_of_the_words_by_rarity(searcher: Searcher) -> None:
    assert searcher.search("Cats purr at night", 4).coverage == 1.0
    assert searcher.search("Do cats purr on zeppelins?", 4).coverage < 1.0
    assert searcher.search("xylophone zeppelin", 4).coverage == 0.0


def test_the_same_question_finds_the_same(searcher: Searcher, folder: NotesFolder) -> None:
    again = folder.store()
    for question in ("Why do cats purr?", "planet", "and what of it?"):
        assert searcher.search(question, 4).hits == searcher.search(question, 4).hits
        assert searching(again, folder).search(question, 4).hits == searcher.search(question, 4).hits
    again.close()


@pytest.mark.parametrize("question", ["What is it?", "?", "how many", "…", "the " * 50])
def test_a_question_without_a_telling_word_is_searched_by_meaning_alone(searcher: Searcher, question: str) -> None:
    result = searcher.search(question, 3)
    assert len(result.hits) == 3
    assert result.coverage == 0.0


QUESTIONS = [
    *(
        'cats" OR "x',
        "cats AND NOT cats",
        "NEAR(cats purr, 5)",
        "text : cats",
        "cats*",
        "^cats",
        "(cats",
        "'cats' -- ;",
        '"cats',
    ),
    "{context text} : cats",
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_operators_and_quotes_are_nothing_special(searcher: Searcher, question: str) -> None:
    assert documents(searcher.search(question, 2))[0].startswith("cats/")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1, max_size=60))
def test_any_question_is_answered_with_hits(searcher: Searcher, question: str) -> None:
    result = searcher.search(question, 3)
    assert len(result.hits) == 3
    assert 0 <= result.coverage <= 1


def test_a_page_as_a_question_is_searched_like_a_question(searcher: Searcher) -> None:
    page = "Why do cats purr at night? " + " ".join(f"filler{number}" for number in range(20_000))
    assert documents(searcher.search(page, 2))[0].startswith("cats/")


def test_an_index_of_nothing_finds_nothing(tmp_path: Path) -> None:
    folder = NotesFolder(tmp_path)
    store = IndexWriter(folder.index)
    result = searching(store, folder).search("Why do cats purr?", 4)
    assert (result.hits, result.similarity, result.coverage) == ((), 0.0, 0.0)
    store.close()


# --- one document among others -----------------------------------------------------------------------------------------


@pytest.fixture
def crowded(tmp_path: Path) -> NotesFolder:
    """One long document about cats, and others that mention them once."""
    folder = NotesFolder(tmp_path)
    parts = [
        f"## Cats {number}\n\nCats purr, cats sleep, cats eat: cats, part {number}. " + "cats " * 60
        for number in range(9)
    ]
    folder.write("all.md", "# Cats\n\n" + "\n\n".join(parts))
    for number in range(3):
        folder.write(f"{number}.md", f"# Note {number}\n\nThere is a dog, and there are cats in number {number}.\n")
    folder.sync()
    return folder


def test_one_document_does_not_crowd_out_all_others(crowded: NotesFolder) -> None:
    store = crowded.store()
    found = documents(searching(store, crowded).search("cats", 6))
    assert found.count("all.md") == MOST_PER_DOCUMENT
    assert set(found) == {"all.md", "0.md", "1.md", "2.md"}
    more = searching(store, crowded).search("cats", 10)
    assert len(more.hits) == 10, "when there is nothing else, more of it is welcome"
    assert [hit.score for hit in more.hits] == sorted((hit.score for hit in more.hits), reverse=True)
    store.close()


# --- units that are not released ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "question", ["Why do cats purr?", "Cats eat fish and mice", "What is it?", "cats " * 30, "planet"]
)
def test_an_unreleased_unit_is_never_found(folder: NotesFolder, store: IndexStore, question: str) -> None:
    searcher = searching(store, folder, course=CATS_LATER)
    result = searcher.search(question, 10, DAY)
    assert result.hits
    assert not any(document.startswith("cats/") for document in documents(result))
    opened = searcher.search(question, 10, datetime.date(2025, 9, 11))
    assert any(document.startswith("cats/") for document in documents(opened))
    assert opened.hits == searching(store, folder).search(question, 10).hits


def test_how_well_hidden_notes_would_fit_does_not_show(folder: NotesFolder, store: IndexStore) -> None:
    hidden = searching(store, folder, course=CATS_LATER).search("Cats purr at night, because they are glad.", 4, DAY)
    shown = searching(store, folder).search("Cats purr at night, because they are glad.", 4)
    assert hidden.similarity < shown.similarity
    assert hidden.coverage < shown.coverage


def test_when_all_is_hidden_nothing_is_found(folder: NotesFolder, store: IndexStore) -> None:
    course = Course("", (Unit("all", "All", ("*",), datetime.date(2100, 1, 1)),))
    result = searching(store, folder, course=course).search("Why do cats purr?", 4)
    assert (result.hits, result.similarity, result.coverage) == ((), 0.0, 0.0)


def test_many_hidden_chunks_do_not_push_out_the_open_ones(tmp_path: Path) -> None:
    folder = NotesFolder(tmp_path)
    folder.write(
        "closed.md", "# Zebra\n\n" + "\n\n".join(f"## Zebra {number}\n\n" + "zebra " * 70 for number in range(250))
    )
    for number in range(120):
        folder.write(f"open{number:03}.md", note(f"other{number}"))
    folder.write("open.md", "# Animals\n\nA long text about many animals of the savanna, which once names the zebra.\n")
    folder.sync()
    store = folder.store()
    course = Course("", (Unit("u", "U", ("closed.md",), datetime.date(2100, 1, 1)),))
    result = searching(store, folder, course=course).search("zebra", 4)
    assert documents(result)[0] == "open.md"
    assert result.coverage == 1.0
    store.close()


# --- exact and by Chroma -----------------------------------------------------------------------------------------------


def plain(hits: tuple[Hit, ...]) -> list[tuple[str, str, int]]:
    return [(hit.document, hit.chunk_id, round(hit.score * 1000)) for hit in hits]


@pytest.fixture(scope="module")
def chroma_folder_of_notes(tmp_path_factory: pytest.TempPathFactory) -> NotesFolder:
    notes = NotesFolder(tmp_path_factory.mktemp("by-chroma"))
    for name, text in NOTES.items():
        notes.write(name, text)
    for number in range(20):
        notes.write(f"more/{number}.md", note(f"subject{number}", 4))
    notes.sync(chroma=True)
    return notes


@pytest.mark.parametrize("course", [Course(), CATS_LATER])
def test_chroma_finds_what_the_exact_search_finds(chroma_folder_of_notes: NotesFolder, course: Course) -> None:
    notes = chroma_folder_of_notes
    store = notes.store()
    exact, by_chroma = searching(store, notes, course=course), searching(store, notes, course=course, exact_limit=0)
    for question in ("Why do cats purr?", "planet", "subject7 and subject12", "What is it?", "part of subject3"):
        one, other = exact.search(question, 5, DAY), by_chroma.search(question, 5, DAY)
        assert plain(one.hits) == plain(other.hits)
        assert (one.similarity, one.coverage) == pytest.approx((other.similarity, other.coverage), abs=1e-5)
    assert by_chroma._dense is not None
    assert by_chroma._dense._chroma is not None, "it was asked"
    store.close()


def test_without_a_whole_chroma_the_exact_search_is_used(tmp_path: Path) -> None:
    notes = NotesFolder(tmp_path)
    for name, text in NOTES.items():
        notes.write(name, text)
    notes.sync()
    store = notes.store()
    assert not chroma_folder(store.folder, store.generation).exists()
    hits = searching(store, notes, exact_limit=0).search("Why do cats purr?", 3).hits
    assert hits == searching(store, notes).search("Why do cats purr?", 3).hits
    store.close()


def test_a_chroma_that_fails_when_it_is_asked_is_done_without(chroma_folder_of_notes: NotesFolder) -> None:
    notes = chroma_folder_of_notes
    store = notes.store()
    searcher = searching(store, notes, exact_limit=0)
    expected = searcher.search("Why do cats purr?", 3).hits
    assert searcher._dense is not None
    searcher._dense._chroma._collection = None  # type: ignore[union-attr, assignment] # as when its files are gone
    assert plain(searcher.search("Why do cats purr?", 3).hits) == plain(expected)
    store.close()


# --- an index that changes -----------------------------------------------------------------------------------------------


def test_a_search_sees_what_a_sync_brought_and_took_away(tmp_path: Path) -> None:
    notes = NotesFolder(tmp_path)
    notes.write("a.md", "# Cats\n\nCats purr at night.\n")
    notes.sync()
    store = notes.store()
    searcher = searching(store, notes)
    assert documents(searcher.search("zebra stripes", 4)) == ["a.md"]
    notes.write("b.md", "# Zebras\n\nA zebra has stripes.\n")
    notes.sync()
    assert documents(searcher.search("zebra stripes", 4))[0] == "b.md"
    (notes.path / "b.md").unlink()
    notes.sync()
    assert documents(searcher.search("zebra stripes", 4)) == ["a.md"]
    store.close()
