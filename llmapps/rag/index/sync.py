"""Bringing the index up to date with the notes: unchanged files cost a stat, changed ones their changed chunks.

Killed at any moment, the next run finishes the job: documents are committed one by one, vectors are named by
content, and whatever was not committed is simply found missing.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from llmapps.errors import DocumentError, IndexIdentityError, NotesIndexError
from llmapps.models.embedding import embed_array, identity_of, tokenizer_path
from llmapps.project import Notes
from llmapps.rag.index.chroma import refresh_chroma, remove_chroma
from llmapps.rag.index.lock import writing
from llmapps.rag.index.records import DocumentRecord, DocumentStatus, embedded_text, vector_key
from llmapps.rag.index.report import Failure, SyncOptions, SyncProgress, SyncReport
from llmapps.rag.index.scan import FoundFile, Scan, scan_notes
from llmapps.rag.index.schema import FILE_NAME, remove_database
from llmapps.rag.index.store import IndexStore
from llmapps.rag.loading import load_document, loader_version
from llmapps.rag.splitting import SPLITTER_VERSION, Chunk, split_document

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

CHUNK_TOKENS = 180
"""Size of a chunk: choice, measured in tests/benchmarks/search.py."""

_GROUP_TEXTS = 128  # texts embedded together: enough to sort by length, few enough to lose little when killed
_SETTLED_NS = (
    2_000_000_000  # a file written less than two seconds before it was read may change without a new time stamp
)


def sync_notes(notes: Notes, embeddings: Embeddings, options: SyncOptions | None = None) -> SyncReport:
    """Make the index hold what the notes hold.

    Raises:
        NotesError: the notes hold no document that can be read.
        IndexIdentityError: the index was made with another embedding, and `rebuild` is not set.
        IndexBusyError: somebody else is writing, and `wait` is not set.
    """
    options = options or SyncOptions()
    scan = scan_notes(notes)
    if not options.rebuild and (report := _nothing_to_do(notes, embeddings, scan)):
        return report
    with writing(notes.index, wait=options.wait, on_wait=options.on_wait):
        if options.rebuild:
            remove_chroma(notes.index)
            remove_database(notes.index)
        store = IndexStore(notes.index, create=True)
        try:
            _require_identity(store, embeddings)
            report = _Sync(notes, embeddings, store, options.progress).run(scan)
            refresh_chroma(store)
        finally:
            store.close()
    return report


def _nothing_to_do(notes: Notes, embeddings: Embeddings, scan: Scan) -> SyncReport | None:
    """The report if every file is as it was, found without the lock; else None."""
    if not (notes.index / FILE_NAME).is_file():
        return None
    try:
        store = IndexStore(notes.index)
    except NotesIndexError:
        return None  # the writer, who holds the lock, decides what to do about it
    try:
        _require_identity(store, embeddings, record=False)
        known = store.documents()
        tasks, same, gone = _plan(scan.files, known)
        if tasks or gone:
            return None
        report = SyncReport(chunks=store.chunk_count(), skipped=scan.other_files)
        for record in same:
            _count(report, record.status, "unchanged")
        return report
    finally:
        store.close()


def _require_identity(store: IndexStore, embeddings: Embeddings, *, record: bool = True) -> None:
    identity = identity_of(embeddings)
    found = store.identity
    if found is None and record:
        store.set_identity(identity)
    elif found is not None and found != identity:
        raise IndexIdentityError(
            f'The index in {store.folder} was made with the embedding "{found}", but now it is "{identity}". '
            "Go back to that embedding, or make the index anew with `llmapps index --rebuild`."
        )


def document_version(path: Path) -> str:
    """What decides how a file becomes chunks; when it changes, the file is read again."""
    return f"{loader_version(path)}/{SPLITTER_VERSION}/{CHUNK_TOKENS}"


def _plan(
    files: Iterable[FoundFile], known: dict[str, DocumentRecord]
) -> tuple[list[FoundFile], list[DocumentRecord], set[str]]:
    """Files to read, records that hold as they are, and paths that are gone."""
    tasks, same, gone = [], [], set(known)
    for file in files:
        record = known.get(file.path)
        gone.discard(file.path)
        if record is not None and _is_same(file, record):
            same.append(record)
        else:
            tasks.append(file)
    return tasks, same, gone


def _is_same(file: FoundFile, record: DocumentRecord) -> bool:
    return (
        record.status != "failed"
        and (file.size, file.mtime_ns) == (record.size, record.mtime_ns)
        and record.mtime_ns < record.checked_ns - _SETTLED_NS
        and record.version == document_version(Path(file.path))
    )


def _count(report: SyncReport, status: DocumentStatus, as_indexed: str) -> None:
    name = "empty" if status == "empty" else as_indexed
    setattr(report, name, getattr(report, name) + 1)


@dataclass(frozen=True, slots=True)
class _Pending:
    """A document that was read and waits for its vectors."""

    record: DocumentRecord
    chunks: list[Chunk]
    texts: list[str]
    keys: list[str]
    is_new: bool


class _Sync:
    """One run of the writer, with the lock held."""

    def __init__(self, notes: Notes, embeddings: Embeddings, store: IndexStore, progress: SyncProgress | None) -> None:
        self._notes = notes
        self._embeddings = embeddings
        self._identity = identity_of(embeddings)
        self._tokenizer = tokenizer_path(embeddings)
        self._store = store
        self._progress = progress
        self._report = SyncReport()

    def run(self, scan: Scan) -> SyncReport:
        """Read, embed and commit what changed; drop what is gone."""
        known = self._store.documents()
        tasks, same, gone = _plan(scan.files, known)
        for record in same:
            _count(self._report, record.status, "unchanged")
        if self._progress and tasks:
            self._progress.begin(sum(file.size for file in tasks))
        group: list[_Pending] = []
        for file in tasks:
            if pending := self._read(file, known.get(file.path)):
                group.append(pending)
            if sum(len(waiting.texts) for waiting in group) >= _GROUP_TEXTS:
                self._commit(group)
                group = []
        self._commit(group)
        if tasks or gone:
            self._store.remove_documents(gone)
        if self._progress and tasks:
            self._progress.end()
        self._report.removed = len(gone)
        self._report.chunks = self._store.chunk_count()
        self._report.skipped = scan.other_files
        return self._report

    def _read(self, file: FoundFile, known: DocumentRecord | None) -> _Pending | None:
        """The file's chunks; None if it holds what it held, or fails (which is recorded)."""
        path = self._notes.folder / file.path
        version = document_version(path)
        checked_ns = time.time_ns()
        sha256 = ""
        chunks: list[Chunk] = []
        status: DocumentStatus = "indexed"
        reason = ""
        try:
            sha256 = _sha256(path)
            if known and known.status != "failed" and (known.sha256, known.version) == (sha256, version):
                self._store.touch_document(file.path, file.size, file.mtime_ns, checked_ns)
                _count(self._report, known.status, "unchanged")
                self._advance(file.size)
                return None
            chunks = split_document(load_document(path), max_tokens=CHUNK_TOKENS, tokenizer_path=self._tokenizer)
            status = "indexed" if chunks else "empty"
        except DocumentError as error:
            status, reason = "failed", str(error)
        except OSError as error:
            status, reason = (
                "failed",
                f"cannot be opened ({error.strerror or error}); check that the file is there and may be read",
            )
        except Exception as error:  # noqa: BLE001 - a fault in a loader must not stop the other documents
            status, reason = "failed", f"could not be read ({type(error).__name__}: {error})"
        record = DocumentRecord(file.path, file.size, file.mtime_ns, checked_ns, sha256, version, status, reason)
        texts = [embedded_text(chunk) for chunk in chunks]
        return _Pending(record, chunks, texts, [vector_key(self._identity, text) for text in texts], known is None)

    def _commit(self, group: list[_Pending]) -> None:
        """Embed what has no vector yet, then commit document by document."""
        text_of = {key: text for pending in group for key, text in zip(pending.keys, pending.texts, strict=True)}
        missing = sorted(self._store.missing_keys(list(text_of)))
        size = sum(pending.record.size for pending in group)
        if missing:
            share = size / len(missing)
            texts = [text_of[key] for key in missing]
            vectors = embed_array(
                self._embeddings, texts, kind="document", on_batch=lambda count: self._advance(share * count)
            )
            self._store.put_vectors(missing, vectors)
            self._report.embedded += len(missing)
        else:
            self._advance(size)
        for pending in group:
            self._store.put_document(pending.record, pending.chunks, pending.keys)
            if pending.record.status == "failed":
                self._report.failed.append(Failure(pending.record.path, pending.record.reason))
            else:
                _count(self._report, pending.record.status, "added" if pending.is_new else "changed")

    def _advance(self, amount: float) -> None:
        if self._progress:
            self._progress.advance(amount)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
