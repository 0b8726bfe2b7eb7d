"""Killed at any moment, the next run finishes the job: nothing lost, nothing twice, nothing left over.

A real process syncs some sixty notes, with edits, renames and deletions between the runs, and gets SIGKILL: at random
moments, or when one of the index's files appears or grows. After one more run everything is checked from outside.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from standins.index_check import faults_of
from standins.index_process import IndexProcess
from standins.notes_folder import NotesFolder, note

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")

DOCUMENTS = 60
MOMENTS = ("any", "log grows", "Chroma begins", "Chroma's database", "Chroma's graph", "Chroma complete")


class CrashRun:
    """Notes that are changed, and indexed by processes that are killed."""

    def __init__(self, root: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.folder = NotesFolder(root)
        self.written = 0
        self.kills: Counter[str] = Counter()
        for _ in range(DOCUMENTS):
            self.write(None)

    def write(self, path: Path | None) -> None:
        self.written += 1
        path = path or self.folder.path / f"unit{self.random.randrange(4)}" / f"note {self.written}.md"
        self.folder.write(
            path.relative_to(self.folder.path).as_posix(), note(f"s{self.written}", self.random.randint(1, 5))
        )

    def change(self) -> None:
        """Edit, rename, delete and add some notes; afterwards there are as many as before."""
        paths = sorted(self.folder.path.rglob("*.md"))
        edited, renamed, deleted = (
            self.random.sample(paths, 6),
            self.random.sample(paths, 2),
            self.random.sample(paths, 3),
        )
        for path in edited:
            self.write(path)
        for path in renamed:
            path.rename(path.with_name(f"renamed {path.name}"[-60:]))
        for path in deleted:
            path.unlink(missing_ok=True)
        while len(list(self.folder.path.rglob("*.md"))) < DOCUMENTS:
            self.write(None)

    def kill_one(self, moment: str, whom: str) -> None:
        """Start a run and kill it; counted if it was still running."""
        flags = ["--chroma", "--delay", "0.01", *(["--rebuild"] if self.random.random() < 0.1 else [])]
        with IndexProcess(self.folder.index.parent, *flags) as run:
            self.wait_for(moment, run)
            pids = children(run.process.pid) if whom == "child" else [run.process.pid]
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                self.kills[f"{moment}, {whom}"] += 1
            if whom == "child":
                code, told, err = run.end()
                assert (code, err) == (0, "")
                assert "report" in told

    def wait_for(self, moment: str, run: IndexProcess) -> None:
        if moment == "any":
            run.wait_for("embedding")
            time.sleep(self.random.uniform(0, 1.5))
            return
        happened = self.watch(moment)
        while run.process.poll() is None and not happened():
            time.sleep(0.001)
        time.sleep(self.random.choice([0, 0, 0.002, 0.02, 0.2]) * self.random.random())

    def watch(self, moment: str) -> Callable[[], bool]:
        """Whether that moment has come; asked again and again."""
        index = self.folder.index
        if moment == "log grows":
            log = index / "index.sqlite-wal"
            threshold = self.random.randrange(0, 400_000)
            return lambda: log.exists() and log.stat().st_size > threshold
        pattern = {
            "Chroma begins": "*.building",
            "Chroma's database": "*.building/chroma.sqlite3",
            "Chroma's graph": "*.building/*/header.bin",
            "Chroma complete": "*.building/complete.json",
        }[moment]
        return lambda: any((index / "chroma").glob(pattern))

    def check(self) -> None:
        """One more run, and everything is as a fresh index of the same notes would be."""
        report = self.folder.sync(chroma=True, wait=False)
        assert (report.failed, report.warnings) == ([], [])
        assert report.added + report.changed + report.unchanged == DOCUMENTS
        assert faults_of(self.folder.index) == []
        fresh = NotesFolder(self.folder.index.parent)
        fresh.index = self.folder.index.parent / f"fresh{self.written}"
        fresh.sync()
        assert self.folder.contents() == fresh.contents()


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()]
    except OSError:
        return []


def crash(root: Path, seed: int, kills: int, kills_a_check: int) -> Counter[str]:
    """So many kills, with a check after every few of them."""
    run = CrashRun(root, seed)
    tries = 0
    while run.kills.total() < kills:
        tries += 1
        assert tries < 3 * kills, f"most runs ended before they were killed: {run.kills}"
        # Two of three hit the work of the index itself, the third Chroma's child or its parent while that waits for it.
        moment = MOMENTS[tries % 2] if tries % 3 else run.random.choice(MOMENTS[2:])
        in_child = moment.startswith("Chroma") and sys.platform == "linux" and run.random.random() < 0.3
        run.change()
        run.kill_one(moment, "child" if in_child else "writer")
        if tries % kills_a_check == 0:
            run.check()
    run.check()
    return run.kills


def test_after_any_crash_the_next_run_finishes_the_job(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    seed = random.randrange(10**6)
    print("seed", seed)
    kills = crash(tmp_path, seed, kills=25, kills_a_check=9)
    record_property("kills", dict(kills))
    assert kills.total() >= 25


@pytest.mark.slow
def test_after_each_of_two_hundred_crashes_the_next_run_finishes_the_job(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    print("seed", seed)
    kills = crash(tmp_path, seed, kills=200, kills_a_check=1)
    print(dict(kills))
    assert len(kills) >= 6
