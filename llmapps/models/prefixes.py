"""The texts that embedding models were trained to see before a question and before a document.

A model trained with prefixes loses much of its quality without them, and nothing says so: the vectors look like any
others. Hence one table, by family of models; each row names where its words are documented. Models that are in no row
get no prefixes, which is right for most (all-MiniLM, all-mpnet, gte, bge-m3, OpenAI's).
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prefixes:
    """What is put before a question and before a document; "" is nothing."""

    query: str = ""
    document: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """One row of the table.

    Attributes:
        pattern: a regular expression, searched in a model's name as `bare_name` gives it.
        source: where the prefixes are documented.
    """

    pattern: str
    prefixes: Prefixes
    source: str


_SENTENCE = Prefixes(query="Represent this sentence for searching relevant passages: ")
_TASK = "Given a web search query, retrieve relevant passages that answer the query"

FAMILIES: tuple[Family, ...] = (
    Family(
        r"\bnomic-embed-text",
        Prefixes("search_query: ", "search_document: "),
        "https://huggingface.co/nomic-ai/nomic-embed-text-v1.5, Task instruction prefixes",
    ),
    Family(
        r"\be5-.*instruct",
        Prefixes(query=f"Instruct: {_TASK}\nQuery: "),
        "https://huggingface.co/intfloat/multilingual-e5-large-instruct, Usage",
    ),
    Family(
        r"\be5-(small|base|large)",
        Prefixes("query: ", "passage: "),
        "https://huggingface.co/intfloat/multilingual-e5-small, Usage and FAQ",
    ),
    Family(
        r"\bbge-(small|base|large)-zh",
        Prefixes(query="为这个句子生成表示以用于检索相关文章："),
        "https://huggingface.co/BAAI/bge-large-zh-v1.5, Model List",
    ),
    Family(r"\bbge-(small|base|large)\b", _SENTENCE, "https://huggingface.co/BAAI/bge-large-en-v1.5, Model List"),
    Family(
        r"\bmxbai-embed-large",
        _SENTENCE,
        "https://huggingface.co/mixedbread-ai/mxbai-embed-large-v1, first paragraph",
    ),
    Family(
        r"\bsnowflake-arctic-embed(2|.*-v2)",
        Prefixes(query="query: "),
        "https://huggingface.co/Snowflake/snowflake-arctic-embed-l-v2.0, Usage",
    ),
    Family(
        r"\bsnowflake-arctic-embed",
        _SENTENCE,
        "https://huggingface.co/Snowflake/snowflake-arctic-embed-m-v1.5, Usage",
    ),
    Family(
        r"\bembedding-?gemma",
        Prefixes("task: search result | query: ", "title: none | text: "),
        "https://huggingface.co/google/embeddinggemma-300m, Prompt Instructions",
    ),
    Family(
        r"\bqwen3-embedding",
        Prefixes(query=f"Instruct: {_TASK}\nQuery:"),
        "https://huggingface.co/Qwen/Qwen3-Embedding-0.6B, Usage",
    ),
)
"""The first row whose pattern is found counts."""


def prefixes_for(model_name: str) -> Prefixes:
    """The prefixes of a model, by its name at any provider: with or without owner, tag, folder or file ending.

    >>> prefixes_for("nomic-embed-text:latest").query
    'search_query: '
    >>> prefixes_for("hf.co/Snowflake/snowflake-arctic-embed-l-v2.0-GGUF:Q8_0").query
    'query: '
    >>> prefixes_for("all-minilm")
    Prefixes(query='', document='')
    """
    name = bare_name(model_name)
    return next((family.prefixes for family in FAMILIES if re.search(family.pattern, name)), Prefixes())


def bare_name(model_name: str) -> str:
    """A model's name without what comes before and after it, in small letters.

    >>> bare_name("hf.co/nomic-ai/nomic_embed_text-v1.5-GGUF:Q4_K_M")
    'nomic-embed-text-v1.5-gguf'
    """
    last = re.split(r"[/\\]", model_name.strip().rstrip("/\\"))[-1]
    return last.partition(":")[0].lower().replace("_", "-")
