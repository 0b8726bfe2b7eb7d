"""`llmapps chat`: a conversation about the notes."""

from __future__ import annotations

import sys

import typer

from llmapps.cli import options
from llmapps.cli.opening import open_rag, tell_report
from llmapps.cli.output import emit, emit_json, is_terminal, say
from llmapps.errors import LlmappsError

_LEAVE = {"exit", "quit", "bye", ":q", "/exit", "/quit"}


def chat(
    notes: options.Notes = None,
    model: options.Model = None,
    base_url: options.BaseUrl = None,
    embedding: options.Embedding = None,
    top: options.Top = None,
    strict: options.Strict = None,
    as_of: options.AsOf = None,
    project: options.ProjectFolder = None,
    json: options.Json = False,
) -> None:
    """Talk about the notes; follow-up questions are understood. Leave with "exit" or Ctrl-D.

    With --json each answer is one line.
    """
    from llmapps.cli.answering import show_events

    _prepare_input()
    flags = {
        "notes": notes,
        "model": model,
        "base_url": base_url,
        "embedding": embedding,
        "top": top,
        "strict_answers": strict or None,
    }
    with open_rag(flags, project=project, as_of=as_of) as rag:
        rag.on_sync = tell_report
        conversation = rag.chat()
        answered = failed = 0
        if is_terminal(sys.stdin):
            say('Ask about the notes. Leave with "exit" or Ctrl-D.', style="dim")
        while (question := _next_question()) is not None:
            if not question.strip():
                continue
            try:
                answer = show_events(conversation.stream(question), quiet=json)
            except KeyboardInterrupt as error:
                if type(error) is not KeyboardInterrupt or not is_terminal(sys.stdin):
                    raise  # a signal to end, or nobody to go on
                say('\nstopped; ask on, or leave with "exit"', style="dim")
                continue
            except LlmappsError as error:
                say(str(error), style="yellow")  # one failed question does not end the conversation
                failed += 1
                continue
            answered += 1
            if json:
                emit_json(answer.to_dict(), line=True)
            else:
                emit("")
    if failed and not answered:
        raise typer.Exit(2)


def _prepare_input() -> None:
    """Make stdin take every line, so that one which is not UTF-8 does not end the conversation.

    Raises:
        LlmappsError: there is no stdin.
    """
    if sys.stdin is None:  # closed (`<&-`), or a service without streams
        raise LlmappsError("There is no input to read questions from. Ask a single one with `llmapps ask`.")
    if reconfigure := getattr(sys.stdin, "reconfigure", None):
        reconfigure(errors="replace")


def _next_question() -> str | None:
    """The next line; None at the end of the input or when the person leaves."""
    if is_terminal(sys.stdin):
        say("\n> ", style="bold", end="")
    line = sys.stdin.readline()
    return None if not line or line.strip().lower() in _LEAVE else line
