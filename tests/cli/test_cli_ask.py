"""`ask`, `search`, `index` and `chat` as a person or a program uses them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmapps.project import builtin_root, find_notes
from llmapps.rag.index.lock import writing

QUICK = {"LLMAPPS_MODEL": "fake:grounded", "LLMAPPS_EMBEDDING": "fake:hashed"}
QUESTION = "What does the generator of a GAN do?"

Cli = Callable[..., Any]


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """Some notes of the built-in course, in a folder of one's own."""
    folder = tmp_path / "my notes"
    folder.mkdir()
    for name in ("10-gans.md", "18-retrieval-augmented-generation.md", "glossary.csv"):
        shutil.copy(builtin_root() / "rag" / "notes" / name, folder)
    return folder


def test_ask_prints_the_answer_and_its_sources(cli: Cli, home: Path, notes: Path) -> None:
    code, out, err = cli("ask", QUESTION, "--notes", notes, env=QUICK)
    assert code == 0
    answer, sources = out.split("\nSources\n")
    assert "generator" in answer
    assert "[1]" in answer
    assert "10-gans.md: " in sources
    assert "lines " in sources
    assert "Found in the notes:" in err
    assert "supported by the notes" in err


def test_ask_json_has_the_promised_keys(cli: Cli, home: Path, notes: Path) -> None:
    code, out, _ = cli("ask", QUESTION, "--notes", notes, "--json", env=QUICK)
    assert code == 0
    answer = json.loads(out)
    assert {
        "question",
        "answer",
        "abstained",
        "model",
        "sentences",
        "hits",
        "usage",
        "timings_s",
    } <= answer.keys()
    assert answer["question"] == QUESTION
    assert answer["abstained"] is False
    assert answer["model"] == "fake:grounded"
    assert {"sync", "retrieve", "first_token", "total"} <= answer["timings_s"].keys()
    assert {"prompt_tokens", "completion_tokens"} == answer["usage"].keys()
    for sentence in answer["sentences"]:
        assert {"text", "status", "citations", "evidence"} <= sentence.keys()
    supported = [sentence for sentence in answer["sentences"] if sentence["status"] == "supported"]
    assert supported
    for sentence in supported:
        evidence = sentence["evidence"]
        assert {"quote", "document", "place", "start", "end"} <= evidence.keys()
        source = (notes / evidence["document"]).read_text(encoding="utf-8")
        assert evidence["quote"] == source[evidence["start"] : evidence["end"]]
        first, last = evidence["place"]["lines"]
        assert evidence["quote"] in "\n".join(source.splitlines()[first - 1 : last])
    for n, hit in enumerate(answer["hits"], start=1):
        assert {"n", "document", "place", "score", "text"} <= hit.keys()
        assert hit["n"] == n


def test_ask_refuses_what_the_notes_do_not_cover(cli: Cli, home: Path, notes: Path) -> None:
    code, out, _ = cli("ask", "Who won the 1998 World Cup?", "--notes", notes, "--json", env=QUICK)
    answer = json.loads(out)
    assert code == 0
    assert answer["abstained"] is True
    assert answer["answer"].startswith("The notes do not cover this.")
    assert answer["sentences"] == []


def test_an_empty_question_is_one_sentence(cli: Cli, home: Path, notes: Path) -> None:
    code, out, err = cli("ask", "  ?", "--notes", notes, env=QUICK)
    assert (code, out) == (2, "")
    assert err.startswith("llmapps: The question is empty.")
    assert err.count("\n") == 1


def test_a_question_longer_than_the_context_is_one_sentence(cli: Cli, home: Path, notes: Path) -> None:
    long = "What does the generator of a GAN do? " * 400
    code, _, err = cli("ask", long, "--notes", notes, env={**QUICK, "LLMAPPS_CONTEXT_TOKENS": "700"})
    assert code == 2
    assert "too long" in err
    assert "Traceback" not in err


def test_the_second_question_indexes_nothing(cli: Cli, home: Path, notes: Path) -> None:
    cli("index", notes, env=QUICK)
    _, out, _ = cli("index", notes, "--json", env=QUICK)
    assert json.loads(out)["embedded"] == 0
    _, _, err = cli("ask", QUESTION, "--notes", notes, env=QUICK)
    assert "Indexed" not in err


def test_index_json_counts_add_up(cli: Cli, home: Path, notes: Path) -> None:
    (notes / "empty.md").write_text("", encoding="utf-8")
    (notes / "broken.pdf").write_bytes(b"not a pdf at all")
    (notes / "broken.ipynb").write_text("{", encoding="utf-8")
    (notes / "picture.png").write_bytes(b"\x89PNG")
    code, out, err = cli("index", notes, "--json", env=QUICK)
    report = json.loads(out)
    assert code == 0
    assert {"added", "changed", "unchanged", "removed", "empty", "failed", "chunks", "embedded"} <= report.keys()
    assert (report["added"], report["empty"], len(report["failed"])) == (3, 1, 2)
    assert {failure["path"] for failure in report["failed"]} == {"broken.pdf", "broken.ipynb"}
    assert all(failure["reason"] for failure in report["failed"])
    assert "Not indexed: broken.pdf: " in err
    assert "Empty: empty.md: holds no text that can be read (a scanned PDF needs OCR).\n" in err
    assert report["empty_paths"] == ["empty.md"]
    assert report["chunks"] == report["embedded"] > 0
    (notes / "10-gans.md").unlink()
    _, out, _ = cli("index", notes, "--json", env=QUICK)
    again = json.loads(out)
    assert (again["removed"], again["unchanged"], again["embedded"]) == (1, 2, 0)


def test_index_of_several_folders_adds_up(cli: Cli, home: Path, notes: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.md").write_text("# A\n\nAlpha is the first letter.\n", encoding="utf-8")
    code, out, _ = cli("index", notes, other, "--json", env=QUICK)
    report = json.loads(out)
    assert code == 0
    assert report["added"] == 4
    assert [each["added"] for each in report["notes"].values()] == [3, 1]


def test_index_where_nothing_can_be_read_is_exit_2(cli: Cli, home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "only-broken"
    folder.mkdir()
    (folder / "broken.pdf").write_bytes(b"no")
    (folder / "empty.md").write_text("", encoding="utf-8")
    code, _, err = cli("index", folder, env=QUICK)
    assert code == 2
    assert "Not indexed: broken.pdf: " in err
    said = f'llmapps: Nothing could be indexed in "{folder}": no document holds text that can be read.\n'
    assert err.endswith(said)
    code, out, err = cli("index", folder, "--json", env=QUICK)
    assert (code, json.loads(out)["empty"]) == (2, 1)
    assert err.endswith(said)


def test_one_wrong_path_does_not_stop_the_index_of_the_others(
    cli: Cli, home: Path, notes: Path, tmp_path: Path
) -> None:
    nowhere = tmp_path / "nowhere"
    said = f'There is no file or folder "{nowhere}". Check the path that was given as notes.'
    code, out, err = cli("index", nowhere, notes, "--json", env=QUICK)
    report = json.loads(out)
    assert (code, report["added"]) == (2, 3)
    assert report["notes"][str(nowhere)] == {"error": said}
    assert report["notes"][str(notes)]["added"] == 3
    assert f"llmapps: {said}\n" in err
    code, out, _ = cli("index", nowhere, tmp_path / "gone", "--json", env=QUICK)
    assert (code, json.loads(out)["added"], len(json.loads(out)["notes"])) == (2, 0, 2)


def test_a_path_that_somebody_else_is_writing_is_exit_3_and_the_others_go_on(
    cli: Cli, home: Path, notes: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.md").write_text("# A\n\nAlpha is the first letter.\n", encoding="utf-8")
    with writing(find_notes(notes).index, wait=False):
        code, out, err = cli("index", notes, other, "--no-wait", "--json", env=QUICK)
        report = json.loads(out)
        assert (code, report["added"]) == (3, 1)
        assert report["notes"][str(notes)]["error"] in err
        assert cli("index", notes, other, tmp_path / "nowhere", "--no-wait", env=QUICK).code == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_the_name_of_a_document_forges_no_line(cli: Cli, home: Path, notes: Path) -> None:
    for name in ("a\nllmapps: forged.md", "b\x85llmapps: forged.md", "c\u2028llmapps: forged.md"):
        (notes / name).write_text("", encoding="utf-8")
    (notes / "d\nllmapps: forged.pdf").write_bytes(b"no")
    for words in (("ask", QUESTION, "--notes", notes), ("index", notes)):
        code, out, err = cli(*words, env=QUICK)
        assert code == 0
        assert "Empty: a\N{REPLACEMENT CHARACTER}llmapps: forged.md: holds no text" in err
        assert "Not indexed: d\N{REPLACEMENT CHARACTER}llmapps: forged.pdf: " in err
        assert not [line for line in (out + err).splitlines() if line.startswith("llmapps: forged")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ask", "What is RAG?", "--notes", "no-such-folder"), 'no file or folder "no-such-folder"'),
        (("search", "RAG", "--notes", "empty"), "holds no document that can be read"),
        (("ask", "What is RAG?", "--model", "olama:llama3.2"), 'Did you mean "ollama"?'),
        (("ask", "What is RAG?", "--model", "llama3.2"), 'write "provider:name"'),
        (("ask", "What is RAG?", "--model", "llamacpp:qwen"), "qwen2.5-coder-1.5b"),
        (("ask", "What is RAG?", "--model", "openai:gpt-5-mini"), "OPENAI_API_KEY"),
        (("ask", "What is RAG?", "--top", "0"), "top"),
        (("ask", "What is RAG?", "--as-of", "tomorrow"), "tomorrow"),
        (("ask", "What is RAG?", "--project", "."), "llmapps init"),
    ],
)
def test_bad_input_is_one_sentence(cli: Cli, home: Path, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    (tmp_path / "empty").mkdir()
    code, out, err = cli(*words, env={"LLMAPPS_EMBEDDING": "fake:hashed", "LLMAPPS_OFFLINE": ""})
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err
    assert err.count("llmapps: ") == 1


def test_another_embedding_is_refused_until_rebuild(cli: Cli, weights_home: Path, notes: Path) -> None:
    assert cli("index", notes, env=QUICK).code == 0
    changed = {**QUICK, "LLMAPPS_EMBEDDING": "onnx:all-minilm-l6-v2"}
    code, _, err = cli("search", "GAN", "--notes", notes, env=changed)
    assert code == 2
    assert "--rebuild" in err
    assert "fake:hashed" in err
    assert cli("index", notes, "--rebuild", env=changed).code == 0
    assert cli("search", "GAN", "--notes", notes, env=changed).code == 0


def test_search_prints_hits_and_json(cli: Cli, home: Path, notes: Path) -> None:
    code, out, _ = cli("search", "mode collapse", "--notes", notes, "--top", "2", env=QUICK)
    assert code == 0
    assert out.count("10-gans.md: ") >= 1
    _, out, _ = cli("search", "mode collapse", "--notes", notes, "--top", "2", "--json", env=QUICK)
    found = json.loads(out)
    assert found["question"] == "mode collapse"
    assert len(found["hits"]) == 2
    assert {"heading", "lines"} <= found["hits"][0]["place"].keys()


def test_chat_understands_a_follow_up(cli: Cli, home: Path, notes: Path) -> None:
    said = "What is mode collapse?\nAnd what are its drawbacks?\nexit\n"
    code, out, err = cli("chat", "--notes", notes, "--json", env=QUICK, input=said)
    assert code == 0
    first, second = (json.loads(line) for line in out.splitlines())
    assert first["question"] == "What is mode collapse?"
    assert "collapse" in second["question"]
    assert "10-gans.md" in {hit["document"] for hit in second["hits"]}
    assert "Traceback" not in err


def test_a_chat_in_which_every_question_failed_is_exit_2(cli: Cli, home: Path, notes: Path) -> None:
    code, _, err = cli("chat", "--notes", notes, env=QUICK, input="?\n\n?\n")
    assert (code, err.count("The question is empty.")) == (2, 2)
    assert cli("chat", "--notes", notes, env=QUICK, input=f"?\n{QUESTION}\n").code == 0
    assert cli("chat", "--notes", notes, env=QUICK, input="").code == 0


def test_a_line_that_is_not_utf_8_does_not_end_the_conversation(cli: Cli, home: Path, notes: Path) -> None:
    process = cli.start("chat", "--notes", notes, "--json", env=QUICK, stdin=subprocess.PIPE)
    out, err = process.communicate(b"\xff\xfe?\n" + QUESTION.encode() + b"\n")
    assert process.returncode == 0, err.decode()
    assert json.loads(out.decode().splitlines()[-1])["question"] == QUESTION


@pytest.mark.skipif(os.name == "nt", reason="POSIX shells close streams so")
def test_a_chat_without_any_input_is_one_sentence(home: Path, notes: Path) -> None:
    command = f'"{sys.executable}" -m llmapps chat --notes "{notes}" <&-'
    environment = {**os.environ, **QUICK, "PYTHONPATH": str(builtin_root())}
    ran = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=False)
    said = "llmapps: There is no input to read questions from. Ask a single one with `llmapps ask`.\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", said)


def test_notes_are_never_written_to(cli: Cli, home: Path, notes: Path) -> None:
    before = sorted((path.name, path.stat().st_mtime_ns) for path in notes.iterdir())
    cli("ask", QUESTION, "--notes", notes, env=QUICK)
    assert sorted((path.name, path.stat().st_mtime_ns) for path in notes.iterdir()) == before


def test_what_a_note_says_cannot_command_the_terminal(cli: Cli, home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "evil"
    folder.mkdir()
    (folder / "a.md").write_text("# Colours\n\nThe colour red \x1b]0;owned\x07 is a warm colour.\n", encoding="utf-8")
    for words in (("search", "colour red"), ("ask", "What kind of colour is red?")):
        _, out, err = cli(*words, "--notes", folder, env=QUICK)
        assert "\x1b" not in out + err
        assert "\x07" not in out + err


def test_unreleased_notes_are_not_found(cli: Cli, home: Path, notes: Path) -> None:
    (notes / "course.toml").write_text(
        'title = "T"\n[[units]]\nid = "later"\nrelease = 2099-01-01\nnotes = ["10-gans.md"]\n', encoding="utf-8"
    )
    _, out, _ = cli("search", QUESTION, "--notes", notes, "--json", env=QUICK)
    assert "10-gans.md" not in {hit["document"] for hit in json.loads(out)["hits"]}
    _, out, _ = cli("search", QUESTION, "--notes", notes, "--as-of", "2099-01-02", "--json", env=QUICK)
    assert json.loads(out)["hits"][0]["document"] == "10-gans.md"
