"""The words that a search looks for: nothing of a question can become an operator of the full-text search."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmapps.rag.search.words import STOP_WORDS, content_words, full_text_query, stem, stems, words_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is a GAN?", ["gan"]),
        ("How many layers, and how much data?", ["layers", "data"]),
        ("What's BERT's size? It's what they've said, isn't it", ["bert", "size", "said"]),
        ("don’t won't can't we'll I'd", []),
        ("top-p and top-p", ["top-p", "top", "p"]),
        ("state-of-the-art", ["state-of-the-art", "state", "art"]),
        ("Python 3.11 and 0.5", ["python", "3.11", "0.5"]),
        ("C++ x_y a/b", ["c", "x", "y", "b"]),
        ("Größe ÜBER naïve 注意力", ["größe", "über", "naïve", "注意力"]),
        ("What is it?", []),
        ("", []),
        ("?!… \0 \n", []),
    ],
)
def test_words_that_carry_meaning(text: str, expected: list[str]) -> None:
    assert content_words(text) == expected


def test_stop_words_are_words_as_they_are_found() -> None:
    assert all(words_of(word) == [word] for word in STOP_WORDS)


def test_forms_of_a_word_have_one_stem() -> None:
    assert len({stem(word) for word in ("embedding", "embeddings", "embedded")}) == 1
    assert stems("The models retrieve") == stems("model retrieving")


@pytest.fixture(scope="module")
def table() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE VIRTUAL TABLE chunks USING fts5 (text, tokenize = 'porter unicode61 remove_diacritics 2')"
    )
    connection.executemany("INSERT INTO chunks VALUES (?)", [("attention and NEAR things",), ("top p sampling",)])
    return connection


def search(table: sqlite3.Connection, question: str) -> list[str]:
    words = content_words(question)
    return [row[0] for row in table.execute("SELECT text FROM chunks WHERE chunks MATCH ?", (full_text_query(words),))]


OPERATORS = [
    *('attention" OR "x', "attention AND NOT attention", "NEAR(attention things, 5)", "text : attention", "attention*"),
    *("^attention", "(attention", "{text} attention", "attention -- ; DROP TABLE chunks", "'attention'"),
]


@pytest.mark.parametrize("question", OPERATORS)
def test_operators_in_a_question_are_words(table: sqlite3.Connection, question: str) -> None:
    assert "attention and NEAR things" in search(table, question)


@settings(max_examples=500)
@given(st.text(min_size=1))
def test_no_question_breaks_the_full_text_search(table: sqlite3.Connection, question: str) -> None:
    if content_words(question):
        search(table, question)


def test_a_question_of_very_many_words_is_still_a_query(table: sqlite3.Connection) -> None:
    assert search(table, " ".join(f"word{n}" for n in range(5000)) + " sampling") == ["top p sampling"]


def test_compounds_are_found_by_their_parts(table: sqlite3.Connection) -> None:
    assert search(table, "top-p-sampling?") == ["top p sampling"]
