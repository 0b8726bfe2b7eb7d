"""A process that fetches tiny weights, which tests kill, starve of disk, or run twice at once.

    python -m standins.download_process DATA_BYTES PART_BYTES [--stop-after BYTES] [--wait-for FILE] [--most-bytes N]

Prints what the download tells, a line each: "announced", "note ...", "stopped", "done" or "error ...".
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from standins.wheel_index import made_bytes, tiny_weights

from llmapps.errors import WeightsError
from llmapps.models.catalog import CATALOG
from llmapps.models.weights import ensure_weights


class ToldDownload:
    """Prints what happens; stands still where the test wants it."""

    def __init__(self, stop_after: int | None, wait_for: Path | None) -> None:
        self.stop_after, self.wait_for = stop_after, wait_for

    def announce(self, weights: object, folder: object, free_bytes: int) -> None:
        print("announced", flush=True)

    def advance(self, done_bytes: int, total_bytes: int) -> None:
        while self.wait_for and not self.wait_for.exists():
            time.sleep(0.02)
        if self.stop_after is not None and done_bytes > self.stop_after:
            print("stopped", flush=True)
            time.sleep(60)

    def note(self, text: str) -> None:
        print("note", text, flush=True)

    def finish(self) -> None: ...


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data_bytes", type=int)
    parser.add_argument("part_bytes", type=int)
    parser.add_argument("--stop-after", type=int)
    parser.add_argument("--wait-for", type=Path)
    parser.add_argument("--most-bytes", type=int)
    options = parser.parse_args()
    if options.most_bytes:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (options.most_bytes, options.most_bytes))
    CATALOG["tiny"] = tiny_weights(made_bytes(options.data_bytes), part_bytes=options.part_bytes)
    try:
        ensure_weights("tiny", offline=False, progress=ToldDownload(options.stop_after, options.wait_for))
    except WeightsError as error:
        print("error", error)
    else:
        print("done")


if __name__ == "__main__":
    main()
