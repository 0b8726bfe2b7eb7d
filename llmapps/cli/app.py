"""The tree of commands. A new command is one line here and one module beside it."""

from __future__ import annotations

from typing import Annotated

import typer

from llmapps import __version__
from llmapps.cli import models
from llmapps.cli.ask import ask
from llmapps.cli.chat import chat
from llmapps.cli.config import config
from llmapps.cli.index import index
from llmapps.cli.init import init
from llmapps.cli.output import emit
from llmapps.cli.search import search

app = typer.Typer(
    name="llmapps",
    help="Ask your course notes. Answers come with the notes they rest on, sentence by sentence.",
    # Plain help: it starts in half the time, reads well in a pipe, and [n] in a text is not taken for markup.
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,  # no local variables, and with them no keys, in a traceback
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        emit(f"llmapps {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print data and errors only.")] = False,
) -> None:
    """Ask your course notes. Answers come with the notes they rest on, sentence by sentence.

    --debug and --quiet may stand anywhere on the line.
    """


app.command()(ask)
app.command()(chat)
app.command()(index)
app.command()(search)
app.command()(init)
app.command()(config)
app.add_typer(models.app, name="models")
