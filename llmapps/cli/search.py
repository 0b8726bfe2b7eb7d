"""`llmapps search`: the hits for a question, without a model."""

from __future__ import annotations

import textwrap
from typing import Annotated

import typer

from llmapps.cli import options
from llmapps.cli.opening import open_rag, tell_report
from llmapps.cli.output import emit, emit_json


def search(
    question: Annotated[str, typer.Argument(help="What to look for.")],
    notes: options.Notes = None,
    top: options.Top = None,
    embedding: options.Embedding = None,
    base_url: options.BaseUrl = None,
    as_of: options.AsOf = None,
    project: options.ProjectFolder = None,
    no_wait: options.NoWait = False,
    json: options.Json = False,
) -> None:
    """Search the notes and show what was found, best first."""
    flags = {"notes": notes, "top": top, "embedding": embedding, "base_url": base_url}
    with open_rag(flags, project=project, as_of=as_of, wait=not no_wait) as rag:
        rag.on_sync = tell_report
        hits = rag.search(question)
    if json:
        emit_json({"question": question, "hits": [hit.to_dict() for hit in hits]})
        return
    for hit in hits:
        emit(str(hit), style="bold")
        emit(textwrap.indent(hit.text, "    ") + "\n")
