"""What `load_document` says of files that cannot be read, and how it chooses the loader."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from standins.other_user import as_ordinary_user
from standins.small_pdf import Line, pdf_bytes

from llmapps.errors import DocumentError
from llmapps.rag import loading
from llmapps.rag.documents import title_from_name
from llmapps.rag.loading import SUFFIXES, can_load, load_document, loader_version


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_the_ending_chooses_the_loader_in_capitals_too(tmp_path: Path) -> None:
    assert can_load(Path("a/B.MD"))
    assert not can_load(Path("a.docx"))
    assert not can_load(Path("md"))
    assert load_document(write(tmp_path, "A.HTM", b"<p>x</p>")).text == "x"
    assert {".md", ".txt", ".html", ".pdf", ".ipynb", ".csv"} <= SUFFIXES


def test_an_unknown_ending_names_the_known_ones(tmp_path: Path) -> None:
    path = write(tmp_path, "a.xyz", b"x")
    for call in (load_document, loader_version):
        with pytest.raises(DocumentError, match=r'"\.xyz".*convert it to one of \.csv, .*\.pdf'):
            call(path)


def test_a_missing_file_and_a_folder_are_not_files(tmp_path: Path) -> None:
    (tmp_path / "folder.md").mkdir()
    for path in (tmp_path / "none.md", tmp_path / "folder.md"):
        with pytest.raises(DocumentError, match="is not a file"):
            load_document(path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_a_file_without_permission_says_so() -> None:
    with as_ordinary_user() as folder:
        path = write(folder, "secret.md", b"x")
        path.chmod(0)
        with pytest.raises(DocumentError, match=r"cannot be opened .*check its permissions"):
            load_document(path)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        file.truncate(loading.MAX_FILE_BYTES + 1)
    with pytest.raises(DocumentError, match="has 100 MB; 100 MB is the limit: split it"):
        load_document(path)


def test_text_that_is_too_long_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "long.md", b"word " * 2_000_001)
    with pytest.raises(DocumentError, match=r"holds 10\.0 million characters; 10 million is the limit: split it"):
        load_document(path)


def test_a_loader_that_breaks_is_a_document_error(tmp_path: Path) -> None:
    nested = b"[" * 100_000 + b"]" * 100_000
    with pytest.raises(DocumentError, match="not a notebook"):
        load_document(write(tmp_path, "deep.ipynb", nested))


def test_the_file_is_free_again_after_loading(tmp_path: Path) -> None:
    for name, data in (("a.pdf", pdf_bytes([[Line("text", 700)]])), ("broken.pdf", b"%PDF-1.4 broken")):
        path = write(tmp_path, name, data)
        try:
            load_document(path)
        except DocumentError:
            assert name == "broken.pdf"
        path.rename(tmp_path / "renamed").unlink()  # which Windows refuses for a file that somebody holds open


@pytest.mark.parametrize(
    ("stem", "title"),
    [("03-what-is-rag", "what is rag"), ("notes_2", "notes 2"), ("2024", "2024"), ("1. intro", "intro"), ("-", "-")],
)
def test_titles_from_names(stem: str, title: str) -> None:
    assert title_from_name(stem) == title
