"""`llmapps ask`: a question in, an answer out, every sentence checked against the notes."""

from __future__ import annotations

from typing import Annotated

import typer

from llmapps.cli import options
from llmapps.cli.opening import open_rag, tell_report
from llmapps.cli.output import emit_json


def ask(
    question: Annotated[str, typer.Argument(help="Your question, in quotes.")],
    notes: options.Notes = None,
    model: options.Model = None,
    base_url: options.BaseUrl = None,
    embedding: options.Embedding = None,
    top: options.Top = None,
    strict: options.Strict = None,
    as_of: options.AsOf = None,
    project: options.ProjectFolder = None,
    no_wait: options.NoWait = False,
    json: options.Json = False,
) -> None:
    """Ask the notes. Each sentence of the answer is checked against them, and cites where it stands."""
    from llmapps.cli.answering import show_events

    flags = {
        "notes": notes,
        "model": model,
        "base_url": base_url,
        "embedding": embedding,
        "top": top,
        "strict_answers": strict or None,
    }
    with open_rag(flags, project=project, as_of=as_of, wait=not no_wait) as rag:
        rag.on_sync = tell_report
        answer = show_events(rag.stream(question), quiet=json)
    if json:
        emit_json(answer.to_dict())
