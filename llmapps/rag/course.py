"""The course file: which units there are, and from when their notes may be shown.

    title = "Generative AI"

    [[units]]
    id = "foundations"
    title = "Foundations"
    release = 2025-09-01
    notes = ["01-what-is-generative-ai.md", "02-*.md"]

Notes of a unit with a later release date are never searched, shown to a model or quoted. A note that several units name
is open when all of them are; one that no unit names is always open. In a name `*` stands for anything, the name of a
folder stands for all notes in it, and capital and small letters are the same.
"""

from __future__ import annotations

import datetime
import fnmatch
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from llmapps.errors import ProjectError, did_you_mean
from llmapps.settings import as_toml

_COURSE_KEYS = {"title", "description", "language", "units"}
_UNIT_KEYS = {"id", "title", "release", "notes"}


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of a course. `notes` are names or patterns of paths below the notes' folder; without `release` it is open."""

    id: str
    title: str
    notes: tuple[str, ...]
    release: datetime.date | None = None

    def holds(self, document: str) -> bool:
        """Whether the document belongs to this unit."""
        path = _one_spelling(document)
        for note in map(_one_spelling, self.notes):
            if path == note or fnmatch.fnmatchcase(path, note) or fnmatch.fnmatchcase(path, f"{note}/*"):
                return True
        return False


@dataclass(frozen=True, slots=True)
class Course:
    """A course: its title and its units in order.

    Attributes:
        prefix: what is put before a document's path to match the units' patterns, where only a part of the course's
            notes is searched, such as "week5/".
    """

    title: str = ""
    units: tuple[Unit, ...] = ()
    prefix: str = ""

    def hidden(self, documents: Iterable[str], as_of: datetime.date | None = None) -> set[str]:
        """Those of the documents that are not released yet on the day `as_of` (today)."""
        day = as_of or datetime.date.today()
        closed = [unit for unit in self.units if unit.release and unit.release > day]
        return {document for document in documents if any(unit.holds(self.prefix + document) for unit in closed)}

    def missing(self, documents: Iterable[str]) -> list[str]:
        """The names and patterns of notes that fit none of the documents; a slip there would leave a note open."""
        paths = [self.prefix + document for document in documents]
        named = [(unit, note) for unit in self.units for note in unit.notes]
        return [note for unit, note in named if not any(replace(unit, notes=(note,)).holds(path) for path in paths)]


def load_course(path: Path | None, prefix: str = "") -> Course:
    """The course in a `course.toml`; an empty one for None.

    Args:
        path: of the file.
        prefix: see `Course`.

    Raises:
        ProjectError: the file is not TOML, has an unknown key, lacks one, or a value has the wrong type.
    """
    if path is None:
        return Course()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ProjectError(
            f"{path} cannot be read: {error}. Correct the file, or delete it to search all notes."
        ) from error
    _require_keys(table, _COURSE_KEYS, str(path))
    for key in _COURSE_KEYS - {"units"}:
        if not isinstance(table.get(key, ""), str):
            raise ProjectError(f"{path}: {key} = {as_toml(table[key])} must be a text; put it in quotes.")
    if not isinstance(table.get("units", []), list):
        raise ProjectError(f"{path}: units must be tables; begin each with [[units]].")
    units = [_parse_unit(unit, f"{path}: unit {n}") for n, unit in enumerate(table.get("units", []), start=1)]
    for name, count in Counter(unit.id for unit in units).items():
        if count > 1:
            raise ProjectError(f'{path}: {count} units have the id "{name}"; give each its own.')
    return Course(table.get("title", ""), tuple(units), prefix)


def _parse_unit(table: Any, where: str) -> Unit:
    if not isinstance(table, dict):
        raise ProjectError(f"{where} is {as_toml(table)} and must be a table; begin it with [[units]].")
    _require_keys(table, _UNIT_KEYS, where)
    name, title, notes, release = (table.get(key) for key in ("id", "title", "notes", "release"))
    if not isinstance(name, str) or not name:
        raise ProjectError(f'{where} has no id that is a text; add a line such as id = "foundations".')
    if title is not None and not isinstance(title, str):
        raise ProjectError(f'{where} ("{name}"): title = {as_toml(title)} must be a text; put it in quotes.')
    if notes is None:
        raise ProjectError(f'{where} ("{name}") has no notes; add a line such as notes = ["01-*.md"].')
    if not isinstance(notes, list) or not all(isinstance(note, str) and note for note in notes):
        raise ProjectError(
            f'{where} ("{name}"): notes = {as_toml(notes)} must be a list of names, such as ["01-*.md"].'
        )
    if isinstance(release, datetime.datetime):
        release = release.date()
    if release is not None and not isinstance(release, datetime.date):
        raise ProjectError(
            f'{where} ("{name}"): release = {as_toml(release)} must be a date without quotes, such as 2025-09-01.'
        )
    return Unit(name, title or name, tuple(notes), release)


def _one_spelling(path: str) -> str:
    """A path or pattern as it is compared: a slip of spelling must not open a note before its day."""
    return unicodedata.normalize("NFC", path.replace("\\", "/")).casefold().removeprefix("./").rstrip("/")


def _require_keys(table: dict[str, Any], known: set[str], where: str) -> None:
    for key in table:
        if key not in known:
            hint = did_you_mean(key, known) or f"The keys are: {', '.join(sorted(known))}."
            raise ProjectError(f'{where}: there is no key "{key}". {hint}')
