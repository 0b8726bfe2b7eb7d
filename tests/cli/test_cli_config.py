"""`llmapps config`: every setting with its value and source, and no secret."""

from __future__ import annotations

import json
from pathlib import Path

from llmapps.settings import FIELDS


def test_every_setting_has_a_line_with_value_and_source(cli, home: Path) -> None:
    (home / "config.toml").write_text('model = "ollama:llama3.2"', encoding="utf-8")
    code, out, err = cli("config", env={"LLMAPPS_TOP": "7"})
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.strip()}
    assert set(FIELDS) <= set(rows)
    assert rows["model"] == ["ollama:llama3.2", str(home / "config.toml")]
    assert rows["top"] == ["7", "LLMAPPS_TOP"]
    assert rows["embedding"] == ["onnx:all-minilm-l6-v2", "default"]
    assert rows["base_url"] == ["not", "set", "default"]
    assert rows["offline"] == ["true", "LLMAPPS_OFFLINE"]
    assert rows["home"] == [str(home)]
    assert rows["project"] == ["none"]


def test_json_holds_the_same(cli, home: Path, tmp_path: Path) -> None:
    cli("init", "mine")
    (tmp_path / "mine" / "llmapps.toml").write_text("top = 9", encoding="utf-8")
    report = json.loads(cli("config", "--json", cwd=tmp_path / "mine" / "rag").out)
    rows = {row["name"]: row for row in report["settings"]}
    assert set(rows) == set(FIELDS)
    root = (tmp_path / "mine").resolve()
    assert (rows["top"]["value"], rows["top"]["source"]) == (9, str(root / "llmapps.toml"))
    assert rows["base_url"]["value"] is None
    assert report["project"] == str(root)
    assert report["notes"] == str(root / "rag" / "notes")
    assert report["index"] == str(root / ".llmapps" / "index")
    assert {"llmapps", "python", "langchain", "chromadb"} <= set(report["versions"])


def test_another_project_can_be_named(cli, tmp_path: Path) -> None:
    cli("init", "mine")
    report = json.loads(cli("config", "--project", "mine", "--json").out)
    assert report["project"] == str((tmp_path / "mine").resolve())


def test_keys_are_set_or_not_set_and_never_shown(cli) -> None:
    secret = "sk-proj-4711abcdefgh"
    env = {"OPENAI_API_KEY": secret, "LLMAPPS_BASE_URL": f"http://me:{secret}@localhost:8000/v1"}
    for words in (("config",), ("config", "--json")):
        code, out, err = cli(*words, env=env)
        assert code == 0
        assert secret not in out + err
        assert secret[:12] not in out + err
        assert "localhost:8000" in out
    report = json.loads(cli("config", "--json", env=env).out)
    assert report["keys"]["OPENAI_API_KEY"] == "set"
    assert report["keys"]["ANTHROPIC_API_KEY"] == "not set"


def test_a_mistyped_variable_is_pointed_out(cli) -> None:
    out = cli("config", env={"LLMAPPS_MODLE": "x:y"}).out
    assert 'LLMAPPS_MODLE is set, but there is no such setting. Did you mean "LLMAPPS_MODEL"?' in out
    assert "there is no such setting" not in cli("config").out


def test_notes_that_are_not_there_are_shown_as_such(cli) -> None:
    code, out, _ = cli("config", env={"LLMAPPS_NOTES": "gone"})
    assert code == 0
    assert 'There is no file or folder "gone"' in out


def test_a_wrong_value_is_one_sentence(cli) -> None:
    code, out, err = cli("config", env={"LLMAPPS_TOP": "0"})
    assert (code, out) == (2, "")
    assert err == "llmapps: LLMAPPS_TOP: top = 0 is out of range; it must be from 1 to 50.\n"
