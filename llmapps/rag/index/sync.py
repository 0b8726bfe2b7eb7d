"""Bringing the index up to date with the notes: unchanged files cost a stat, changed ones their changed chunks.

Killed at any moment, the next run finishes the job: documents are committed one by one, vectors are named by
content, and whatever was not committed is simply found missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from llmapps.errors import IndexIdentityError, NotesIndexError, ProviderError
from llmapps.models.embedding import embed_array, identity_of, tokenizer_path
from llmapps.project import Notes, find_notes
from llmapps.rag.index.chroma import is_chroma_settled, refresh_chroma, remove_chroma
from llmapps.rag.index.lock import writing
from llmapps.rag.index.plan import make_plan
from llmapps.rag.index.reading import DocumentReader, ReadDocument
from llmapps.rag.index.records import DocumentRecord
from llmapps.rag.index.report import Failure, SyncOptions, SyncProgress, SyncReport
from llmapps.rag.index.scan import FoundFile, Scan, scan_notes
from llmapps.rag.index.schema import FILE_NAME
from llmapps.rag.index.store import IndexStore
from llmapps.rag.index.writer import IndexWriter

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

_GROUP_TEXTS = 128  # texts embedded together, or somewhat more: enough to sort by length,
_MOST_TEXTS = 256  # and few enough to lose little when killed

# Failures that may be the text's fault; the others (no server, no key) are no document's.
_KINDS_OF_TEXTS = {"bad_request", "context_overflow", "malformed", "server", "truncated", "empty"}


def sync_notes(notes: Notes, embeddings: Embeddings, options: SyncOptions | None = None) -> SyncReport:
    """Make the index hold what the notes hold.

    Raises:
        NotesError: the notes hold no document that can be read.
        IndexIdentityError: the index was made with another embedding, and `rebuild` is not set.
        IndexBusyError: somebody else is writing, and `wait` is not set.
        NotesIndexError: the index cannot be read or written.
        ProviderError: the embedding model failed; what was embedded so far is kept.
    """
    options = options or SyncOptions()
    scan = scan_notes(notes)
    if options.rebuild:
        _embed_a_word(embeddings)  # a model that does not answer must not cost the index that is there
    elif report := _nothing_to_do(notes, embeddings, scan, chroma=options.chroma):
        return report
    with writing(notes.index, wait=options.wait, on_wait=options.on_wait):
        store = IndexWriter(notes.index, anew=options.rebuild)
        if options.rebuild:
            remove_chroma(notes.index)
        try:
            if _is_other_identity(store, embeddings, notes):
                store.set_identity(identity_of(embeddings))
            store.begin()
            # Looked at again, as somebody else may have been writing, for minutes, what is newer than our scan.
            report = _Sync(notes, embeddings, store, options.progress).run(scan_notes(notes))
            if options.chroma and (warning := refresh_chroma(store)):
                report.warnings.append(warning)
            store.finish()
        finally:
            store.close()
    return report


def _nothing_to_do(notes: Notes, embeddings: Embeddings, scan: Scan, *, chroma: bool) -> SyncReport | None:
    """The report if every file is as it was, found without the lock; else None."""
    if not (notes.index / FILE_NAME).is_file():
        return None
    try:
        store = IndexStore(notes.index)
    except NotesIndexError:
        return None  # the writer, who holds the lock, decides what to do about it
    try:
        if _is_other_identity(store, embeddings, notes) or not store.is_finished:
            return None
        if chroma and not is_chroma_settled(store):
            return None
        plan = make_plan(scan, store.documents(), notes.folder)
        return None if plan.tasks or plan.gone else _report(store, scan, plan.same)
    finally:
        store.close()


def _report(store: IndexStore, scan: Scan, same: Iterable[DocumentRecord]) -> SyncReport:
    """What there is to say before anything is done."""
    report = SyncReport(chunks=store.chunk_count(), skipped=scan.other_files, failed=list(scan.unreadable))
    for record in same:
        _count(report, record, "unchanged")
    return report


def _count(report: SyncReport, record: DocumentRecord, outcome: str) -> None:
    if record.status == "failed":
        report.failed.append(Failure(record.path, record.reason))
        return
    if record.status == "empty":
        report.empty += 1
        report.empty_paths.append(record.path)
        return
    setattr(report, outcome, getattr(report, outcome) + 1)


def _is_other_identity(store: IndexStore, embeddings: Embeddings, notes: Notes) -> bool:
    """Whether the embedding's identity is not the recorded one; an error if there are vectors of that one."""
    found, identity = store.identity, identity_of(embeddings)
    if found == identity:
        return False
    if found is not None and store.dimension is not None:
        raise IndexIdentityError(
            f'The index in {store.folder} was made with the embedding "{found}", but now it is "{identity}". '
            f"Go back to that embedding, or make the index anew with `{_rebuild_command(notes)}` and this --embedding."
        )
    return True


def _rebuild_command(notes: Notes) -> str:
    """What makes the index of these notes anew."""
    named = "" if notes == find_notes("builtin:") else f' "{notes.path}"'
    return f"llmapps index{named} --rebuild"


def _embed_a_word(embeddings: Embeddings) -> None:
    """Returns if the model works.

    Raises:
        ProviderError: it does not.
    """
    embed_array(embeddings, ["word"], kind="document")


class _Sync:
    """One run of the writer, with the lock held."""

    def __init__(self, notes: Notes, embeddings: Embeddings, store: IndexWriter, progress: SyncProgress | None) -> None:
        self._folder = notes.folder
        self._reader = DocumentReader(self._folder, identity_of(embeddings), tokenizer_path(embeddings))
        self._embeddings = embeddings
        self._store = store
        self._progress = progress
        self._report = SyncReport()

    def run(self, scan: Scan) -> SyncReport:
        """Read, embed and commit what changed; drop what is gone."""
        known = self._store.documents()
        plan = make_plan(scan, known, self._folder)
        self._report = report = _report(self._store, scan, plan.same)
        self._remove(plan.gone)
        if self._progress and plan.tasks:
            self._progress.begin(sum(file.size for file in plan.tasks))
        try:
            for group in self._groups(plan.tasks, known):
                self._commit(group)
        finally:
            if self._progress and plan.tasks:
                self._progress.end()
        report.chunks = self._store.chunk_count()
        return report

    def _remove(self, paths: set[str]) -> None:
        if paths:
            self._store.remove_documents(paths)
            self._report.removed += len(paths)

    def _groups(self, tasks: Iterable[FoundFile], known: Mapping[str, DocumentRecord]) -> Iterator[list[ReadDocument]]:
        """The files, read, in groups that are embedded together."""
        group: list[ReadDocument] = []
        for file in tasks:
            before = known.get(file.path)
            document = self._reader.read(file, before)
            if document is not None:
                group.append(document)
            elif before is not None:
                self._remove({file.path})
            if sum(len(waiting.texts) for waiting in group) >= _GROUP_TEXTS:
                yield group
                group = []
        yield group

    def _commit(self, group: list[ReadDocument]) -> None:
        """Embed what has no vector yet, then commit document by document; one that cannot be embedded has failed."""
        try:
            self._embed(group)
        except ProviderError as error:
            if error.kind not in _KINDS_OF_TEXTS:
                raise
            _embed_a_word(self._embeddings)  # if the model does not work, it is no fault of the text
            if len(group) > 1:
                for document in group:
                    self._commit([document])
                return
            group = [group[0].as_failed(f"could not be embedded: {str(error).rstrip('.')}")]
        for document in group:
            if document.outcome == "unchanged":
                self._store.touch_document(document.record)
            else:
                self._store.put_document(document.record, document.chunks, document.keys)
            _count(self._report, document.record, document.outcome)

    def _embed(self, group: Iterable[ReadDocument]) -> None:
        """Store the vectors that the documents need and the index lacks."""
        group = list(group)
        text_of = {key: text for document in group for key, text in zip(document.keys, document.texts, strict=True)}
        missing = sorted(self._store.missing_keys(text_of))
        size = sum(document.record.size for document in group)
        share = size / len(missing) if missing else 0.0
        for first in range(0, len(missing), _MOST_TEXTS):
            keys = missing[first : first + _MOST_TEXTS]
            texts = [text_of[key] for key in keys]
            vectors = embed_array(
                self._embeddings, texts, kind="document", on_batch=lambda count: self._advance(share * count)
            )
            self._store.put_vectors(keys, vectors)
            self._report.embedded += len(keys)
        if not missing:
            self._advance(size)

    def _advance(self, amount: float) -> None:
        if self._progress:
            self._progress.advance(amount)
