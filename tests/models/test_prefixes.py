"""Prefixes: the right words for each family of models, and that they are in the bytes that are sent."""

from __future__ import annotations

import pytest

from llmapps.models.prefixes import FAMILIES, Prefixes, bare_name, prefixes_for

SENTENCE = "Represent this sentence for searching relevant passages: "
WEB = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"


@pytest.mark.parametrize(
    ("name", "query", "document"),
    [
        ("nomic-embed-text", "search_query: ", "search_document: "),
        ("nomic-embed-text:latest", "search_query: ", "search_document: "),
        ("nomic-embed-text-v2-moe", "search_query: ", "search_document: "),
        ("hf.co/nomic-ai/nomic-embed-text-v1.5-GGUF:Q4_K_M", "search_query: ", "search_document: "),
        ("intfloat/multilingual-e5-small", "query: ", "passage: "),
        ("intfloat/e5-base-v2", "query: ", "passage: "),
        ("jeffh/intfloat-multilingual-e5-large:f16", "query: ", "passage: "),
        (r"C:\models\e5-large-v2", "query: ", "passage: "),
        ("intfloat/multilingual-e5-large-instruct", f"{WEB} ", ""),
        ("intfloat/e5-mistral-7b-instruct", f"{WEB} ", ""),
        ("BAAI/bge-small-en-v1.5", SENTENCE, ""),
        ("bge-large:335m", SENTENCE, ""),
        ("BAAI/bge-large-zh-v1.5", "为这个句子生成表示以用于检索相关文章：", ""),
        ("mxbai-embed-large", SENTENCE, ""),
        ("snowflake-arctic-embed:22m", SENTENCE, ""),
        ("Snowflake/snowflake-arctic-embed-m-v1.5", SENTENCE, ""),
        ("snowflake-arctic-embed2", "query: ", ""),
        ("Snowflake/snowflake-arctic-embed-l-v2.0", "query: ", ""),
        ("embeddinggemma:300m", "task: search result | query: ", "title: none | text: "),
        ("google/embeddinggemma-300m", "task: search result | query: ", "title: none | text: "),
        ("qwen3-embedding:0.6b", WEB, ""),
        ("Qwen/Qwen3-Embedding-0.6B", WEB, ""),
    ],
)
def test_a_model_gets_what_it_was_trained_with(name: str, query: str, document: str) -> None:
    assert prefixes_for(name) == Prefixes(query, document)


@pytest.mark.parametrize(
    "name",
    [
        "all-minilm-l6-v2",
        "all-minilm:33m",
        "bge-m3",
        "BAAI/bge-m3",
        "text-embedding-3-small",
        "gte-large",
        "e5",
        "",
        "llama3",
    ],
)
def test_others_get_none(name: str) -> None:
    assert prefixes_for(name) == Prefixes("", "")


def test_a_folder_above_the_model_says_nothing() -> None:
    assert prefixes_for("/models/nomic-embed-text/all-MiniLM-L6-v2") == Prefixes()


def test_names_are_bared() -> None:
    assert bare_name(" Owner/Name_With-Parts:tag ") == "name-with-parts"


def test_every_row_names_its_source() -> None:
    assert all(family.source.startswith("https://") for family in FAMILIES)
