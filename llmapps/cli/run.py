"""One run of the command: the words in, the exit code out; every error, signal and typing mistake ends in one sentence.

Exit codes: 0 done; 1 a check or a gate failed; 2 usage, or nothing could be done (also when llmapps itself is at
fault: a 1 would read as the verdict of a check); 3 inconclusive, or somebody else is writing; 130 stopped by Ctrl-C
(128 + the number of the signal); 141 the reader of the output has gone.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from llmapps.cli.output import complain, emit, prepare_streams, say, set_quiet
from llmapps.errors import LlmappsError

EXIT_NOTHING_DONE = 2


class Stopped(KeyboardInterrupt):
    """A signal asked the process to end; handled like Ctrl-C, so that work in hand is finished or undone in order."""

    def __init__(self, signal_number: int) -> None:
        super().__init__()
        self.exit_code = 128 + signal_number


def run(arguments: Sequence[str]) -> int:
    """Run `llmapps` with these words and return the exit code; nothing but SystemExit is ever raised."""
    prepare_streams()
    words, debug, quiet = _take_switches(arguments)
    set_quiet(quiet)
    if not debug and not sys.warnoptions:
        warnings.simplefilter("ignore")  # the warnings of our dependencies are for us, not for who asks a question
    with _orderly_stop():
        try:
            return _invoke(words or ["--help"])
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place where every error ends
            if debug:
                complain(_redacted("".join(traceback.format_exception(error))))
            return _explain(error)


def _invoke(words: list[str]) -> int:
    """Parse the words and run the command they name; its exit code."""
    from llmapps.cli.app import app

    # Not app(): it would end the process itself, swallow Ctrl-C, and take any broken pipe, also a server's, for ours.
    command = typer.main.get_command(app)
    try:
        with command.make_context("llmapps", words) as context:
            result = command.invoke(context)
    except typer.Exit as leave:
        return leave.exit_code
    return result if isinstance(result, int) else 0


def _explain(error: BaseException) -> int:
    """Tell the person what happened, in one sentence, and return the exit code."""
    if isinstance(error, LlmappsError):
        complain(_redacted(str(error)))
        return error.exit_code
    if isinstance(error, (KeyboardInterrupt, typer.Abort, EOFError)):
        say("\nstopped", style="dim")
        return error.exit_code if isinstance(error, Stopped) else 128 + signal.SIGINT
    if isinstance(error, typer.TyperException):
        return _explain_usage(error)
    complain(
        f"something inside llmapps went wrong ({type(error).__name__} in {_place(error)}). "
        "Run the same command with --debug to see where, and report it."
    )
    return EXIT_NOTHING_DONE


def _explain_usage(error: typer.TyperException) -> int:
    message = error.format_message().strip()
    if not message or message.startswith("Usage:"):  # a group without a command: its help is the answer
        emit(message)
        return 0
    context: Any = getattr(error, "ctx", None)
    command = context.command_path if context else "llmapps"
    stop = "" if message.endswith((".", "?", "!")) else "."
    complain(f"{message}{stop} `{command} --help` shows how it is used.")
    return EXIT_NOTHING_DONE


def _redacted(text: str) -> str:
    """The text without the keys that a provider's answer may repeat."""
    from llmapps.models.redaction import redact

    return redact(text)


def _place(error: BaseException) -> str:
    """File and line of the innermost code of ours that the error passed; unlike its message they hold no secret."""
    package = str(Path(__file__).parent.parent)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(package)]
    if not frames:
        return "unknown place"
    return f"{Path(frames[-1].filename).relative_to(package).as_posix()}, line {frames[-1].lineno}"


def _take_switches(arguments: Sequence[str]) -> tuple[list[str], bool, bool]:
    """The words without `--debug` and `--quiet`, which may stand anywhere before a `--`, and whether each was there."""
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    head, tail = words[:end], words[end:]
    debug = "--debug" in head or os.environ.get("LLMAPPS_DEBUG", "") not in ("", "0")
    quiet = "--quiet" in head
    return [word for word in head if word not in ("--debug", "--quiet")] + tail, debug, quiet


@contextmanager
def _orderly_stop() -> Iterator[None]:
    """Turn the signals that would end Python at once into `Stopped`: SIGTERM, SIGHUP, on Windows a closed console.

    A signal that whoever started us had set to be ignored (`nohup`) stays ignored.
    """

    def stop(signal_number: int, _frame: Any) -> None:
        raise Stopped(signal_number)

    before: dict[int, Any] = {}
    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
