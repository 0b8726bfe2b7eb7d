from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from llmapps.errors import ProviderError
from llmapps.models.engine import Engine, EngineSettings
from llmapps.models.engine_pool import EngineUser

REPOSITORY = Path(__file__).resolve().parent.parent.parent
SMOLLM2 = "SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="module")
def model_file(weights_home: Path) -> Path:
    return weights_home / "weights" / SMOLLM2


@pytest.fixture(scope="module")
def engine(model_file: Path) -> Iterator[Engine]:
    started = Engine.start(EngineSettings(model_file, context_tokens=512))
    started.wait_ready(60)
    yield started
    started.close()


def is_running(pid: int) -> bool:
    if sys.platform == "win32":
        listed = subprocess.run(["tasklist", "/FI", f"PID eq {pid}"], capture_output=True, text=True, check=False)
        return str(pid) in listed.stdout
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def wait_until_gone(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not is_running(pid):
            return True
        time.sleep(0.05)
    return False


def test_start_returns_before_the_model_is_loaded(model_file: Path) -> None:
    started = Engine.start(EngineSettings(model_file))
    assert started.url == ""
    started.wait_ready(60)
    assert started.url.startswith("http://127.0.0.1:")
    started.close()
    assert not is_running(started.pid)


def test_only_the_key_opens_it(engine: Engine) -> None:
    body = {"content": "hello"}
    for headers, status in (
        ({}, 401),
        ({"Authorization": "Bearer x"}, 401),
        ({"Authorization": f"Bearer {engine.key}"}, 200),
    ):
        assert httpx.post(f"{engine.url}/tokenize", json=body, headers=headers, trust_env=False).status_code == status


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc")
def test_neither_the_key_nor_ours_are_in_its_arguments_and_environment(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    started = Engine.start(EngineSettings(model_file))
    started.wait_ready(60)
    process = Path(f"/proc/{started.pid}")
    seen = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    started.close()
    assert b"engine_worker" in seen
    assert started.key.encode() not in seen
    assert b"sk-planted" not in seen
    assert b"OPENAI" not in seen


_PARENT = """
import sys, time
from pathlib import Path
from llmapps.models.engine import Engine, EngineSettings
engine = Engine.start(EngineSettings(Path(sys.argv[1])))
engine.wait_ready(60)
print(engine.pid, flush=True)
time.sleep(60)
"""


def start_parent(model_file: Path) -> tuple[subprocess.Popen[str], int]:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(model_file)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        start_new_session=True,
    )
    assert parent.stdout
    return parent, int(parent.stdout.readline())


def test_it_dies_with_its_parent(model_file: Path) -> None:
    parent, pid = start_parent(model_file)
    with parent:
        assert is_running(pid)
        parent.kill()
    assert wait_until_gone(pid, 2)


@pytest.mark.skipif(sys.platform == "win32", reason="process groups of POSIX")
def test_ctrl_c_reaches_the_parent_alone_and_ends_both(model_file: Path) -> None:
    parent, pid = start_parent(model_file)
    with parent:
        os.killpg(parent.pid, signal.SIGINT)
        assert parent.wait(10) != 0
    assert wait_until_gone(pid, 2)


def test_engines_are_shared_by_settings(model_file: Path) -> None:
    first, second = EngineUser(EngineSettings(model_file)), EngineUser(EngineSettings(model_file))
    other = EngineUser(EngineSettings(model_file, context_tokens=512))
    shared = first.engine()
    assert second.engine() is shared
    assert other.engine() is not shared
    first.release()
    assert shared.is_usable()
    second.release()
    assert not shared.is_usable()
    other.release()


def test_one_that_died_is_started_anew(model_file: Path) -> None:
    user = EngineUser(EngineSettings(model_file))
    died = user.engine()
    died.close()
    again = user.engine()
    assert again is not died
    again.wait_ready(60)
    user.release()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("text.gguf", "is not a GGUF file. Check the path"),
        ("half.gguf", "the file is incomplete. Fetch it again."),
        ("absent.gguf", "the file is not there. Check the path."),
    ],
)
def test_a_file_that_cannot_be_loaded_is_named_with_the_reason(
    model_file: Path, tmp_path: Path, name: str, words: str
) -> None:
    (tmp_path / "text.gguf").write_bytes(b"no model" * 100)
    with model_file.open("rb") as source:
        (tmp_path / "half.gguf").write_bytes(source.read(model_file.stat().st_size // 2))
    started = Engine.start(EngineSettings(tmp_path / name))
    with pytest.raises(ProviderError, match=words) as caught:
        started.wait_ready(60)
    started.close()
    assert caught.value.kind == "server"
    assert name in str(caught.value)


def test_loading_has_a_time_limit(model_file: Path) -> None:
    started = Engine.start(EngineSettings(model_file))
    with pytest.raises(ProviderError, match=r"was not loaded within 0 s\. Ask again"):
        started.wait_ready(0)
    started.close()
