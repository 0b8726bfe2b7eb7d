"""Jupyter notebooks: Markdown cells with their headings, code cells with their text outputs, all with cell numbers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from llmapps.errors import DocumentError
from llmapps.rag.documents import LineMark, LoadedDocument, SectionKind, marks_of_lines
from llmapps.rag.loading.cleaning import clean
from llmapps.rag.loading.decoding import decode
from llmapps.rag.loading.headings import Heading, SectionBuilder
from llmapps.rag.loading.markdown_headings import find_headings
from llmapps.types import Place

VERSION = 1
MAX_OUTPUT_CHARACTERS = 2_000
"""Of one output: a training log or a printed data set would bury the notebook's own words."""

_OBJECT_REPRESENTATION = re.compile(r"[\[(]*<[^<>\n]*>(?:, <[^<>\n]*>)*[\])]*")
_BETWEEN = "\n\n"


def load(data: bytes, title: str) -> LoadedDocument:
    """The cells one after the other; cells and outputs of a shape that no notebook has are skipped."""
    cells, own_title = _parsed(decode(data))
    writer = _CellWriter()
    for number, cell in enumerate(cells, start=1):
        if isinstance(cell, dict):
            writer.add(cell, number)
    text = "".join(writer.parts)
    builder = SectionBuilder()  # the heading path runs on from cell to cell
    for span in writer.cells:
        builder.add(text, span.headings, (span.start, span.end), Place(cell=span.number), span.kind)
    main = next((heading.text for span in writer.cells for heading in span.headings if heading.level == 1), "")
    return LoadedDocument(text, tuple(builder.sections), tuple(writer.marks), main or own_title or title)


@dataclass(frozen=True, slots=True)
class _CellSpan:
    number: int
    start: int
    end: int
    headings: list[Heading]
    kind: SectionKind


class _CellWriter:
    """Puts the cells together to one text."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.marks: list[LineMark] = []
        self.cells: list[_CellSpan] = []
        self._length = 0

    def add(self, cell: dict[str, Any], number: int) -> None:
        """Add a cell, if it holds text."""
        source = _source(cell)
        outputs = _outputs(cell.get("outputs"))
        if not source and not outputs:
            return
        self._append(_BETWEEN if self.parts else "")
        start = self._length
        self._append(source)
        self.marks += marks_of_lines(source, at=start) if source else []
        for output in outputs:
            self._append(_BETWEEN if self._length > start else "")
            self.marks.append(LineMark(self._length, 0))  # outputs have no lines in the cell's source
            self._append(output)
        is_prose = cell.get("cell_type") in ("markdown", "heading")
        headings = find_headings(source, at=start) if is_prose else []
        self.cells.append(_CellSpan(number, start, self._length, headings, "markdown" if is_prose else "code"))

    def _append(self, text: str) -> None:
        self.parts.append(text)
        self._length += len(text)


def _parsed(text: str) -> tuple[list[Any], str]:
    """The cells of a notebook of format 3, where they lie in worksheets, or 4; and its title, or ""."""
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"is not a notebook, as it is not JSON ({error}): save it again in Jupyter") from error
    if not isinstance(notebook, dict):
        raise DocumentError("is not a notebook: its JSON is not an object; save it again in Jupyter")
    cells = notebook.get("cells")
    if cells is None and isinstance(sheets := notebook.get("worksheets"), list):
        lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
        cells = [cell for cells in lists if isinstance(cells, list) for cell in cells]
    if not isinstance(cells, list):
        raise DocumentError("is not a notebook: it has no list of cells; save it again in Jupyter")
    metadata = notebook.get("metadata")
    title = metadata.get("title") if isinstance(metadata, dict) else None
    return cells, " ".join(clean(title).split()) if isinstance(title, str) else ""


def _source(cell: dict[str, Any]) -> str:
    """What was written in the cell; in format 3 code is called input, and headings are cells with a level."""
    source = clean(_joined(cell.get("source", cell.get("input")))).rstrip()
    if cell.get("cell_type") != "heading" or not source:
        return source
    level = cell.get("level")
    return "#" * (level if isinstance(level, int) and 1 <= level <= 6 else 1) + " " + " ".join(source.split())


def _outputs(outputs: Any) -> list[str]:
    """The outputs that are text, each cut to `MAX_OUTPUT_CHARACTERS`; no images, no tracebacks."""
    texts = []
    for output in outputs if isinstance(outputs, list) else []:
        if not isinstance(output, dict):
            continue
        data = output.get("data")
        shown = data.get("text/plain") if isinstance(data, dict) else output.get("text")
        if output.get("output_type") in ("error", "pyerr"):
            shown = f"{output.get('ename')}: {output.get('evalue')}"
        text = clean(_joined(shown)[: 10 * MAX_OUTPUT_CHARACTERS]).strip("\n")
        if text.strip() and not _OBJECT_REPRESENTATION.fullmatch(text.strip()):
            texts.append(text[:MAX_OUTPUT_CHARACTERS].rstrip())
    return texts


def _joined(lines: Any) -> str:
    """A notebook's text, which is a string or a list of them; "" for anything else."""
    if isinstance(lines, list):
        texts = [line for line in lines if isinstance(line, str)]
        # Format 2 left the line breaks out.
        return ("" if any("\n" in text for text in texts) else "\n").join(texts)
    return lines if isinstance(lines, str) else ""
