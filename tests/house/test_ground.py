"""The ground that tests stand on holds: no network, no keys, nobody's home."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from llmapps.settings import llmapps_home


def test_no_host_but_this_one_can_be_reached() -> None:
    with (
        pytest.raises((RuntimeError, UserWarning), match=r"A test tried to use socket"),
        socket.socket() as unconnected,
    ):
        unconnected.connect(("192.0.2.1", 80))  # TEST-NET-1: nobody's address (RFC 5737)


def test_no_name_is_resolved() -> None:
    with pytest.raises(socket.gaierror, match="tests have no network"):
        socket.create_connection(("example.org", 80), timeout=1)


def test_loopback_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname(), timeout=5):
            pass
        with socket.create_connection(("localhost", server.getsockname()[1]), timeout=5):
            pass


def test_nothing_of_the_developers_environment_is_here() -> None:
    left = {name for name in os.environ if name.startswith(("OPENAI_", "HF_", "OLLAMA_")) or name.endswith("_API_KEY")}
    assert left == set()
    assert {name for name in os.environ if name.startswith("LLMAPPS_")} == {"LLMAPPS_HOME", "LLMAPPS_OFFLINE"}


def test_the_home_is_of_this_run() -> None:
    assert "pytest-" in str(llmapps_home())


def test_a_home_of_ones_own_is_empty(home: Path) -> None:
    assert llmapps_home() == home
    assert list(home.iterdir()) == []


def test_weights_are_here(weights_home: Path) -> None:
    assert (weights_home / "weights" / "SmolLM2-135M-Instruct.Q4_1.gguf").is_file()
    assert (weights_home / "weights" / "all-MiniLM-L6-v2-int8.onnx").is_file()
    assert llmapps_home() == weights_home
