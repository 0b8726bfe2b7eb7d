"""One bad document never stops the others: it is reported by its path and the reason."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from standins.index_check import faults_of
from standins.notes_folder import NotesFolder, note
from standins.other_user import as_ordinary_user

from llmapps.errors import NotesError
from llmapps.rag.index import lock
from llmapps.rag.index.report import Failure, SyncReport
from llmapps.rag.index.scan import FoundFile

posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows cannot make such files")

ENCRYPTED_PDF = b"""%PDF-1.4
1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj
2 0 obj <</Type /Pages /Count 1 /Kids [3 0 R]>> endobj
3 0 obj <</Type /Page /Parent 2 0 R /MediaBox [0 0 9 9]>> endobj
4 0 obj <</Filter /Standard /V 1 /R 2 /P -44 /O <OWNER> /U <USER>>> endobj
trailer <</Root 1 0 R /Encrypt 4 0 R /ID [<00> <00>]>>
""".replace(b"OWNER", b"ab" * 32).replace(b"USER", b"cd" * 32)


def sync_with_good_ones(folder: NotesFolder) -> SyncReport:
    """A sync after two good notes were put around what is there; that they are indexed is checked here."""
    folder.write("0 first.md", note("apples"))
    folder.write("zz last.md", note("bananas"))
    report = folder.sync()
    assert folder.finds("apples") == {"0 first.md"}
    assert folder.finds("bananas") == {"zz last.md"}
    assert faults_of(folder.index, chroma=False) == []
    return report


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("broken.ipynb", b'{"cells": [', "is not a notebook"),
        ("odd.ipynb", json.dumps({"cells": [{"cell_type": "code", "source": [[1]]}]}).encode(), ""),
        ("deep.ipynb", b'{"cells":' + b"[" * 100_000, ""),
        ("encrypted.pdf", ENCRYPTED_PDF, "is encrypted"),
        ("torn.pdf", b"%PDF-1.7\n1 0 obj <<", "is a broken PDF"),
        ("not-a.pdf", b"\x00\x01\x02" * 300, "is "),
        ("binary.md", bytes(range(256)) * 40, ""),
        ("binary.txt", b"\x7fELF" + bytes(4000), ""),
        ("nul.csv", b"a,b\n\0,\0\n", ""),
        ("blank.html", b"<html><body></body></html>", ""),
        (
            "surrogate.ipynb",
            json.dumps({"cells": [{"cell_type": "markdown", "source": "a \ud800 b " * 30}]}).encode(),
            "",
        ),
    ],
)
def test_one_bad_document_never_stops_the_others(folder: NotesFolder, name: str, content: bytes, reason: str) -> None:
    folder.write(name, content)
    report = sync_with_good_ones(folder)
    assert report.added + report.empty + len(report.failed) == 3
    for failure in report.failed:
        assert failure.path == name
        assert failure.reason
        assert not failure.reason.endswith(".")
    if reason:
        assert report.failed[0].reason.startswith(reason)
    again = folder.sync()
    assert again.failed == report.failed
    assert again.embedded == 0


def test_a_failure_that_is_known_costs_no_lock_and_is_still_reported(folder: NotesFolder, settled: None) -> None:
    folder.write("broken.ipynb", "{")
    first = sync_with_good_ones(folder)
    with lock.writing(folder.index, wait=False):
        assert folder.sync(wait=False).failed == first.failed


def test_a_repaired_document_is_indexed(folder: NotesFolder) -> None:
    folder.write("a.ipynb", "{")
    sync_with_good_ones(folder)
    folder.write("a.ipynb", json.dumps({"cells": [{"cell_type": "markdown", "source": note("cherries")}]}))
    report = folder.sync()
    assert (report.changed, report.failed) == (1, [])
    assert folder.finds("cherries") == {"a.ipynb"}


def test_a_document_that_broke_is_found_no_more(folder: NotesFolder) -> None:
    folder.write("a.ipynb", json.dumps({"cells": [{"cell_type": "markdown", "source": note("cherries")}]}))
    sync_with_good_ones(folder)
    assert folder.finds("cherries") == {"a.ipynb"}
    folder.write("a.ipynb", "{")
    assert [failure.path for failure in folder.sync().failed] == ["a.ipynb"]
    assert folder.finds("cherries") == set()
    assert faults_of(folder.index, chroma=False) == []


@posix_only
def test_what_is_no_file_is_reported_and_nobody_waits_for_it(folder: NotesFolder) -> None:
    os.mkfifo(folder.path / "pipe.md")
    report = sync_with_good_ones(folder)
    assert report.failed == [Failure("pipe.md", "is a pipe or a device, not a file: remove it")]


@posix_only
def test_links_are_followed_to_files_of_the_notes_only(folder: NotesFolder, tmp_path: Path) -> None:
    (tmp_path / "outside.md").write_text(note("cherries"), encoding="utf-8")
    (folder.path / "outside.md").symlink_to(tmp_path / "outside.md")
    (folder.path / "sub").mkdir()
    (folder.path / "sub" / "inside.md").write_text(note("lemons"), encoding="utf-8")
    (folder.path / "link.md").symlink_to(folder.path / "sub" / "inside.md")
    (folder.path / "nowhere.md").symlink_to(tmp_path / "nowhere.md")
    (folder.path / "loop.md").symlink_to(folder.path / "loop.md")
    (folder.path / "up").symlink_to(folder.path, target_is_directory=True)
    report = sync_with_good_ones(folder)
    assert report.added == 4
    assert folder.finds("cherries") == set()
    assert "link.md" in folder.finds("lemons")
    reasons = {failure.path: failure.reason for failure in report.failed}
    assert set(reasons) == {"nowhere.md", "loop.md", "outside.md"}
    assert "leads out of the notes" in reasons["outside.md"]
    assert reasons["nowhere.md"].startswith("is a link that leads nowhere")
    assert "remove it" in reasons["loop.md"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_no_text_is_reported(folder: NotesFolder) -> None:
    Path(os.fsdecode(os.fsencode(folder.path) + b"/bad\xff.md")).write_text("text", encoding="utf-8")
    report = sync_with_good_ones(folder)
    assert report.failed == [Failure("bad?.md", "has a name that is not valid Unicode: rename it")]


def test_a_file_that_may_not_be_read_is_reported_until_it_may() -> None:
    with as_ordinary_user() as root:
        folder = NotesFolder(root)
        closed = folder.write("closed.md", note("cherries"))
        closed.chmod(0)
        report = sync_with_good_ones(folder)
        assert [failure.path for failure in report.failed] == ["closed.md"]
        assert report.failed[0].reason == "cannot be opened (Permission denied): check that it may be read"
        assert folder.sync().failed == report.failed
        closed.chmod(0o600)
        assert folder.sync().changed == 1
        assert folder.finds("cherries") == {"closed.md"}
        closed.chmod(0)
        assert len(folder.sync().failed) == 1
        assert folder.finds("cherries") == set()


def test_a_folder_that_may_not_be_read_is_reported() -> None:
    with as_ordinary_user() as root:
        folder = NotesFolder(root)
        folder.write("closed/a.md", note("cherries"))
        folder.sync()
        (folder.path / "closed").chmod(0)
        report = sync_with_good_ones(folder)
        assert [failure.path for failure in report.failed] == ["closed/"]
        assert "Permission denied" in report.failed[0].reason
        assert report.removed == 0  # a drive that is not there now is not empty
        (folder.path / "closed").chmod(0o700)
        again = folder.sync()
        assert (again.added, again.embedded) == (0, 0)
        assert folder.finds("cherries") == {"closed/a.md"}


def test_notes_that_may_not_be_read_are_an_error_that_says_so() -> None:
    with as_ordinary_user() as root:
        folder = NotesFolder(root)
        folder.write("a.md", note("cherries"))
        folder.path.chmod(0)
        with pytest.raises(NotesError, match=r"\./ cannot be opened \(Permission denied\)"):
            folder.sync()
        folder.path.chmod(0o700)


@pytest.mark.parametrize("when", ["new", "known"])
def test_a_file_deleted_between_looking_and_reading_is_no_failure(
    folder: NotesFolder, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    from llmapps.rag.index import reading

    path = folder.write("gone.md", note("cherries"))
    folder.write("other.md", note("apples"))
    if when == "known":
        folder.sync()
        folder.write("gone.md", note("dates"))
    monkeypatch.setattr(reading, "_sha256", deleting(reading._sha256, path))
    report = folder.sync()
    assert report.failed == []
    assert report.removed == (1 if when == "known" else 0)
    assert folder.finds("cherries") == set()
    assert set(folder.contents()) == {"other.md"}
    assert faults_of(folder.index, chroma=False) == []


def deleting(sha256: Callable[[Path], str], path: Path) -> Callable[[Path], str]:
    """The function, with the file deleted at the last moment."""

    def late(asked: Path) -> str:
        if asked == path:
            path.unlink(missing_ok=True)
        return sha256(asked)

    return late


def test_a_file_that_changes_while_it_is_read_is_read_again(
    folder: NotesFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from llmapps.rag.index import reading

    path = folder.write("a.md", note("apples"))
    read = reading.load_document

    def late(asked: Path):  # type: ignore[no-untyped-def]
        document = read(asked)
        path.write_text(note("bananas"), encoding="utf-8")
        return document

    with monkeypatch.context() as patch:
        patch.setattr(reading, "load_document", late)
        folder.sync()
    assert folder.sync().changed == 1
    assert folder.finds("bananas") == {"a.md"}


def test_what_programs_made_is_left_out(folder: NotesFolder) -> None:
    for name in (".hidden.md", ".git/a.md", "node_modules/a.md", "__pycache__/a.md", "~$a.md"):
        folder.write(name, note("cherries"))
    folder.write("any name/pyvenv.cfg", "home = /usr/bin\n")
    folder.write("any name/lib/a.md", note("cherries"))
    folder.write("env/about environments.md", note("dates"))
    folder.write("a.MD", note("elderberries"))
    from llmapps.rag.index.scan import scan_notes

    assert [file.path for file in scan_notes(folder.notes).files] == ["a.MD", "env/about environments.md"]


def test_files_are_found_in_the_order_of_their_paths(folder: NotesFolder) -> None:
    from llmapps.rag.index.scan import scan_notes

    for name in ("b.md", "a/z.md", "a.md", "c/d/e.md", "B.md"):
        folder.write(name, "text")
    files = scan_notes(folder.notes).files
    assert [file.path for file in files] == sorted(["b.md", "a/z.md", "a.md", "c/d/e.md", "B.md"])
    stat = (folder.path / "b.md").stat()
    assert FoundFile("b.md", stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) in files
