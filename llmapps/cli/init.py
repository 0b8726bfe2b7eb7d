"""`llmapps init DIR`: a folder with everything a project of one's own needs, ready to be asked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from llmapps.cli.output import say
from llmapps.errors import ProjectError

TEMPLATE = Path(__file__).parent.parent / "project_template"

_MARKER_HEAD = """\
# This file marks the folder as an llmapps project; what is set here holds for everything in it.
# A flag on the command line or an LLMAPPS_* variable goes before it; `llmapps config` shows each value and its source.

"""


def init(
    directory: Annotated[str, typer.Argument(metavar="DIR", help="Folder of the project; made if it is not there.")],
) -> None:
    """Make a project: settings, the four folders, a first note to ask about, and a README that says what to do next.

    Files that are there already are kept.
    """
    root = _root(directory)
    _require_room(root)
    try:
        kept = _fill(root)
    except OSError as error:
        raise ProjectError(
            f'The project in "{root}" could not be finished: {error.strerror or error} ({error.filename}). '
            "Correct that and run the same command again; it goes on where it stopped."
        ) from error
    for name in kept:
        say(f"kept     {name} (it was there already)")
    say(f'The project is in "{root}". Next:', style="bold")
    say(f'  cd "{directory}"\n  llmapps ask "How many points does the final project count?"')
    say("README.md there says what each folder is for.")


def _root(directory: str) -> Path:
    """The folder, absolute. An unset variable in a script is not the working directory, as it is for pathlib."""
    if not directory.strip():
        raise ProjectError('The name of the folder is empty. Give one; "." is the working directory.')
    try:
        return Path(directory).expanduser().absolute()
    except (OSError, RuntimeError) as error:  # a working directory that is gone, no such user's home
        why = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise ProjectError(f'"{directory}" cannot be a folder ({why}). Give an absolute path.') from error


def _require_room(root: Path) -> None:
    """Raises a ProjectError when the folder is no folder, or lies in a project already."""
    from llmapps.project import find_project

    if root.exists() and not root.is_dir():
        raise ProjectError(f'"{root}" is a file. Give the name of a folder, or of one to be made.')
    if project := find_project(root):
        where = "is a project already" if project.root == root.resolve() else f'lies in the project "{project.root}"'
        raise ProjectError(
            f'"{root}" {where}. Use it as it is (`llmapps config` shows its settings), or choose another folder.'
        )


def _fill(root: Path) -> list[str]:
    """Write what is missing and return the names of the files that were there.

    The marker comes last: until then the folder is no project, and a run that was stopped can be repeated.
    """
    from llmapps.project import CONTENT_FOLDERS, MARKER
    from llmapps.settings import settings_template

    for folder in CONTENT_FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    contents = {_name_in_project(path): path.read_text(encoding="utf-8") for path in sorted(TEMPLATE.rglob("*.*"))}
    contents[MARKER] = _MARKER_HEAD + settings_template()
    return [name for name, text in contents.items() if not _write_new(root / name, text)]


def _name_in_project(path: Path) -> str:
    # A real .gitignore in the template would be obeyed by git and by the build of the wheel.
    return path.relative_to(TEMPLATE).as_posix().replace("gitignore.txt", ".gitignore")


def _write_new(path: Path, text: str) -> bool:
    """Write a file as a whole or not at all; False, and nothing is touched, when there is one."""
    import tempfile

    if os.path.lexists(path):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return True
