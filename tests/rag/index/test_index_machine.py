"""A folder of notes and its index, driven by random operations, against a model: a dict of what is in the folder.

At every step the index, once synced, holds what a fresh index of the same folder would hold, and no text was embedded
that the index had a vector for.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)
from standins.index_check import faults_of
from standins.notes_folder import NotesFolder, note

from llmapps.rag.index.records import embedded_text
from llmapps.rag.index.report import SyncReport
from llmapps.rag.index.store import IndexStore
from llmapps.rag.loading import load_document
from llmapps.rag.splitting import split_document

SUBJECTS = st.sampled_from([f"subject{letter}" for letter in "abcdef"])
FOLDERS = st.sampled_from(["", "unit1/", "unit1/deep/", "ünit 2/"])


class IndexMachine(RuleBasedStateMachine):
    """The model is `files`; `synced` says whether the index must agree with it."""

    names = Bundle("names")

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="llmapps-machine-"))
        self.folder = NotesFolder(self.root)
        self.files: dict[str, str] = {}
        self.indexed: dict[str, str] = {}
        self.embedded: set[str] = set()  # texts that the index has vectors for
        self.reader: IndexStore | None = None
        self.number = 0

    def teardown(self) -> None:
        if self.reader:
            self.reader.close()
        shutil.rmtree(self.root)

    # --- the folder ------------------------------------------------------------------------------

    @initialize()
    def a_note_that_stays(self) -> None:
        self._write("always.md", note("always"))

    def _write(self, name: str, text: str) -> None:
        self.folder.write(name, text)
        self.files[name] = text

    @rule(target=names, folder=FOLDERS, subject=SUBJECTS, sections=st.integers(0, 4))
    def add(self, folder: str, subject: str, sections: int) -> str:
        self.number += 1
        name = f"{folder}{self.number}.md"
        self._write(name, note(subject, sections) if sections else "")
        return name

    @rule(name=names, subject=SUBJECTS, sections=st.integers(1, 5))
    def edit(self, name: str, subject: str, sections: int) -> None:
        self._write(name, note(subject, sections))

    @rule(name=names, times=st.integers(1, 3))
    def edit_keeping_size_and_time(self, name: str, times: int) -> None:
        path = self.folder.path / name
        stat = path.stat()
        text = self.files[name].replace("About", "Aeout" if times % 2 else "Abuot")
        self._write(name, text)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    @rule(target=names, name=consumes(names), folder=FOLDERS)
    def rename(self, name: str, folder: str) -> str:
        self.number += 1
        new = f"{folder}renamed {self.number}.md"
        path = self.folder.path / new
        path.parent.mkdir(parents=True, exist_ok=True)
        (self.folder.path / name).rename(path)
        self.files[new] = self.files.pop(name)
        return new

    @rule(name=consumes(names))
    def delete(self, name: str) -> None:
        (self.folder.path / name).unlink()
        del self.files[name]

    @rule(name=names, seconds=st.integers(0, 2**31))
    def touch(self, name: str, seconds: int) -> None:
        os.utime(self.folder.path / name, (seconds, seconds))

    @rule(name=names)
    def break_it(self, name: str) -> None:
        """Into a document that fails: a loader cannot read so many bytes that are no text."""
        self._write(name, "\0" * 500)

    # --- the index -------------------------------------------------------------------------------

    @rule()
    def sync(self) -> None:
        self._check_report(self.folder.sync(), rebuilt=False)

    @precondition(lambda self: self.indexed)
    @rule()
    def rebuild(self) -> None:
        self.embedded, self.indexed = set(), {}
        self._check_report(self.folder.sync(rebuild=True), rebuilt=True)

    @rule(after=st.integers(0, 3))
    def interrupted_sync(self, after: int) -> None:
        """Ctrl-C at some batch; the next sync must do the rest."""
        calls = iter(range(100))

        def before(_: list[str]) -> None:
            if next(calls) >= after:
                raise KeyboardInterrupt

        self.folder.embeddings.before = before
        try:
            self.folder.sync()
        except KeyboardInterrupt:
            pass
        finally:
            self.folder.embeddings.before = None
        self._check_report(self.folder.sync(), rebuilt=False, partly_done=True)

    def _check_report(self, report: SyncReport, *, rebuilt: bool, partly_done: bool = False) -> None:
        texts = self._texts()
        if not partly_done:
            assert report.removed == len(self.indexed.keys() - self.files.keys())
            assert report.added <= len(self.files.keys() - self.indexed.keys())
            asked = self.folder.embeddings.texts
            assert sorted(asked) == sorted(texts - self.embedded | ({"word"} if rebuilt else set()))
            assert report.embedded == len(texts - self.embedded)
        self.folder.embeddings.texts = []
        self.embedded, self.indexed = texts, dict(self.files)
        assert self._matches_a_fresh_index()

    def _texts(self) -> set[str]:
        """What is embedded of the folder as it is."""
        found = set()
        for name in self.files:
            try:
                document = load_document(self.folder.path / name)
            except Exception:
                continue
            found |= {embedded_text(chunk) for chunk in split_document(document)}
        return found

    def _matches_a_fresh_index(self) -> bool:
        fresh = NotesFolder(self.root)
        fresh.index = self.root / "fresh"
        shutil.rmtree(fresh.index, ignore_errors=True)
        fresh.sync()
        assert self.folder.contents() == fresh.contents()
        assert faults_of(self.folder.index, chroma=False) == []
        return True

    # --- readers ---------------------------------------------------------------------------------

    @precondition(lambda self: self.indexed)
    @rule()
    def reopen(self) -> None:
        if self.reader:
            self.reader.close()
        self.reader = self.folder.store()

    @precondition(lambda self: self.indexed)
    @rule(subject=SUBJECTS)
    def query(self, subject: str) -> None:
        found = self.folder.finds(subject)
        assert found == {name for name, text in self.indexed.items() if f"{subject}0x" in text}

    @invariant()
    def a_reader_that_stays_open_sees_the_same_as_a_new_one(self) -> None:
        if self.reader and self.indexed:
            new = self.folder.store()
            assert (self.reader.generation, self.reader.documents()) == (new.generation, new.documents())
            new.close()


IndexMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
TestIndexMachine: Any = IndexMachine.TestCase
