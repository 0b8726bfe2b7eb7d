"""The options that several commands share, each declared once."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated

import typer

Notes = Annotated[
    str | None,
    typer.Option(help="Folder or file of notes; builtin: is the built-in course.", metavar="DIR|FILE|builtin:"),
]
Model = Annotated[str | None, typer.Option(help="Chat model, such as ollama:llama3.2.", metavar="PROVIDER:NAME")]
Embedding = Annotated[str | None, typer.Option(help="Embedding model.", metavar="PROVIDER:NAME")]
BaseUrl = Annotated[str | None, typer.Option(help="Address of an OpenAI-compatible or Ollama server.", metavar="URL")]
Top = Annotated[int | None, typer.Option(help="How many hits.", metavar="N")]
ProjectFolder = Annotated[
    Path | None, typer.Option("--project", help="Folder of the project, instead of the one around here.", metavar="DIR")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Leave with exit code 3 if another process is writing the index.")
]
AsOf = Annotated[
    datetime.datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Show what is released on this day, instead of today.", metavar="DATE"),
]
Strict = Annotated[bool | None, typer.Option("--strict", help="Leave out sentences that the notes do not back.")]
