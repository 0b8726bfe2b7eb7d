"""One file of the notes, read: what the index will hold of it, but for its vectors."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from llmapps.errors import DocumentError
from llmapps.rag.index.plan import CHUNK_TOKENS, document_version
from llmapps.rag.index.records import DocumentRecord, embedded_text, vector_key
from llmapps.rag.index.scan import FoundFile
from llmapps.rag.loading import load_document
from llmapps.rag.splitting import Chunk, split_document

Outcome = Literal["added", "changed", "unchanged"]


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A document that was read and waits for its vectors.

    Attributes:
        outcome: how it is counted when all goes well; with "unchanged" its chunks in the index stay as they are.
        texts: what is embedded, one for each chunk, and `keys` the vectors' names.
    """

    record: DocumentRecord
    outcome: Outcome
    chunks: tuple[Chunk, ...] = ()
    texts: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    def as_failed(self, reason: str) -> ReadDocument:
        """The same document, recorded as one that could not be indexed."""
        return ReadDocument(replace(self.record, status="failed", reason=reason), self.outcome)


@dataclass(frozen=True, slots=True)
class DocumentReader:
    """Reads files of one folder for one embedding."""

    folder: Path
    identity: str
    tokenizer: Path | None

    def read(self, file: FoundFile, known: DocumentRecord | None) -> ReadDocument | None:
        """The document as it is now; None if the file was deleted since it was found.

        Whatever is wrong with a file, it is recorded and no error is raised.
        """
        path = self.folder / file.path
        record = DocumentRecord(
            path=file.path,
            size=file.size,
            mtime_ns=file.mtime_ns,
            ctime_ns=file.ctime_ns,
            checked_ns=time.time_ns(),
            sha256="",
            version=document_version(file.path),
            status="failed",
        )
        outcome: Outcome = "changed" if known else "added"
        try:
            record = replace(record, sha256=_sha256(path))
            if known and (known.sha256, known.version) == (record.sha256, record.version):
                return ReadDocument(replace(record, status=known.status, reason=known.reason), "unchanged")
            return self._with_chunks(path, record, outcome)
        except DocumentError as error:
            reason = str(error)
        except OSError as error:
            reason = f"cannot be opened ({error.strerror or error}): check that it may be read"
        except Exception as error:  # noqa: BLE001 - a fault of ours in one document must not stop the others
            reason = f"could not be read ({type(error).__name__}: {error}): repair or remove it"
        if not os.path.lexists(path):
            return None
        return ReadDocument(record, outcome).as_failed(reason)

    def _with_chunks(self, path: Path, record: DocumentRecord, outcome: Outcome) -> ReadDocument:
        chunks = split_document(load_document(path), max_tokens=CHUNK_TOKENS, tokenizer_path=self.tokenizer)
        texts = tuple(embedded_text(chunk) for chunk in chunks)
        keys = tuple(vector_key(self.identity, text) for text in texts)
        return ReadDocument(
            replace(record, status="indexed" if chunks else "empty"), outcome, tuple(chunks), texts, keys
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
