"""A process that syncs a folder of notes, which tests run several of at once, interrupt, starve of disk and kill.

    python -m standins.index_process ROOT [--chroma] [--no-wait] [--rebuild] [--delay SECONDS] [--most-bytes N]

ROOT holds `notes/` and `index/`. Embeds with `fake:hashed`, a batch every SECONDS. Prints a line of JSON for each thing
that happens: {"embedding": texts}, {"waiting": sentence}, {"report": {...}}, {"error": [kind, sentence]}.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent.parent


class IndexProcess:
    """The process, started; a group of its own, so that it can be killed with its children."""

    def __init__(self, root: Path, *flags: str, **environment: str) -> None:
        paths = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")])
        group: dict[str, Any] = {} if os.name == "nt" else {"process_group": 0}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "standins.index_process", str(root), *flags],
            env={**os.environ, "PYTHONPATH": paths, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            **group,
        )

    def __enter__(self) -> IndexProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def wait_for(self, what: str) -> Any:
        """The next thing of this kind that happens."""
        assert self.process.stdout
        line = ""
        for line in self.process.stdout:
            if what in (told := json.loads(line)):
                return told[what]
        raise AssertionError(f"it ended without {what}: {line} {self.process.communicate()[1]}")

    def end(self, timeout_s: float = 60) -> tuple[int, dict[str, Any], str]:
        """How it ended: exit code, the last of each thing that happened, and stderr."""
        out, err = self.process.communicate(timeout=timeout_s)
        told: dict[str, Any] = {}
        for line in out.splitlines():
            told |= json.loads(line)
        return self.process.returncode, told, err


def tell(**what: Any) -> None:
    """Print what happens."""
    print(json.dumps(what), flush=True)


def main() -> int:
    """Sync, and tell what happens; 130 after Ctrl-C."""
    options = argparse.ArgumentParser()
    options.add_argument("root", type=Path)
    options.add_argument("--chroma", action="store_true")
    options.add_argument("--no-wait", action="store_true")
    options.add_argument("--rebuild", action="store_true")
    options.add_argument("--delay", type=float, default=0)
    options.add_argument("--most-bytes", type=int)
    asked = options.parse_args()

    from standins.notes_folder import NotesFolder

    from llmapps.errors import LlmappsError
    from llmapps.rag.index.report import SyncOptions
    from llmapps.rag.index.sync import sync_notes

    if asked.most_bytes:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (asked.most_bytes, asked.most_bytes))

    def before(texts: list[str]) -> None:
        tell(embedding=len(texts))
        time.sleep(asked.delay)

    folder = NotesFolder(asked.root)
    folder.embeddings.before = before
    wanted = SyncOptions(
        rebuild=asked.rebuild,
        wait=not asked.no_wait,
        chroma=asked.chroma,
        on_wait=lambda sentence: tell(waiting=sentence),
    )
    try:
        report = sync_notes(folder.notes, folder.embeddings, wanted)
    except LlmappsError as error:
        tell(error=[type(error).__name__, str(error)])
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    tell(report=report.to_dict(), warnings=report.warnings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
