"""Files in, `LoadedDocument`s out: one loader a file, chosen by the file's ending.

A loader is a module with `VERSION`, a number that grows when its output changes, and
`load(data: bytes, title: str) -> LoadedDocument`, a pure function of the file's bytes. It may raise anything on bad
bytes; `load_document` makes a `DocumentError` of it. To add a format: write the module, add its row to `LOADERS`.

Reading order: `plain_text`, `markdown_note`, `html_page`, `notebook`, `csv_table`, `pdf_pages`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from llmapps.errors import DocumentError
from llmapps.rag.documents import LoadedDocument, title_from_name
from llmapps.rag.loading import cleaning
from llmapps.rag.loading.decoding import require_length

MAX_FILE_BYTES = 100_000_000

LOADERS: dict[str, str] = {
    ".md": "markdown_note",
    ".markdown": "markdown_note",
    ".mdx": "markdown_note",
    ".txt": "plain_text",
    ".text": "plain_text",
    ".html": "html_page",
    ".htm": "html_page",
    ".xhtml": "html_page",
    ".pdf": "pdf_pages",
    ".ipynb": "notebook",
    ".csv": "csv_table",
    ".tsv": "csv_table",
}
"""The module in this package that loads files of an ending."""

SUFFIXES: frozenset[str] = frozenset(LOADERS)


class Loader(Protocol):
    """What a module named in `LOADERS` holds."""

    VERSION: int

    def load(self, data: bytes, title: str) -> LoadedDocument:
        """The document; `title` is used when it has none of its own."""
        ...


def can_load(path: Path) -> bool:
    """Whether there is a loader for files of this ending."""
    return path.suffix.lower() in LOADERS


def loader_version(path: Path) -> str:
    """Changes whenever the same bytes would be loaded differently, such as "markdown_note 1, cleaning 1".

    Raises:
        DocumentError: there is no loader for files of this ending.
    """
    name = _loader_name(path)
    return f"{name} {_loader(name).VERSION}, cleaning {cleaning.VERSION}"


def load_document(path: Path) -> LoadedDocument:
    """The document in a file; its text is "" when it holds none (an empty file, a scanned PDF).

    Raises:
        DocumentError: the file cannot be read or is not what its ending says; the message says why and what to do.
            No other exception leaves this function, whatever the file holds.
    """
    loader = _loader(_loader_name(path))
    data = _read(path)
    title = title_from_name(path.stem)
    try:
        document = loader.load(data, title) if data else LoadedDocument("", (), (), title)
    except DocumentError:
        raise
    except Exception as error:  # hostile and broken files raise anything, and none may stop the others
        kind = path.suffix.lower()
        raise DocumentError(
            f"is broken or not really {kind} ({type(error).__name__}: {error}): repair or remove it"
        ) from error
    require_length(document.text)
    return document if document.text.strip() else LoadedDocument("", (), (), document.title)


def _loader_name(path: Path) -> str:
    name = LOADERS.get(path.suffix.lower())
    if name is None:
        known = ", ".join(sorted(SUFFIXES))
        raise DocumentError(f'has an ending, "{path.suffix}", that is not read: convert it to one of {known}')
    return name


def _loader(name: str) -> Loader:
    return cast(Loader, import_module(f"{__name__}.{name}"))


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise DocumentError("is not a file: it was removed, or is a folder or a device; index again")
        if (size := path.stat().st_size) > MAX_FILE_BYTES:
            raise DocumentError(f"has {size / 1e6:.0f} MB; {MAX_FILE_BYTES // 10**6} MB is the limit: split it")
        return path.read_bytes()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise DocumentError(f"cannot be opened ({why}): check its permissions") from error
    except ValueError as error:  # a NUL in the path
        raise DocumentError(f"cannot be opened ({error}): rename it") from error
