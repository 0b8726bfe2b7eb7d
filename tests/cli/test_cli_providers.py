"""One question, one string changed: every provider behind `ask`, over real HTTP on loopback, and what goes wrong there."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from standins.ollama_server import OllamaServer

from llmapps.models import chat_model, embedding_model
from llmapps.models.engine import Engine, EngineSettings

Cli = Callable[..., Any]
NOTE = "# The Moon\n\nThe Moon is the only natural satellite of the Earth. The Moon has no air.\n"
QUESTION = "Does the Moon have air?"
HASHED = {"LLMAPPS_EMBEDDING": "fake:hashed"}


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "moon.md").write_text(NOTE, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def engine(weights_home: Path) -> Iterator[Engine]:
    started = Engine.start(
        EngineSettings(weights_home / "weights" / "SmolLM2-135M-Instruct.Q4_1.gguf", context_tokens=1024)
    )
    started.wait_ready(60)
    yield started
    started.close()


def test_an_openai_compatible_server(cli: Cli, notes: Path, home: Path, engine: Engine) -> None:
    words = (
        "ask",
        QUESTION,
        "--notes",
        notes,
        "--model",
        "openai:anything",
        "--base-url",
        f"{engine.url}/v1",
        "--json",
    )
    code, out, err = cli(*words, env={**HASHED, "LLMAPPS_API_KEY": engine.key})
    assert code == 0, err
    answer = json.loads(out)
    assert answer["model"] == "openai:anything"
    assert answer["usage"]["prompt_tokens"] > 20
    code, out, err = cli(*words, env={**HASHED, "LLMAPPS_API_KEY": "a-wrong-key"})
    assert (code, out) == (2, "")
    assert "key" in err
    assert "a-wrong-key" not in err


def test_ollama(cli: Cli, notes: Path, home: Path) -> None:
    chat = {"llama3.2": chat_model("fake:grounded")}
    with OllamaServer(chat=chat, embeddings={"hashed": embedding_model("fake:hashed")}) as server:
        environment = {"OLLAMA_HOST": server.url, "LLMAPPS_EMBEDDING": "ollama:hashed"}
        words = ("ask", QUESTION, "--notes", notes, "--json")
        code, out, err = cli(*words, "--model", "ollama:llama3.2", env=environment)
        assert code == 0, err
        answer = json.loads(out)
        assert "no air" in answer["answer"]
        assert answer["sentences"][0]["status"] == "supported"
        code, _, err = cli(*words, "--model", "ollama:llama3.3", env=environment)
        assert code == 2
        assert "ollama pull llama3.3" in err
    code, _, err = cli(*words, "--model", "ollama:llama3.2", env=environment)
    assert code == 2
    assert "ollama serve" in err


def test_a_stream_that_breaks_off_is_an_error(cli: Cli, notes: Path, home: Path, tmp_path: Path) -> None:
    script = tmp_path / "cut.jsonl"
    script.write_text('{"text": "The Moon has no", "cut": true}\n', encoding="utf-8")
    code, out, err = cli("ask", QUESTION, "--notes", notes, "--model", f"fake:script:{script}", "--json", env=HASHED)
    assert (code, out) == (2, "")
    assert "broke off" in err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to consoles, not to processes")
def test_ctrl_c_while_answering_is_exit_130(cli: Any, notes: Path, home: Path, tmp_path: Path) -> None:
    script = tmp_path / "slow.jsonl"
    script.write_text('{"text": "The Moon has no air and no water and no wind.", "delay_s": 5}\n', encoding="utf-8")
    assert cli("index", notes, env=HASHED).code == 0
    process = cli.start("ask", QUESTION, "--notes", notes, "--model", f"fake:script:{script}", env=HASHED)
    assert process.stderr is not None
    line = b""
    while b"Found in the notes" not in line:
        line = process.stderr.readline()
        assert line
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert cli("ask", QUESTION, "--notes", notes, "--model", "fake:grounded", env=HASHED).code == 0


@pytest.mark.model15b
def test_the_default_model_answers_the_first_question(cli: Cli, weights_15b: Path) -> None:
    home = {"LLMAPPS_HOME": str(weights_15b)}
    question = "What is the difference between RAG and fine-tuning?"
    code, out, err = cli("ask", question, "--notes", "builtin:", "--json", env=home, timeout_s=600)
    assert code == 0, err
    answer = json.loads(out)
    assert not answer["abstained"]
    statuses = [sentence["status"] for sentence in answer["sentences"]]
    assert statuses.count("supported") >= len(statuses) / 2
    cited = {hit["document"] for hit in answer["hits"] if any(hit["n"] in s["citations"] for s in answer["sentences"])}
    assert "18-retrieval-augmented-generation.md" in cited
    _, out, _ = cli("ask", "Who won the 1998 World Cup?", "--notes", "builtin:", "--json", env=home, timeout_s=600)
    assert json.loads(out)["abstained"]
