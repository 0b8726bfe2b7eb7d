"""`llmapps config`: every setting with its value and where that comes from, and where llmapps keeps things."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from llmapps.cli import options
from llmapps.cli.output import emit, emit_json
from llmapps.errors import LlmappsError, did_you_mean

if TYPE_CHECKING:
    from llmapps.project import Project
    from llmapps.settings import SourcedSettings

KEY_VARIABLES = (
    "LLMAPPS_API_KEY",
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "GOOGLE_API_KEY",
    "MISTRAL_API_KEY",
    "GROQ_API_KEY",
    "HF_TOKEN",
)
"""Variables that hold secrets of providers. Only whether each is set is ever shown."""

_OTHER_VARIABLES = ("HOME", "DEBUG", "API_KEY")
_PACKAGES = (
    "langchain",
    "langchain-core",
    "chromadb",
    "xllamacpp",
    "onnxruntime",
    "openai",
    "ollama",
    "sentence-transformers",
)


def config(
    project: options.ProjectFolder = None,
    json: options.Json = False,
) -> None:
    """Show each setting, its value and its source, and where llmapps keeps things."""
    from llmapps.project import find_project
    from llmapps.settings import load_settings

    found = find_project(at=project)
    settings = load_settings(project_file=found.marker if found else None)
    report = _report(settings, found)
    if json:
        emit_json(report)
    else:
        _show(report)


def _report(settings: SourcedSettings, project: Project | None) -> dict[str, Any]:
    """Everything there is to show, as `--json` prints it."""
    from llmapps.settings import FIELDS, llmapps_home

    return {
        "settings": [
            {
                "name": name,
                "value": _shown(getattr(settings.values, name)),
                "source": settings.sources[name],
                "about": FIELDS[name].metadata["help"],
            }
            for name in FIELDS
        ],
        "keys": {name: "set" if os.environ.get(name) else "not set" for name in KEY_VARIABLES},
        "unknown_variables": _unknown_variables(),
        "home": str(llmapps_home()),
        "project": str(project.root) if project else None,
        **_notes_and_index(settings, project),
        "versions": _versions(),
    }


def _notes_and_index(settings: SourcedSettings, project: Project | None) -> dict[str, str | None]:
    from llmapps.project import find_notes

    try:
        notes = find_notes(settings.values.notes, project)
    except LlmappsError as error:
        return {"notes": f"{settings.values.notes} ({error})", "index": None}
    return {"notes": str(notes.path), "index": str(notes.index)}


def _shown(value: Any) -> Any:
    """The value, without a password that an address may hold."""
    from llmapps.models.redaction import redact

    return redact(value) if isinstance(value, str) else value


def _unknown_variables() -> dict[str, str]:
    """Variables that look like settings and are none, each with what was probably meant, or ""."""
    from llmapps.settings import ENVIRONMENT_PREFIX, FIELDS

    known = {ENVIRONMENT_PREFIX + name.upper() for name in (*FIELDS, *_OTHER_VARIABLES)}
    strange = sorted(name for name in os.environ if name.startswith(ENVIRONMENT_PREFIX) and name not in known)
    return {name: did_you_mean(name, known) for name in strange}


def _versions() -> dict[str, str]:
    """Of llmapps, Python and the packages that it is built on."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from llmapps import __version__

    versions = {"llmapps": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _show(report: dict[str, Any]) -> None:
    """Print the report for people: one line a value, its source behind it."""
    width = max(len(row["name"]) for row in report["settings"]) + 2
    value_width = max(len(_as_text(row["value"])) for row in report["settings"]) + 2
    for row in report["settings"]:
        emit(f"{row['name']:{width}}{_as_text(row['value']):{value_width}}", end="")
        emit(row["source"], style="dim" if row["source"] == "default" else "green")
    emit("")
    for name in ("home", "project", "notes", "index"):
        emit(f"{name:{width}}{report[name] or 'none'}")
    _show_list("keys", report["keys"], width)
    for name, hint in report["unknown_variables"].items():
        emit(f"{'note':{width}}{name} is set, but there is no such setting. {hint}".rstrip(), style="yellow")
    _show_list("versions", report["versions"], width)


def _show_list(title: str, items: dict[str, str], width: int) -> None:
    import shutil
    import textwrap

    text = ", ".join(f"{name} {value}".replace(" ", "\N{NO-BREAK SPACE}") for name, value in items.items())
    columns = max(shutil.get_terminal_size((120, 24)).columns, 2 * width)
    lines = textwrap.wrap(text, columns - width, break_on_hyphens=False)
    emit(f"{title:{width}}" + ("\n" + " " * width).join(lines).replace("\N{NO-BREAK SPACE}", " "))


def _as_text(value: Any) -> str:
    if value is None:
        return "not set"
    return str(value).lower() if isinstance(value, bool) else str(value)
