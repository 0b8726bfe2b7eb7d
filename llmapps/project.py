"""Projects: the folder with a `llmapps.toml`, the built-in one, and how a unit is found in either.

A project has the same four folders as this repository: `prompts/`, `rag/`, `agents/`, `eval/`. A unit of the
project (a prompt, a course) takes the place of the built-in one of that name, as a whole; `builtin:NAME` is always the
built-in one.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from llmapps.errors import NotesError, ProjectError, did_you_mean
from llmapps.settings import llmapps_home

MARKER = "llmapps.toml"
COURSE_FILE = "course.toml"
_STEPS_UP = 2
CONTENT_FOLDERS = ("prompts", "rag", "agents", "eval")
BUILTIN_PREFIX = "builtin:"


@dataclass(frozen=True, slots=True)
class Project:
    """A user's project: a folder that holds the marker file `llmapps.toml`."""

    root: Path

    @property
    def marker(self) -> Path:
        """The project's settings file."""
        return self.root / MARKER

    @property
    def data(self) -> Path:
        """Where the project's indexes lie; never among the notes."""
        return self.root / ".llmapps"


def find_project(start: Path | None = None, *, at: Path | None = None) -> Project | None:
    """The project that `start` (the working directory) lies in, or the one in the folder `at`.

    Raises:
        ProjectError: `at` is given and holds no project; or the marker is no file.
    """
    if at is not None:
        return _project_at(at)
    try:
        folder = (start or Path.cwd()).resolve()
    except OSError:  # the working directory was deleted
        return None
    for candidate in (folder, *folder.parents):
        try:
            if _has_file(candidate / MARKER):
                return Project(candidate)
        except PermissionError:  # a folder that we may not look into is nobody's project of ours
            continue
    return None


def _project_at(folder: Path) -> Project:
    try:
        folder = folder.expanduser()
        if _has_file(folder / MARKER):
            return Project(folder.resolve())
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise ProjectError(
            f'The project "{folder}" cannot be opened ({why}). Check the path and its permissions.'
        ) from error
    raise ProjectError(f'There is no project in "{folder}": it has no {MARKER}. Make one with `llmapps init {folder}`.')


def _has_file(path: Path) -> bool:
    """Whether the file is there.

    Raises:
        ProjectError: something else has its name, such as a folder or a link that leads nowhere. To go on without the
            file would be to go on without its rules.
        PermissionError: its folder may not be looked into.
    """
    try:
        if stat.S_ISREG(path.stat().st_mode):
            return True
    except PermissionError:
        raise
    except (OSError, ValueError):
        if not os.path.lexists(path):
            return False
    raise ProjectError(f'"{path}" is no file, and must be one. Correct it, or remove it to go on without.')


def builtin_root() -> Path:
    """The folder that holds the built-in content folders: in a wheel `llmapps/_builtin`, else the repository."""
    package = Path(__file__).resolve().parent
    packaged = package / "_builtin"
    return packaged if packaged.is_dir() else package.parent


def find_unit(folder: str, name: str, suffix: str, project: Project | None = None) -> tuple[Path, str]:
    """The file of a unit, and its origin, "project" or "builtin".

    Args:
        folder: a content folder, such as "prompts".
        name: the unit's name; "builtin:NAME" for the built-in one.
        suffix: of its file, such as ".prompt".
        project: where to look first.

    Raises:
        ProjectError: there is none; names the places searched and a near name. Or what has its name is no file.
    """
    bare = name.removeprefix(BUILTIN_PREFIX)
    if not bare or Path(bare).name != bare or bare.startswith("."):
        raise ProjectError(f'"{name}" cannot be the name of a file in {folder}/: use a bare name, such as "answer".')
    places = [(builtin_root() / folder, "builtin")]
    if project is not None and not name.startswith(BUILTIN_PREFIX):
        places.insert(0, (project.root / folder, "project"))
    for place, origin in places:
        path = place / f"{bare}{suffix}"
        try:
            if _has_file(path):
                return path, origin
        except PermissionError as error:
            raise ProjectError(f'"{path}" cannot be opened ({error.strerror}). Check its permissions.') from error
    known = [
        path.name.removesuffix(suffix) for place, _ in places if place.is_dir() for path in place.glob(f"*{suffix}")
    ]
    searched = " and ".join(str(place) for place, _ in places)
    raise ProjectError(f'There is no "{bare}{suffix}" in {searched}. {did_you_mean(bare, known)}'.strip())


@dataclass(frozen=True, slots=True)
class Notes:
    """What is searched: a folder or one file of notes, its course file if there is one, and where its index lies.

    Attributes:
        path: the folder, or the file.
        course_file: `course.toml` in the notes' folder, beside it or further up, or None.
        course_prefix: what is put before a document's path so that the course file knows it, such as "week5/".
        index: the folder of the index; never among the notes.
        name: how the notes are called in messages.
    """

    path: Path
    course_file: Path | None
    index: Path
    name: str
    course_prefix: str = ""

    @property
    def folder(self) -> Path:
        """The folder that documents' paths are relative to."""
        return self.path if self.path.is_dir() else self.path.parent


def find_notes(notes: str | Path | None, project: Project | None = None) -> Notes:
    """The notes to search: those named, else the project's `rag/notes`, else the built-in course.

    Args:
        notes: a folder or file, or "builtin:"; None: not named.
        project: where the working directory lies.

    Raises:
        NotesError: there is no such path, or it cannot be opened.
        ProjectError: the notes' course file is no file.
    """
    if notes is None and project is not None and (project.root / "rag" / "notes").is_dir():
        notes = project.root / "rag" / "notes"
    if notes is None or str(notes) == BUILTIN_PREFIX:
        folder = builtin_root() / "rag" / "notes"
        return Notes(folder, folder.parent / "course.toml", _index_folder(folder, None), "the built-in course")
    path = _require_path(notes)
    folder = path if path.is_dir() else path.parent
    course_file, course_prefix = _course_of(folder, project)
    return Notes(path, course_file, _index_folder(path, project), str(notes), course_prefix)


def _require_path(notes: str | Path) -> Path:
    """The path, without links in it, so that one folder has one index however it is named."""
    if not str(notes).strip():  # an unset variable in a script; pathlib would take it for the working directory
        raise NotesError('The path given as notes is empty. Name a folder or a file; "." is the working directory.')
    try:
        path = Path(notes).expanduser()
        if path.exists():
            return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # no permission, a name too long, no such user's home, a NUL
        why = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise NotesError(f'"{notes}" cannot be opened ({why}). Check the path that was given as notes.') from error
    raise NotesError(f'There is no file or folder "{path}". Check the path that was given as notes.')


def _course_of(folder: Path, project: Project | None) -> tuple[Path | None, str]:
    """The course file that rules a folder of notes, and the folder's place below the course's notes.

    A part of the notes is found in the course of the whole, so that what is not released cannot be had by naming
    its folder. The search goes up to the project's root; outside of a project, two folders up.
    """
    inside = project is not None and folder.is_relative_to(project.root)
    for steps, place in enumerate((folder, *folder.parents)):
        if _has_course_file(place):
            notes = place / "notes"
            root = notes if folder.is_relative_to(notes) else place
            prefix = folder.relative_to(root).as_posix()
            return place / COURSE_FILE, "" if prefix == "." else f"{prefix}/"
        if (inside and project is not None and place == project.root) or (not inside and steps == _STEPS_UP):
            break
    return None, ""


def _has_course_file(folder: Path) -> bool:
    try:
        return _has_file(folder / COURSE_FILE)
    except PermissionError as error:
        raise NotesError(f'"{folder}" cannot be opened ({error.strerror}). Check its permissions.') from error


def _index_folder(path: Path, project: Project | None) -> Path:
    """In the project if the notes lie in it, else in the user's data folder, named by a hash of the path."""
    if project is not None and path.is_relative_to(project.root):
        if path == project.root / "rag" / "notes":
            return project.data / "index"
        relative = path.relative_to(project.root).as_posix()
        return project.data / f"index-{_hash(relative, 12)}"
    return llmapps_home() / "index" / _hash(str(path), 16)


def _hash(text: str, length: int) -> str:
    import hashlib  # noqa: PLC0415 - loading OpenSSL takes longer than the rest of `llmapps --help`

    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:length]
