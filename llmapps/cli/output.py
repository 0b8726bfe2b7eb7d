"""The only place that prints. Data goes to stdout, talk to stderr, and neither can command the terminal.

Notes and models write what they like, also the character sequences by which a terminal is told to change its title,
its clipboard or what already stands on the screen. Everything printed here is made inert first; the only colours are
our own.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from typing import Any, Literal, TextIO

from llmapps.errors import LlmappsError

Style = Literal["bold", "dim", "red", "green", "yellow", "cyan"]

_STYLE_CODES: dict[Style, str] = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}

# "Select graphic rendition" and its kin: ESC [ parameters, intermediates, one final character (ECMA-48, 5.4).
_CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")

# C0 and C1 without tab and newline, DEL, and the characters that reverse the direction of the text around them
# ("Trojan Source", Boucher and Anderson, 2021).
_FORBIDDEN = dict.fromkeys(
    (*range(0x00, 0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
)
_ESCAPED_IN_JSON = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

EXIT_BROKEN_PIPE = 141
"""What a shell reports for a program whose reader has gone away: 128 + SIGPIPE."""

_quiet = False


def set_quiet(quiet: bool) -> None:
    """Whether `say` is silent from now on; data and errors are not."""
    global _quiet
    _quiet = quiet


def inert(text: str) -> str:
    r"""The text without anything that a terminal would obey; tabs and newlines stay.

    A sequence that only sets colours vanishes; of any other the control characters go and the rest stays readable, so
    that nothing can be hidden either.

    >>> inert("\x1b[31mred\x1b[0m")
    'red'
    >>> inert("\x1b]0;new title\x07text")
    ']0;new titletext'
    >>> inert("one\r\ntwo\rthree")
    'one\ntwo\nthree'
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL_SEQUENCE.sub("", text).translate(_FORBIDDEN)


def emit(text: str, *, style: Style | None = None, end: str = "\n") -> None:
    """Print data to stdout, at once, made inert."""
    _write(sys.stdout, text, style, end)


def emit_json(value: Any, *, line: bool = False) -> None:
    """Print a value as JSON to stdout; what a terminal would obey is escaped, so the value is unchanged.

    Args:
        value: anything that JSON can hold.
        line: on one line, for a stream of values (JSON Lines).
    """
    import json

    text = json.dumps(value, ensure_ascii=False, indent=None if line else 2)
    _write(sys.stdout, _ESCAPED_IN_JSON.sub(lambda match: f"\\u{ord(match.group()):04x}", text), None, "\n")


def say(text: str, *, style: Style | None = None, end: str = "\n") -> None:
    """Tell the person something on stderr, unless they asked for quiet."""
    if not _quiet:
        _write(sys.stderr, text, style, end)


def complain(text: str) -> None:
    """Tell the person on stderr what went wrong, also when they asked for quiet."""
    _write(sys.stderr, f"llmapps: {text}", None, "\n")


def is_terminal(stream: TextIO | None = None) -> bool:
    """Whether a person sees the stream (stdout, if none is given) at once, as opposed to a file or a pipe."""
    stream = stream or sys.stdout
    return stream is not None and not stream.closed and stream.isatty()


def has_colour(stream: TextIO | None = None) -> bool:
    """Whether the stream may be coloured: a terminal that knows how, and no wish against it (https://no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not is_terminal(stream):
        return False
    return os.name != "nt" or "WT_SESSION" in os.environ or "TERM" in os.environ


def prepare_streams() -> None:
    """Make stdout and stderr take every character, also where the console's own encoding (Windows) does not."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(encoding="utf-8", errors="replace")


def _write(stream: TextIO | None, text: str, style: Style | None, end: str) -> None:
    if stream is None:  # pythonw, or a service without streams
        return
    text = inert(text)
    if style and text and has_colour(stream):
        text = f"\x1b[{_STYLE_CODES[style]}m{text}\x1b[0m"
    try:
        stream.write(text + end)
        stream.flush()
    except OSError as error:
        # Python flushes once more at its end: give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL):
            raise SystemExit(EXIT_BROKEN_PIPE) from None  # the reader (`| head`) has what it wanted
        raise LlmappsError(
            f"The output cannot be written: {error.strerror}. Make room, or send it elsewhere."
        ) from error
