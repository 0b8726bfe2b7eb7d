"""How a download looks in a terminal, and in a pipe. All of it goes to stderr, as stdout is for data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from llmapps.cli.output import is_terminal, say
from llmapps.errors import WeightsError
from llmapps.models.catalog import Weights
from llmapps.models.downloads.progress import format_size

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

BIG_BYTES = 200_000_000
"""From this size on a person is asked, unless the download is part of what they asked for."""


class TerminalDownload:
    """A `DownloadProgress` for people: a bar in a terminal; one line at the beginning and one at the end in a pipe."""

    def __init__(self) -> None:
        self._name = ""
        self._bar: tuple[Progress, TaskID] | None = None
        self._complete = False

    def announce(self, weights: Weights, folder: Path, free_bytes: int) -> None:
        """Says what comes, how big it is, where it goes and how much room there is."""
        self._name = weights.name
        size, free = format_size(weights.size), format_size(free_bytes)
        say(f"Fetching {weights.name}: {size} into {folder} ({free} free on that disk).")

    def advance(self, done_bytes: int, total_bytes: int) -> None:
        """Moves the bar; in a pipe, says when all is here."""
        if is_terminal(sys.stderr):
            self._move_bar(done_bytes, total_bytes)
        elif done_bytes >= total_bytes and not self._complete:
            say(f"Fetched {self._name}: {format_size(total_bytes)}.")
        self._complete = done_bytes >= total_bytes

    def note(self, text: str) -> None:
        """Prints a sentence, above the bar if there is one."""
        say(text)

    def finish(self) -> None:
        """Leaves the bar as it stands, so that an error comes below it."""
        if self._bar is not None:
            self._bar[0].stop()
            self._bar = None

    def _move_bar(self, done_bytes: int, total_bytes: int) -> None:
        if self._bar is None:
            bar = _bar()
            # What an earlier run fetched is no speed of this one: it is where the bar begins.
            self._bar = (bar, bar.add_task(self._name, total=total_bytes, completed=done_bytes))
            bar.start()
        bar, task = self._bar
        bar.update(task, completed=done_bytes)


class ConfirmedDownload(TerminalDownload):
    """The same, but a person is asked before a big download, and without one nothing big is fetched."""

    def announce(self, weights: Weights, folder: Path, free_bytes: int) -> None:
        """Says what comes, and asks.

        Raises:
            WeightsError: it is big and there is nobody to ask.
            typer.Abort: the person said no.
        """
        super().announce(weights, folder, free_bytes)
        if weights.size < BIG_BYTES:
            return
        if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
            raise WeightsError(
                f"{weights.name} has {format_size(weights.size)}, and there is no terminal to ask whether to fetch it. "
                "Add --yes to the command."
            )
        import typer

        typer.confirm("Fetch it?", default=True, abort=True, err=True)


def _bar() -> Progress:
    """A bar with size, speed and time left, on stderr."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
    )
    return Progress(*columns, console=Console(stderr=True))
