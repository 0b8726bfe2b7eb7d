"""The embedded engine: llama.cpp in a child process of ours, which serves one GGUF file on loopback.

A child process and not a thread, as loading holds Python's global lock for as long as it takes, and a crash of native
code must be an error and not the end of the program. The child listens on a free port of the loopback interface, with a
random key that it gets by its stdin, never in its arguments or environment; it sees no provider's keys; it ends with us
(see `engine_worker.py`).
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from llmapps.errors import ProviderError

WORKER = Path(__file__).with_name("engine_worker.py")
LOG_LINES_KEPT = 60

_ENVIRONMENT_KEPT = (
    "PATH HOME USERPROFILE APPDATA LOCALAPPDATA SYSTEMROOT SYSTEMDRIVE WINDIR TEMP TMP TMPDIR LANG LC_ALL LC_CTYPE "
    "PYTHONPATH PYTHONHOME PYTHONUSERBASE LD_LIBRARY_PATH DYLD_LIBRARY_PATH CUDA_VISIBLE_DEVICES HIP_VISIBLE_DEVICES"
).split()
"""What the child needs to find Python, its packages and a GPU; nothing else of ours reaches it."""

_REASONS = (
    ("invalid magic", "it is not a GGUF file", "Check the path; a model file begins with the letters GGUF."),
    ("not within the file bounds", "the file is incomplete", "Fetch it again."),
    ("unknown model architecture", "xllamacpp does not know its architecture", "Try `pip install -U xllamacpp`."),
    ("No such file", "the file is not there", "Check the path."),
    ("failed to allocate", "there is not enough memory", "Take a smaller model, or lower LLMAPPS_CONTEXT_TOKENS."),
    (
        "No module named 'xllamacpp'",
        "the package xllamacpp is not installed",
        "Install it with `pip install xllamacpp`.",
    ),
)
"""Words in the engine's log, what they mean, what to do."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What an engine is started with.

    Attributes:
        path: the GGUF file.
        context_tokens: prompt and answer together.
        threads: 0 means as many as there are cores.
        gpu_layers: how many layers go to a GPU; -1 means all.
    """

    path: Path
    context_tokens: int = 4096
    threads: int = 0
    gpu_layers: int = 0


class Engine:
    """One child process with one model. `Engine.start` returns at once; loading goes on in the child.

    Attributes:
        key: what a client must send as bearer token.
        url: the address, once `wait_ready` has returned.
    """

    def __init__(self, settings: EngineSettings, process: subprocess.Popen[bytes]) -> None:
        self.settings = settings
        self.key = secrets.token_urlsafe(32)
        self.url = ""
        self._process = process
        self._owner = os.getpid()
        self._reply: dict[str, str] = {}
        self._replied = threading.Event()
        self._log: deque[str] = deque(maxlen=LOG_LINES_KEPT)

    @classmethod
    def start(cls, settings: EngineSettings) -> Engine:
        """An engine that begins to load its file.

        Raises:
            ProviderError: the process cannot be started.
        """
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", str(WORKER)],  # -P: a file of the user's called json.py is not ours
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(),
                **_own_group(),
            )
        except OSError as error:
            raise _error(
                settings, f"The engine cannot be started: {error}.", "Check the installation of Python."
            ) from error
        engine = cls(settings, process)
        engine._begin()
        return engine

    def wait_ready(self, timeout_s: float = 300.0) -> None:
        """Returns when the model is loaded and `url` is set.

        Raises:
            ProviderError: it cannot be loaded (kind "server"), or not in time (kind "timeout").
        """
        deadline = time.monotonic() + timeout_s
        while not self._replied.wait(0.1):  # in short waits, so that Ctrl-C is heard on Windows too
            if time.monotonic() > deadline:
                raise ProviderError(
                    f"{self.settings.path.name} was not loaded within {timeout_s:g} s.",
                    kind="timeout",
                    provider="llamacpp",
                    model=self.settings.path.name,
                    hint="Ask again, or allow more with LLMAPPS_TIMEOUT_S.",
                    retryable=True,
                )
        if not self.url:
            raise self._load_failure()

    def is_usable(self) -> bool:
        """Whether the child process runs, and is ours and not that of a process which we were forked from."""
        return self._owner == os.getpid() and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def stop_code(self, wait_s: float = 2.0) -> int | None:
        """How the child ended (negative: by that signal), or None if it runs on; one that is dying gets a moment."""
        try:
            return self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> None:
        """Ends the child; no error when it is gone already."""
        if os.getpid() != self._owner:  # in a fork of ours: the child is not ours to end
            return
        self._process.kill()
        self._process.wait(10)
        for thread in self._readers:
            thread.join(2)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                _close(stream)

    def _begin(self) -> None:
        """Hand over the job and start to listen."""
        assert self._process.stdin
        assert self._process.stdout
        assert self._process.stderr
        self._readers = [
            threading.Thread(target=self._read_reply, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._read_log, args=(self._process.stderr,), daemon=True),
        ]
        for thread in self._readers:
            thread.start()
        job = {**asdict(self.settings), "path": str(self.settings.path.absolute()), "key": self.key}
        try:
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:  # it died already; the reply says so
            return

    def _read_reply(self, stream: IO[bytes]) -> None:
        line = stream.readline()
        try:
            self._reply = json.loads(line or "{}")
        except ValueError:
            self._reply = {"error": line.decode(errors="replace").strip()}
        if "url" not in self._reply:
            self._process.wait()
            self._readers[1].join(2)  # the reason stands at the end of the log
        self.url = self._reply.get("url", "")
        self._replied.set()

    def _read_log(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._log.append(line.decode(errors="replace").rstrip())

    def _load_failure(self) -> ProviderError:
        said = "\n".join([*self._log, self._reply.get("error", "")])
        for words, meaning, hint in _REASONS:
            if words in said:
                return _error(self.settings, f"{self.settings.path} cannot be loaded: {meaning}.", hint)
        code = self.stop_code()
        last = next((line for line in reversed(said.splitlines()) if line.strip()), "it said nothing")
        return _error(
            self.settings,
            f"{self.settings.path} cannot be loaded (the engine ended with code {code}: {last}).",
            "Check the file, or lower LLMAPPS_CONTEXT_TOKENS if memory is short.",
        )


def _environment() -> dict[str, str]:
    """The child's environment. Threads that wait must sleep: spinning, they take the cores from everybody's work.

    Measured on two cores, tokens written a second: 26 with spinning and 18 without when nothing else runs, but 2 and 16
    with one other busy process; prompts are read as fast either way.
    """
    kept = {name: os.environ[name] for name in _ENVIRONMENT_KEPT if name in os.environ}
    return {"OMP_WAIT_POLICY": "passive", **kept}


def _own_group() -> dict[str, Any]:
    """So that Ctrl-C in the terminal reaches us and not the child."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def _close(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except OSError:  # unwritten bytes for a process that is gone
        return


def _error(settings: EngineSettings, message: str, hint: str) -> ProviderError:
    return ProviderError(message, kind="server", provider="llamacpp", model=settings.path.name, hint=hint)
