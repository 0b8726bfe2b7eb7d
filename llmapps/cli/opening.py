"""From the options of a command to the notes, opened, with progress shown in the terminal."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmapps.cli.output import is_terminal, say
from llmapps.cli.progress import TerminalDownload
from llmapps.types import one_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from llmapps.rag.index.report import SyncReport
    from llmapps.rag.rag import Rag


def open_rag(
    flags: dict[str, Any],
    *,
    project: Path | None = None,
    as_of: datetime.datetime | None = None,
    wait: bool = True,
    rebuild: bool = False,
) -> Rag:
    """The notes that the options name; `flags` are settings, None where an option was not given."""
    from llmapps.project import find_project
    from llmapps.rag.index.report import SyncOptions
    from llmapps.rag.rag import Rag
    from llmapps.settings import load_settings

    found = find_project(at=project)
    sourced = load_settings(flags, project_file=found.marker if found else None)
    rag = Rag.from_settings(sourced, found, TerminalDownload())
    rag.sync_options = SyncOptions(rebuild=rebuild, wait=wait, progress=TerminalIndexing(), on_wait=say)
    rag.as_of = as_of.date() if as_of else None
    return rag


class TerminalIndexing:
    """A `SyncProgress` for people: a bar in a terminal, one line in a pipe."""

    def __init__(self) -> None:
        self._bar: tuple[Progress, TaskID] | None = None

    def begin(self, total: int) -> None:
        """Shows what is going to be done."""
        if not is_terminal(sys.stderr):
            say("Indexing the notes.")
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        bar = Progress(
            TextColumn("Indexing the notes"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
        )
        self._bar = (bar, bar.add_task("", total=max(total, 1)))
        bar.start()

    def advance(self, amount: float) -> None:
        """Moves the bar."""
        if self._bar is not None:
            self._bar[0].advance(self._bar[1], amount)

    def end(self) -> None:
        """Leaves the bar as it stands."""
        if self._bar is not None:
            self._bar[0].stop()
            self._bar = None


def tell_report(report: SyncReport) -> None:
    """Say what a sync before a question did, if it did anything; else only how many documents cannot be searched."""
    unsearchable = len(report.failed) + report.empty
    if report.added or report.changed or report.removed:
        say(f"Indexed: {describe(report)}.")
        tell_unsearchable(report)
    else:
        if unsearchable:
            say(f"{unsearchable} documents cannot be searched; `llmapps index` names them.", style="dim")
        tell_warnings(report)


def tell_unsearchable(report: SyncReport) -> None:
    """Name the documents that failed and those without text; a name may hold line breaks, and forges no line here."""
    for failure in report.failed:
        say(f"Not indexed: {one_line(failure.path)}: {one_line(failure.reason)}.", style="yellow")
    for path in report.empty_paths:
        say(f"Empty: {one_line(path)}: holds no text that can be read (a scanned PDF needs OCR).", style="yellow")
    tell_warnings(report)


def tell_warnings(report: SyncReport) -> None:
    """What is not as it should be, although the notes can be searched."""
    for warning in report.warnings:
        say(one_line(warning), style="yellow")


def describe(report: SyncReport) -> str:
    """Such as "33 added, 1 failed; 251 chunks, 251 embedded"."""
    counts = {
        "added": report.added,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "removed": report.removed,
        "empty": report.empty,
        "failed": len(report.failed),
        "of other formats": report.skipped,
    }
    parts = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing"
    return f"{parts}; {report.chunks} chunks, {report.embedded} embedded"
