"""One run of the command: help, switches, errors in one sentence, signals, exit codes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from llmapps import __version__

REPOSITORY = Path(__file__).resolve().parent.parent.parent
KEY = "sk-verysecret-0123456789"

# The real tree with two commands more: there is no honest way to make the others fail in these ways.
EXTRA_COMMANDS = """
import os, sys, time
import typer
from llmapps.cli.app import app
from llmapps.cli.output import emit
from llmapps.cli.run import run

@app.command()
def fail(kind: str) -> None:
    secret = os.environ["OPENAI_API_KEY"]
    raise {"bug": ValueError, "abort": typer.Abort, "eof": EOFError, "pipe": BrokenPipeError}[kind](secret)

@app.command()
def wait() -> None:
    emit("ready")
    time.sleep(60)

sys.exit(run(sys.argv[1:]))
"""


def extra(*words: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OPENAI_API_KEY": KEY}
    command = [sys.executable, "-c", EXTRA_COMMANDS, *words]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",)])
def test_help_is_data_and_lists_the_commands(cli, words) -> None:
    code, out, err = cli(*words)
    assert (code, err) == (0, "")
    assert "Usage: llmapps" in out
    listed = re.findall(r"^  (\w+) ", out[out.index("Commands:") :], re.MULTILINE)
    assert listed == ["ask", "chat", "index", "search", "init", "config", "models"]
    for option in ("--version", "--debug", "--quiet"):
        assert option in out


def test_a_group_without_a_command_shows_its_help(cli) -> None:
    code, out, err = cli("models")
    assert (code, err) == (0, "")
    assert out.startswith("Usage: llmapps models")


def test_every_command_has_help_in_whole_words(cli) -> None:
    out = cli("--help", env={"COLUMNS": "200"}).out
    commands = out[out.index("Commands:") :].splitlines()[1:]
    assert len(commands) >= 2
    for line in commands:
        name, about = line.split(maxsplit=1)
        assert about.endswith((".", "...")), line
        assert cli(name, "--help").code == 0


def test_version(cli) -> None:
    assert cli("--version") == (0, f"llmapps {__version__}\n", "")


def test_a_mistyped_command_names_the_near_one(cli) -> None:
    code, out, err = cli("confg")
    assert (code, out) == (2, "")
    assert err == "llmapps: No such command 'confg'. Did you mean 'config'? `llmapps --help` shows how it is used.\n"


def test_a_mistyped_option_names_the_near_one(cli) -> None:
    code, out, err = cli("config", "--jsn")
    assert (code, out) == (2, "")
    assert err.startswith("llmapps: No such option: --jsn")
    assert "--json" in err
    assert err.endswith("`llmapps config --help` shows how it is used.\n")


def test_a_missing_argument_is_named_in_one_line(cli) -> None:
    code, out, err = cli("init")
    assert (code, out) == (2, "")
    assert err == "llmapps: Missing argument 'DIR'. `llmapps init --help` shows how it is used.\n"


def test_an_error_of_ours_is_one_sentence_and_exit_code_two(cli, tmp_path: Path) -> None:
    code, out, err = cli("config", "--project", "nowhere")
    assert (code, out) == (2, "")
    assert err.startswith('llmapps: There is no project in "nowhere"')
    assert err.count("\n") == 1


def test_with_debug_an_error_of_ours_shows_where_it_came_from(cli) -> None:
    for words, env in ((("config", "--debug"), {}), (("--debug", "config"), {}), (("config",), {"LLMAPPS_DEBUG": "1"})):
        code, _, err = cli(*words, "--project", "nowhere", env=env)
        assert code == 2
        assert "Traceback" in err
        assert err.rstrip().splitlines()[-1].startswith("llmapps: There is no project")


def test_after_two_dashes_words_are_only_words(cli) -> None:
    code, _, err = cli("init", "--", "--debug", cwd=None)
    assert code == 0, err
    assert "Traceback" not in err


def test_a_fault_of_ours_is_one_sentence_without_the_secret_it_holds() -> None:
    code, out, err = ended(extra("fail", "bug"))
    assert (code, out) == (2, "")
    assert err.startswith("llmapps: something inside llmapps went wrong (ValueError in cli/run.py, line ")
    assert "--debug" in err
    assert err.count("\n") == 1
    assert KEY not in err


def test_with_debug_a_fault_of_ours_shows_a_traceback_without_secrets_and_locals() -> None:
    code, _, err = ended(extra("fail", "bug", "--debug"))
    assert code == 2
    assert "Traceback" in err
    assert "ValueError: [redacted]" in err
    assert KEY not in err


@pytest.mark.parametrize("kind", ["abort", "eof"])
def test_a_question_that_is_not_answered_stops_the_run(kind: str) -> None:
    code, out, err = ended(extra("fail", kind))
    assert (code, out, err.strip()) == (130, "", "stopped")


def test_a_servers_broken_pipe_is_not_taken_for_ours() -> None:
    code, _, err = ended(extra("fail", "pipe"))
    assert code == 2
    assert "BrokenPipeError" in err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_stops_the_run_in_order(name: str, code: int) -> None:
    process = extra("wait")
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(getattr(signal, name))
    assert ended(process) == (code, "", "\nstopped\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no nohup")
def test_a_signal_that_is_to_be_ignored_is_ignored() -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = ["nohup", sys.executable, "-c", EXTRA_COMMANDS, "wait"]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    assert process.poll() is None
    process.terminate()
    assert ended(process)[0] == 143


@pytest.mark.skipif(sys.platform == "win32", reason="Windows reports a closed pipe otherwise")
def test_a_reader_that_has_gone_ends_the_run_quietly(cli) -> None:
    process = cli.start("config")
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_output_that_cannot_be_written_is_one_sentence() -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "llmapps", "config"],
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert ran.returncode == 2
    assert ran.stderr.decode().startswith("llmapps: The output cannot be written: No space left on device.")
    assert ran.stderr.decode().count("\n") == 1


def test_quiet_leaves_data_and_errors(cli, tmp_path: Path) -> None:
    assert cli("--quiet", "init", "one") == (0, "", "")
    assert cli("init", "one", "--quiet").err.startswith("llmapps: ")
    assert cli("config", "--quiet").out != ""


def test_output_is_utf8_wherever_it_goes(cli) -> None:
    code, _, err = cli("config", "--project", "课程 ⟶ é", env={"PYTHONIOENCODING": "cp1252"})
    assert code == 2
    assert '"课程 ⟶ é"' in err


def test_the_script_is_the_same_as_the_module(cli) -> None:
    script = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv[1:] = ['--version']; from llmapps.cli import main; main()"],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        check=False,
    )
    assert (script.returncode, script.stdout.decode().strip()) == (0, cli("--version").out.strip())
