"""Splitting: laws over any document, and what stays together."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standins.small_documents import SMALL_DOCUMENTS

from llmapps.errors import DocumentError
from llmapps.rag import splitting
from llmapps.rag.chunk_size import ChunkSize
from llmapps.rag.documents import LoadedDocument, Section, marks_of_lines
from llmapps.rag.loading import can_load, load_document, markdown_note, plain_text
from llmapps.rag.loading.csv_table import load as load_csv
from llmapps.rag.loading.notebook import load as load_notebook
from llmapps.rag.splitting import Chunk, split_document
from llmapps.rag.text_blocks import find_blocks, unwrapped
from llmapps.types import Place


def split_markdown(source: str, max_tokens: int = 40) -> list[Chunk]:
    return split_document(markdown_note.load(source.encode(), "t"), max_tokens=max_tokens)


def require_laws(document: LoadedDocument, chunks: list[Chunk], max_tokens: int) -> None:
    """Chunks slice back, stand in order without overlap, hold every word, and are not too large."""
    at = 0
    for number, chunk in enumerate(chunks):
        assert chunk.ordinal == number
        assert chunk.text == document.text[chunk.start : chunk.end] == chunk.text.strip()
        assert at <= chunk.start < chunk.end
        assert not re.search(r"[^\W_]", document.text[at : chunk.start])
        at = chunk.end
        headings = sum(section.body - section.start for section in document.sections if section.body <= chunk.end)
        line_breaks = chunk.text.count("\n")  # no tokens of any model
        assert len(chunk.text) - line_breaks <= 4 * (max_tokens * 1.25 + 1) + headings
    assert not re.search(r"[^\W_]", document.text[at:])


PIECES = ["# One", "## Two", "### Three", "A sentence of seven words is here.", "", "", "- item one", "| a | b |", "```", "x = 1",
          "word " * 30, "é猫🐈 naïve.", "x" * 300, "The steps are:", "1. first", "===", "> quoted"]  # fmt: skip


@given(lines=st.lists(st.sampled_from(PIECES), max_size=30), max_tokens=st.integers(8, 60))
def test_laws_for_markdown(lines: list[str], max_tokens: int) -> None:
    source = "\n".join(lines)
    document = markdown_note.load(source.encode(), "t")
    chunks = split_document(document, max_tokens=max_tokens)
    require_laws(document, chunks, max_tokens)
    source_lines = source.split("\n")
    for chunk in chunks:
        assert chunk.place.lines
        first, last = chunk.place.lines
        chunk_lines = chunk.text.split("\n")
        assert chunk_lines[0].strip() in source_lines[first - 1]
        assert chunk_lines[-1].strip() in source_lines[last - 1]
        assert last - first == len(chunk_lines) - 1


@given(text=st.text(alphabet="ab .\n\t,é猫-", max_size=400), max_tokens=st.integers(1, 30))
def test_laws_for_plain_text(text: str, max_tokens: int) -> None:
    document = plain_text.load(text.encode(), "t")
    require_laws(document, split_document(document, max_tokens=max_tokens), max_tokens)


@pytest.mark.parametrize("small", SMALL_DOCUMENTS, ids=lambda small: small.suffix)
def test_laws_for_every_format(small: object, tmp_path: Path) -> None:
    path = tmp_path / f"a{small.suffix}"  # type: ignore[attr-defined]
    path.write_bytes(small.data)  # type: ignore[attr-defined]
    document = load_document(path)
    for max_tokens in (5, 20, 200):
        require_laws(document, split_document(document, max_tokens=max_tokens), max_tokens)


def test_laws_with_the_tokenizer_of_the_model(weights_home: Path) -> None:
    from tokenizers import Tokenizer

    file = weights_home / "weights" / "all-MiniLM-L6-v2-tokenizer.json"
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()
    source = "\n\n".join(
        f"## Part {n}\n\n" + "Größe und naïve Wörter mit Tönen, plain words too. " * n for n in range(20)
    )
    document = markdown_note.load((source + "x" * 50_000).encode(), "t")
    chunks = split_document(document, max_tokens=100, tokenizer_path=file)
    assert max(len(tokenizer.encode(chunk.text, add_special_tokens=False)) for chunk in chunks) <= 125 + 8
    assert max(len(chunk.text) for chunk in chunks) <= 8 * 126
    assert "".join(chunk.text for chunk in chunks).count("Größe") == source.count("Größe")


def test_a_heading_is_never_alone() -> None:
    long = "One sentence of some words. " * 30
    chunks = split_markdown(f"# Title\n\n## Part\n\n{long}\n\n### Empty\n\n## Last\n")
    assert chunks[0].text.startswith("# Title\n\n## Part\n\nOne sentence")
    assert chunks[0].place.heading == ("Title", "Part")
    assert chunks[-1].text.endswith("### Empty\n\n## Last")
    assert chunks[-1].place.heading == ("Title", "Part")


def test_small_siblings_join_and_say_what_they_share() -> None:
    chunks = split_markdown("# T\n\n## A\n\nx\n\n## B\n\ny\n\n# U\n\n" + "word " * 30, 60)
    assert [chunk.place.heading for chunk in chunks] == [("T",), ("U",)]
    assert [chunk.place.lines for chunk in chunks] == [(1, 9), (11, 13)]


def test_code_and_tables_stay_whole_where_they_fit() -> None:
    code = "```python\nfor n in range(3):\n\n    print(n)\n\n\ndone = True\n```"
    table = "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 4
    prose = "Some words that fill up the chunk before. " * 3
    texts = [chunk.text for chunk in split_markdown(f"{prose}\n\n{code}\n\n{prose}\n\n{table}\n\n{prose}")]
    assert any(code in text for text in texts)
    assert any(table.strip() in text for text in texts)


def test_a_lead_in_goes_with_what_it_leads_to() -> None:
    prose = "Some words that fill up the chunk. " * 4
    texts = [chunk.text for chunk in split_markdown(f"{prose}\n\nThe rules of the game are these:\n\n- {'one ' * 24}")]
    assert any("these:\n\n- one" in text for text in texts)
    assert not any(text.endswith(":") for text in texts)


def test_prose_is_cut_at_sentences_however_its_lines_are_wrapped() -> None:
    sentence = "The quick brown fox jumps over the lazy\ndog while nobody *watches* the `garden` in\nthe evening. "
    for load in (markdown_note.load, plain_text.load):
        chunks = split_document(load((sentence * 12).encode(), "t"), max_tokens=40)
        assert len(chunks) > 3
        assert all(chunk.text.endswith("evening.") and chunk.text.startswith("The quick") for chunk in chunks)


def test_entries_of_a_glossary_stand_alone_and_rows_of_values_join() -> None:
    glossary = "term,meaning\n" + "".join(f"t{n},It is the thing with the number {n}.\n" for n in range(4))
    assert len(split_document(load_csv(glossary.encode(), "glossary"))) == 4
    values = "a,b\n" + "".join(f"{n},{n}\n" for n in range(40))
    chunks = split_document(load_csv(values.encode(), "values"), max_tokens=60)
    assert 1 < len(chunks) < 20
    assert chunks[0].place.lines is not None
    assert chunks[0].place.lines[0] == 2


def test_a_small_cell_joins_the_next_and_the_place_is_that_of_most_of_it() -> None:
    cells = '{"cells": [{"cell_type": "code", "source": "import numpy"}, {"cell_type": "code", "source": "%s"}]}'
    chunks = split_document(load_notebook((cells % ("x = numpy.zeros(3)\\n" * 20)).encode(), "t"))
    assert [str(chunk.place) for chunk in chunks] == ["cell 2, lines 1-20"]


def test_what_holds_no_word_is_no_chunk() -> None:
    assert split_markdown("---\n\n***\n\n___\n") == []
    assert split_document(LoadedDocument("", (), (), "t")) == []


def test_the_context_names_title_and_headings_once() -> None:
    chunks = split_markdown("# T\n\n## A\n\n" + "word " * 40 + "\n\n# U\n\n" + "word " * 40)
    assert [chunk.context for chunk in chunks] == ["T > A", "T > U"]
    deep = splitting.context_of("T" * 100, Place(heading=("H" * 100, "I" * 100)))
    assert len(deep) <= 245
    assert deep.endswith("I" * 100)


def test_too_many_chunks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitting, "MAX_CHUNKS", 3)
    with pytest.raises(DocumentError, match="would make 4 chunks; 3 is the limit: split it"):
        split_markdown("\n\n".join(f"# H{n}\n\n" + "word " * 30 for n in range(4)))
    with pytest.raises(ValueError, match="max_tokens is 0: give 1 or more"):
        split_markdown("a", 0)


@pytest.mark.parametrize("unit", ["x", "word ", "a\n", "> ", "* ", "[", "`", "| ", "- a\n", "```\n", "猫"])
def test_time_is_not_quadratic(unit: str) -> None:
    text = unit * (300_000 // len(unit))
    document = LoadedDocument(text, (Section(0, len(text), Place(), "markdown"),), tuple(marks_of_lines(text)), "t")
    started = time.perf_counter()
    split_document(document)
    assert time.perf_counter() - started < 15


def test_blocks() -> None:
    text = "para\nof two\n\n```\ncode\n\nmore\n```\nafter\n\n- a\n- b"
    blocks = [(text[block.start : block.end], block.is_code) for block in find_blocks(text, "markdown")]
    assert blocks == [("para\nof two", False), ("```\ncode\n\nmore\n```", True), ("after", False), ("- a\n- b", False)]
    assert [(b.start, b.end) for b in find_blocks(text, "text")] == [(0, len(text))]


@given(st.text(alphabet="ab .\n-|1)`", max_size=80))
def test_unwrapped_text_keeps_its_length_and_blank_lines(text: str) -> None:
    flat = unwrapped(text, "markdown")
    assert len(flat) == len(text)
    assert flat.replace("\n", " ") == text.replace("\n", " ")
    assert flat.count("\n\n") == text.count("\n\n")
    assert unwrapped(text, "text") == text


def test_sizes_without_a_tokenizer() -> None:
    assert ChunkSize(180, None).count(["", "abc", "abcde"]) == [0, 1, 2]


@pytest.mark.data
def test_laws_for_real_documents(test_data: Path) -> None:
    files = [path for path in sorted(test_data.rglob("*")) if path.is_file() and can_load(path)]
    assert len(files) > 100
    failed = 0
    for path in files:
        try:
            document = load_document(path)
            chunks = split_document(document)
        except DocumentError:
            failed += 1
            continue
        require_laws(document, chunks, 180)
    assert failed < 0.1 * len(files)
