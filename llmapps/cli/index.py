"""`llmapps index`: bring indexes up to date, and say what was found."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from llmapps.cli import options
from llmapps.cli.opening import describe, open_rag
from llmapps.cli.output import emit, emit_json, say


def index(
    paths: Annotated[
        list[str] | None, typer.Argument(help="Folders or files of notes; each has an index of its own.")
    ] = None,
    notes: options.Notes = None,
    embedding: options.Embedding = None,
    base_url: options.BaseUrl = None,
    project: options.ProjectFolder = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make the index anew.")] = False,
    no_wait: options.NoWait = False,
    json: options.Json = False,
) -> None:
    """Index notes: read what changed, embed it, forget what is gone. The notes themselves are only read."""
    named: list[str | None] = [*paths] if paths else [notes]
    results: list[tuple[str, dict[str, Any]]] = []
    usable = False
    for name in named:
        flags = {"notes": name, "embedding": embedding, "base_url": base_url}
        with open_rag(flags, project=project, wait=not no_wait, rebuild=rebuild) as rag:
            report = rag.sync()
            missing = rag.missing_notes()
        usable = usable or report.is_usable
        results.append((rag.notes.name, report.to_dict()))
        if not json:
            emit(f"{rag.notes.name}: {describe(report)}")
        for note in missing:
            say(f'{rag.notes.course_file} names "{note}", but there is no such note. Correct the name.', style="yellow")
        for failure in report.failed:
            say(f"Not indexed: {failure.path}: {failure.reason}.", style="yellow")
    if json:
        emit_json(_total(results))
    if not usable:
        raise typer.Exit(2)


def _total(results: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """One object: the report, or for several folders their sums, with each one's report under its name."""
    if len(results) == 1:
        return results[0][1]
    total: dict[str, Any] = {}
    for _, report in results:
        for key, value in report.items():
            total[key] = total[key] + value if key in total else value
    return {**total, "notes": dict(results)}
