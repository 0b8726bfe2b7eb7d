"""What every test stands on: no network but loopback, no keys, a home of its own, and real small models.

Fixtures to use:

    home           an empty LLMAPPS_HOME of this test alone
    weights_home   the LLMAPPS_HOME of the session, with SmolLM2 and MiniLM (fetched once, kept between runs)
    weights_15b    the same with the 1.5B model; for tests marked `model15b`
    test_data      the folder of data sets, $LLMAPPS_TEST_DATA; for tests marked `data`
    cli            the command: `code, out, err = cli("search", "attention")`

LLMAPPS_STRICT=1 turns "cannot be had here, skipped" into a failure; LLMAPPS_TEST_WEIGHTS names another folder to keep
the weights in.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest
from hypothesis import settings as hypothesis_settings

REPOSITORY = Path(__file__).resolve().parent.parent
SMALL_MODELS = ("smollm2-135m", "all-minilm-l6-v2")
LARGE_MODEL = "qwen2.5-coder-1.5b"

hypothesis_settings.register_profile("llmapps", deadline=None)  # a busy machine is not a failure
hypothesis_settings.load_profile("llmapps")


# --- the environment: nothing of the developer's reaches a test ------------------------------------------------------

OUTSIDE = dict(os.environ)
"""The environment that pytest was started in; only for fetching weights and making virtual environments."""

STRICT = OUTSIDE.get("LLMAPPS_STRICT") == "1"

_PREFIXES = ("LLMAPPS_", "OPENAI_", "OLLAMA_", "HF_", "LANGCHAIN_", "LANGSMITH_", "CHROMA_", "AZURE_", "AWS_")
_SUFFIXES = ("_API_KEY", "_TOKEN", "_SECRET")
_SET = {
    "LLMAPPS_OFFLINE": "1",
    "NO_COLOR": "1",
    "COLUMNS": "100",
    "NO_PROXY": "127.0.0.1,::1,localhost",
    "no_proxy": "127.0.0.1,::1,localhost",
    "ANONYMIZED_TELEMETRY": "False",
}


def _clean_environment() -> None:
    for name in OUTSIDE:
        if name.startswith(_PREFIXES) or name.endswith(_SUFFIXES) or name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
            del os.environ[name]
    os.environ.update(_SET)


def _heed_signals() -> None:
    """A shell starts what runs in its background with Ctrl-C ignored, and every child of ours would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("SIGHUP", "SIGTERM"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


_heed_signals()
_clean_environment()  # when this file is loaded: before any module of a test is


# --- the network: loopback only. pytest-socket (see addopts) holds connections, this the names -----------------------

_LOOPBACK = {"localhost", "127.0.0.1", "::1", socket.gethostname(), "", None}


@pytest.fixture(autouse=True, scope="session")
def _no_names_resolved() -> Iterator[None]:
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in _LOOPBACK:
            raise socket.gaierror(socket.EAI_NONAME, f"tests have no network: {name}")
        return real(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        yield


# --- homes and weights -----------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True, scope="session")
def _session_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The LLMAPPS_HOME of every test that asks for no other; made for this run."""
    folder = tmp_path_factory.mktemp("llmapps-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMAPPS_HOME", str(folder))
        yield folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty LLMAPPS_HOME of this test alone."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("LLMAPPS_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def weights_home(_session_home: Path, request: pytest.FixtureRequest) -> Path:
    """The session's LLMAPPS_HOME with SmolLM2 and MiniLM in it, and the 1.5B model if a chosen test needs it."""
    kept = _kept_home() / "weights"
    kept.mkdir(parents=True, exist_ok=True)
    wanted = list(SMALL_MODELS)
    if any(item.get_closest_marker("model15b") for item in request.session.items):
        wanted.append(LARGE_MODEL)
    for name in wanted:
        _take_over(name, kept)
        _pull(name)
    _link_folder(kept, _session_home / "weights")
    return _session_home


@pytest.fixture(scope="session")
def weights_15b(weights_home: Path) -> Path:
    """The session's LLMAPPS_HOME with the 1.5B model; the test must be marked `model15b`."""
    from llmapps.models.catalog import CATALOG

    missing = [file.file for file in CATALOG[LARGE_MODEL].files if not (weights_home / "weights" / file.file).is_file()]
    assert not missing, f"{missing}: mark the test `model15b`, then the weights are fetched"
    return weights_home


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of data sets, $LLMAPPS_TEST_DATA."""
    folder = OUTSIDE.get("LLMAPPS_TEST_DATA", "")
    if not folder or not Path(folder).is_dir():
        cannot_be_had("no data sets: LLMAPPS_TEST_DATA names no folder")
    return Path(folder).resolve()


def cannot_be_had(reason: str) -> NoReturn:
    """Skip the test with this reason, or fail it when LLMAPPS_STRICT=1."""
    if STRICT:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _kept_home() -> Path:
    """Where weights are kept between runs."""
    from platformdirs import user_cache_path

    folder = OUTSIDE.get("LLMAPPS_TEST_WEIGHTS")
    return Path(folder).expanduser().absolute() if folder else user_cache_path("llmapps-tests", appauthor=False)


def _take_over(name: str, kept: Path) -> None:
    """Link the files of weights that the developer has in their own home; pulling checks them like any others."""
    from llmapps.models.catalog import CATALOG
    from llmapps.settings import llmapps_home

    for file in CATALOG[name].files:
        source, target = llmapps_home(OUTSIDE) / "weights" / file.file, kept / file.file
        if source.is_file() and source.stat().st_size == file.size and not target.exists():
            try:
                os.link(source, target)
            except OSError:  # another file system, or one without links
                partial = target.with_name(f"{target.name}.copying")
                partial.write_bytes(source.read_bytes())
                partial.replace(target)


def _pull(name: str) -> None:
    """Fetch weights by the product's own command, in a process that may use the network."""
    environment = {**OUTSIDE, "LLMAPPS_HOME": str(_kept_home()), "PYTHONPATH": str(REPOSITORY)}
    environment.pop("LLMAPPS_OFFLINE", None)
    command = [sys.executable, "-m", "llmapps", "models", "pull", name, "--yes"]
    ran = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=1800
    )
    if ran.returncode:
        cannot_be_had(f"the weights {name} cannot be had: {ran.stderr.decode(errors='replace').strip()[-500:]}")


def _link_folder(source: Path, target: Path) -> None:
    if sys.platform == "win32":
        import _winapi

        _winapi.CreateJunction(str(source), str(target))  # unlike a symbolic link it needs no privilege
    else:
        target.symlink_to(source, target_is_directory=True)


# --- the command -----------------------------------------------------------------------------------------------------


class Ran(NamedTuple):
    """How a run of the command ended."""

    code: int
    out: str
    err: str


class CommandLine:
    """Runs `llmapps` in a process of its own, in a folder of the test, without a terminal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self,
        *words: str | Path,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        input: str | None = None,  # noqa: A002 - subprocess calls it so
        timeout_s: float = 180,
    ) -> Ran:
        """Run it to its end."""
        process = self.start(*words, cwd=cwd, env=env, stdin=subprocess.DEVNULL if input is None else subprocess.PIPE)
        try:
            out, err = process.communicate(None if input is None else input.encode(), timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            pytest.fail(f"llmapps {' '.join(map(str, words))} ran over {timeout_s} s:\n{out.decode()}\n{err.decode()}")
        return Ran(process.returncode, _text(out), _text(err))

    def start(
        self,
        *words: str | Path,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        stdin: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """Start it, for tests that stop it on the way; its streams are pipes of bytes."""
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **(env or {})}
        command = [sys.executable, "-m", "llmapps", *map(str, words)]
        return subprocess.Popen(
            command,
            cwd=cwd or self.folder,
            env=environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


def _text(data: bytes) -> str:
    return data.decode("utf-8").replace("\r\n", "\n")


@pytest.fixture
def cli(tmp_path: Path) -> Callable[..., Ran]:
    """The command: `code, out, err = cli("search", "attention", cwd=..., env={...}, input="...", timeout_s=60)`."""
    return CommandLine(tmp_path)
