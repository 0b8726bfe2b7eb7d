"""The command `llmapps`: words typed at a terminal in, the layers below called, text or JSON out.

Read `app.py` first (which commands there are), then `run.py` (what one run does with errors, signals and exit codes)
and `output.py` (the only place that prints). A command's module declares its options at the top and imports what is
heavy inside its function, so that `llmapps --help` starts at once.
"""

from typing import NoReturn


def main() -> NoReturn:
    """Runs the command with the words of the command line, and leaves with its exit code."""
    import sys

    try:
        from llmapps.cli.run import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # while the command itself was still loading, or pressed twice
        code = 130
    sys.exit(code)
