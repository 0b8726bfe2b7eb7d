"""`llmapps index`: bring indexes up to date, and say what was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmapps.cli import options
from llmapps.cli.opening import describe, open_rag, tell_unsearchable
from llmapps.cli.output import complain, emit, emit_json
from llmapps.errors import LlmappsError, NotesError
from llmapps.types import one_line

if TYPE_CHECKING:
    from llmapps.rag.index.report import SyncReport
    from llmapps.rag.rag import Rag

Outcome = dict[str, Any]
"""Of one folder, as `--json` prints it: its report, or {"error": sentence}."""


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
    """Index notes: read what changed, embed it, forget what is gone. The notes themselves are only read.

    Of several paths, one that cannot be indexed does not stop the others; the exit code tells of it.
    """
    named: list[str | None] = [*paths] if paths else [notes]
    outcomes: dict[str, Outcome] = {}
    exit_codes = set()
    for name in named:
        flags = {"notes": name, "embedding": embedding, "base_url": base_url}
        try:
            with open_rag(flags, project=project, wait=not no_wait, rebuild=rebuild) as rag:
                report = _index_one(rag, quiet=json)
            outcomes[rag.notes.name] = report.to_dict()
            _require_usable(rag, report)
        except LlmappsError as error:
            exit_codes.add(error.exit_code)
            _tell(error, outcomes, name)
    if json and len(named) > 1:
        emit_json(_total(outcomes))
    elif json and "error" not in (outcome := next(iter(outcomes.values()))):
        emit_json(outcome)
    if exit_codes:
        raise typer.Exit(min(exit_codes))  # 2 (something failed) goes before 3 (somebody else is writing)


def _index_one(rag: Rag, *, quiet: bool) -> SyncReport:
    """Index one folder and say what came of it; its counts are data, and printed unless `quiet`."""
    report = rag.sync()
    if not quiet:
        emit(f"{one_line(rag.notes.name)}: {describe(report)}")
    tell_unsearchable(report)
    return report


def _require_usable(rag: Rag, report: SyncReport) -> None:
    if not report.is_usable:
        name = one_line(rag.notes.name)
        raise NotesError(f'Nothing could be indexed in "{name}": no document holds text that can be read.')


def _tell(error: LlmappsError, outcomes: dict[str, Outcome], name: str | None) -> None:
    """Complain, and note the error as the outcome of a path that has none yet."""
    from llmapps.models.redaction import redact

    sentence = redact(str(error))
    complain(sentence)
    outcomes.setdefault(str(name), {"error": sentence})


def _total(outcomes: Mapping[str, Outcome]) -> Outcome:
    """The sums of the reports, and under "notes" the outcome of each path by its name."""
    from llmapps.rag.index.report import SyncReport

    total: Outcome = SyncReport().to_dict()
    for outcome in outcomes.values():
        for key in total:
            total[key] = total[key] + outcome.get(key, type(total[key])())
    return {**total, "notes": dict(outcomes)}
