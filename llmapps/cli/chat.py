"""`llmapps chat`: a conversation about the notes."""

from __future__ import annotations

import sys

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
        if is_terminal(sys.stdin):
            say('Ask about the notes. Leave with "exit" or Ctrl-D.', style="dim")
        while (question := _next_question()) is not None:
            if not question.strip():
                continue
            try:
                answer = show_events(conversation.stream(question), quiet=json)
            except LlmappsError as error:
                say(str(error), style="yellow")  # one failed question does not end the conversation
                continue
            if json:
                emit_json(answer.to_dict(), line=True)
            else:
                emit("")


def _next_question() -> str | None:
    """The next line; None at the end of the input or when the person leaves."""
    if is_terminal(sys.stdin):
        say("\n> ", style="bold", end="")
    line = sys.stdin.readline()
    return None if not line or line.strip().lower() in _LEAVE else line
