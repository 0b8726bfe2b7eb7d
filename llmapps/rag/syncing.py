"""The sync before a question: the notes as they are now, or as they were indexed while somebody else is writing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from llmapps.errors import IndexBusyError, NotesIndexError
from llmapps.project import Notes
from llmapps.rag.index.report import SyncOptions, SyncReport
from llmapps.rag.index.store import IndexStore
from llmapps.rag.index.sync import sync_notes

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings


def sync_unless_busy(notes: Notes, embeddings: Embeddings, options: SyncOptions) -> SyncReport | None:
    """Sync; while somebody else is writing, go on with what is indexed already (None), or wait if there is nothing.

    Raises:
        IndexBusyError: somebody else is writing, and the options say not to wait.
    """
    try:
        return sync_notes(notes, embeddings, replace(options, wait=False))
    except IndexBusyError as error:
        if not options.wait:
            raise
        if not _has_chunks(notes):
            return sync_notes(notes, embeddings, options)
        if options.on_wait:
            options.on_wait(f"{str(error).split(' Try again')[0]} Answering from what is indexed so far.")
        return None


def _has_chunks(notes: Notes) -> bool:
    try:
        store = IndexStore(notes.index)
    except NotesIndexError:
        return False  # the other one has only begun
    try:
        return store.chunk_count() > 0
    finally:
        store.close()
