"""Laws that every loader keeps, each over one small document of every format."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standins.small_documents import SMALL_DOCUMENTS, SmallDocument

from llmapps.errors import DocumentError
from llmapps.rag.documents import LoadedDocument, Section, place_of
from llmapps.rag.loading import LOADERS, load_document, loader_version
from llmapps.rag.splitting import split_document

every_format = pytest.mark.parametrize("small", SMALL_DOCUMENTS, ids=lambda small: small.suffix)


def loaded(folder: Path, data: bytes, suffix: str) -> LoadedDocument:
    path = folder / f"note{suffix}"
    path.write_bytes(data)
    return load_document(path)


def require_sound(document: LoadedDocument) -> None:
    """Sections and marks are in order, without overlap, and cover all that is not blank."""
    at = 0
    for section in document.sections:
        assert at <= section.start <= section.body <= section.end <= len(document.text)
        assert section.start < section.end
        assert document.text[at : section.start].strip() == ""
        at = section.end
    assert document.text[at:].strip() == ""
    offsets = [mark.offset for mark in document.line_marks]
    assert offsets == sorted(offsets)
    assert all(mark.line >= 0 for mark in document.line_marks)


def test_every_loader_is_under_contract() -> None:
    assert {LOADERS[small.suffix] for small in SMALL_DOCUMENTS} == set(LOADERS.values())


@every_format
def test_places_are_true(small: SmallDocument, tmp_path: Path) -> None:
    document = loaded(tmp_path, small.data, small.suffix)
    found = {}
    for words in small.places:
        start = document.text.index(words)
        found[words] = str(place_of(document, start, start + len(words)))
    assert found == small.places


@every_format
def test_text_is_complete(small: SmallDocument, tmp_path: Path) -> None:
    text = loaded(tmp_path, small.data, small.suffix).text
    assert [words for words in small.words if words not in text] == []
    assert "invisible" not in text


@every_format
def test_offsets_slice_back(small: SmallDocument, tmp_path: Path) -> None:
    document = loaded(tmp_path, small.data, small.suffix)
    require_sound(document)
    assert len(document.sections) >= 1
    for section in document.sections:
        assert document.text[section.start : section.end].strip()


@every_format
def test_loading_twice_gives_the_same(small: SmallDocument, tmp_path: Path) -> None:
    assert loaded(tmp_path, small.data, small.suffix) == loaded(tmp_path, small.data, small.suffix)


@every_format
def test_empty_is_empty(small: SmallDocument, tmp_path: Path) -> None:
    document = loaded(tmp_path, b"", small.suffix)
    assert (document.text, document.sections, document.line_marks) == ("", (), ())
    assert document.title == "note"


@pytest.mark.parametrize(
    ("suffix", "blank"),
    [(".md", b"---\na: b\n---\n\n"), (".txt", b" \r\n\t"), (".html", b"<p> </p><script>x</script>"), (".csv", b",,\n,,\n"),
     (".ipynb", b'{"cells": []}'), (".ipynb", b'{"cells": [{"cell_type": "code", "source": []}]}')],
)  # fmt: skip
def test_blank_is_empty(suffix: str, blank: bytes, tmp_path: Path) -> None:
    document = loaded(tmp_path, blank, suffix)
    assert (document.text, document.sections) == ("", ())
    assert split_document(document) == []


@every_format
@pytest.mark.parametrize("garbage", [bytes(range(256)) * 20, b"\x00\x01\x02" * 999, b"\x89PNG\r\n\x1a\n" + bytes(500)])
def test_garbage_is_a_document_error(small: SmallDocument, garbage: bytes, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"^is .*: (remove|give|export|save)|(remove|give|export) "):
        loaded(tmp_path, garbage, small.suffix)


@pytest.mark.parametrize("small", SMALL_DOCUMENTS[:-1], ids=lambda small: small.suffix)  # a PDF holds glyphs
def test_hidden_characters_never_reach_the_text(small: SmallDocument, tmp_path: Path) -> None:
    hidden = "\u200b\u202e\U000e0041\u2066"
    plain = loaded(tmp_path, small.data, small.suffix)
    as_json = "".join(f"\\u{unit:04x}" for unit in (0x200B, 0x202E, 0xDB40, 0xDC41)).encode()
    inserted = as_json if small.suffix == ".ipynb" else hidden.encode()
    assert loaded(tmp_path, small.data.replace(b"packs", b"pa" + inserted + b"cks"), small.suffix) == plain


@every_format
def test_the_version_is_known(small: SmallDocument) -> None:
    assert re.fullmatch(r"\w+ \d+, cleaning \d+", loader_version(Path(f"x{small.suffix}")))


def mutated(data: bytes) -> st.SearchStrategy[bytes]:
    """The bytes with a few pieces cut out, doubled, or written over."""
    places = st.integers(0, len(data))
    junk = st.one_of(
        st.binary(max_size=12), st.sampled_from([b"<", b'"', b"{", b"[", b"\xff\xfe", b"\r", b"`" * 3, b"\0"])
    )
    edit = st.tuples(places, places, junk, st.booleans())

    def apply(edits: list[tuple[int, int, bytes, bool]]) -> bytes:
        changed = data
        for first, second, piece, doubles in edits:
            start, end = sorted((first, second))
            changed = changed[:start] + (changed[start:end] * 2 if doubles else piece) + changed[end:]
        return changed

    return st.lists(edit, min_size=1, max_size=5).map(apply)


@every_format
def test_never_any_other_exception(small: SmallDocument, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("mutated")

    @settings(max_examples=100)
    @given(data=mutated(small.data))
    def check(data: bytes) -> None:
        try:
            document = loaded(folder, data, small.suffix)
        except DocumentError:
            return
        require_sound(document)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\ud800-\udfff]", document.text)
        for chunk in split_document(document):
            assert document.text[chunk.start : chunk.end] == chunk.text

    check()


def test_a_section_says_whether_it_is_only_a_heading() -> None:
    section = Section(0, 5, place_of(LoadedDocument("", (), (), ""), 0, 0), body=5)
    assert section.is_only_a_heading
    assert not replace(section, body=3).is_only_a_heading
    assert not Section(0, 5, section.place).is_only_a_heading
