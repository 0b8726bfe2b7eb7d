"""A folder of notes with its index, as the tests of the index change and sync them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llmapps.models.fake_embeddings import HashedEmbeddings
from llmapps.project import Notes
from llmapps.rag.index.report import SyncOptions, SyncReport
from llmapps.rag.index.store import IndexStore
from llmapps.rag.index.sync import sync_notes


class CountedEmbeddings(HashedEmbeddings):
    """`fake:hashed` that counts the texts, and calls `before` with each batch, which may wait or raise."""

    def __init__(self, before: Callable[[list[str]], None] | None = None) -> None:
        self.texts: list[str] = []
        self.before = before

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        if self.before:
            self.before(texts)
        self.texts += texts
        return super().embed_documents(texts)


class NotesFolder:
    """Notes in `root/notes`, their index in `root/index`. Chroma is only made where a test asks for it."""

    def __init__(self, root: Path) -> None:
        self.path = root / "notes"
        self.path.mkdir(exist_ok=True)
        self.index = root / "index"
        self.embeddings = CountedEmbeddings()

    @property
    def notes(self) -> Notes:
        return Notes(path=self.path, course_file=None, index=self.index, name="notes")

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def sync(self, *, chroma: bool = False, **options: Any) -> SyncReport:
        report = sync_notes(self.notes, self.embeddings, SyncOptions(chroma=chroma, **options))
        seen = report.added + report.changed + report.unchanged + report.empty + len(report.failed)
        assert seen == self.documents_on_disk(), f"counts_add_up: {report}"
        return report

    def documents_on_disk(self) -> int:
        """How many files (and folders that cannot be opened) a report must account for, counted in our own way."""
        found = 0
        for root, folders, files in os.walk(self.path):
            folders[:] = [name for name in folders if not name.startswith(".")]
            found += len([name for name in files if name.endswith((".md", ".txt", ".pdf", ".ipynb", ".csv", ".html"))])
            found += len([name for name in folders if not _can_be_opened(Path(root, name))])
        return found

    def store(self) -> IndexStore:
        return IndexStore(self.index)

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """What the index says of each document: its chunks with their places and the first numbers of their vectors."""
        store = self.store()
        store._connection.execute("BEGIN")  # one state of the index, whatever a writer does meanwhile
        try:
            found: dict[str, list[tuple[Any, ...]]] = {path: [] for path in store.documents()}
            numbers, vectors = store.all_vectors()
            for chunk, vector in zip(store.chunks(numbers), vectors, strict=True):
                found[chunk.path].append(
                    (
                        chunk.ordinal,
                        chunk.id,
                        chunk.context,
                        chunk.text,
                        chunk.start,
                        chunk.end,
                        chunk.place,
                        vector[:8].tolist(),
                    )
                )
            return {path: sorted(chunks) for path, chunks in found.items()}
        finally:
            store.close()

    def finds(self, word: str) -> set[str]:
        """The documents in which full-text search finds a word."""
        store = self.store()
        try:
            hits = store.full_text_search(f'"{word}"', 100, (1.0, 1.0))
            return {chunk.path for chunk in store.chunks([number for number, _ in hits])}
        finally:
            store.close()


def _can_be_opened(folder: Path) -> bool:
    try:
        os.scandir(folder).close()
    except OSError:
        return False
    return True


def note(subject: str, sections: int = 1) -> str:
    """A note about a subject, whose sections are a chunk each and hold words that no other note's do."""
    parts = [f"# About {subject}\n"]
    for number in range(sections):
        stem = hashlib.sha256(f"{subject} {number}".encode()).hexdigest()
        words = " ".join(f"{subject}{number}x{stem[at : at + 6]}" for at in range(24))
        parts.append(f"## Part {number} of {subject}\n\n{subject}{number} {words}.\n")
    return "\n".join(parts)
