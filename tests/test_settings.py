"""Settings: which source wins, and what is said about a wrong value."""

from __future__ import annotations

import contextlib
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmapps.errors import SettingsError
from llmapps.settings import (
    CONFIG_FILE,
    FIELDS,
    LEAST_PROMPT_TOKENS,
    Settings,
    check_value,
    llmapps_home,
    load_settings,
    read_settings_file,
    settings_template,
)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_without_any_source_everything_is_the_default(home: Path) -> None:
    settings = load_settings(environment={"LLMAPPS_HOME": str(home)})
    assert settings.values == Settings()
    assert set(settings.sources.values()) == {"default"}
    assert set(settings.sources) == set(FIELDS)


def test_flag_goes_before_environment_before_project_before_user(home: Path, tmp_path: Path) -> None:
    write(home / CONFIG_FILE, 'model = "a:user"\ntop = 1\ntemperature = 0.1\nmax_tokens = 11')
    project = write(tmp_path / "llmapps.toml", 'model = "a:project"\ntop = 2\ntemperature = 0.2')
    environment = {"LLMAPPS_HOME": str(home), "LLMAPPS_MODEL": "a:environment", "LLMAPPS_TOP": "3"}
    settings = load_settings({"model": "a:flag", "top": None}, project_file=project, environment=environment)
    assert (settings.values.model, settings.sources["model"]) == ("a:flag", "flag")
    assert (settings.values.top, settings.sources["top"]) == (3, "LLMAPPS_TOP")
    assert (settings.values.temperature, settings.sources["temperature"]) == (0.2, str(project))
    assert (settings.values.max_tokens, settings.sources["max_tokens"]) == (11, str(home / CONFIG_FILE))
    assert settings.sources["threads"] == "default"


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", True), ("true", True), ("Yes", True), ("on", True), ("0", False), ("FALSE", False), ("off", False)],
)
def test_yes_and_no_in_the_environment(home: Path, text: str, value: bool) -> None:
    assert load_settings(environment={"LLMAPPS_HOME": str(home), "LLMAPPS_OFFLINE": text}).values.offline is value


def test_an_empty_variable_is_not_given(home: Path) -> None:
    assert load_settings(environment={"LLMAPPS_HOME": str(home), "LLMAPPS_TOP": " "}).values.top == Settings().top


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("LLMAPPS_TOP", "many", "LLMAPPS_TOP: top = 'many' must be a whole number."),
        ("LLMAPPS_TOP", "4.5", "LLMAPPS_TOP: top = '4.5' must be a whole number."),
        ("LLMAPPS_TOP", "0", "LLMAPPS_TOP: top = 0 is out of range; it must be from 1 to 50."),
        (
            "LLMAPPS_TEMPERATURE",
            "nan",
            "LLMAPPS_TEMPERATURE: temperature = nan is out of range; it must be from 0 to 2.",
        ),
        ("LLMAPPS_OFFLINE", "maybe", "LLMAPPS_OFFLINE: offline = 'maybe' must be true or false."),
    ],
)
def test_a_wrong_variable_is_named_with_its_value(home: Path, variable: str, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=f"^{re.escape(message)}$"):
        load_settings(environment={"LLMAPPS_HOME": str(home), variable: text})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('\nmodle = "x:y"', r':2: there is no setting "modle"\. Did you mean "model"\?'),
        ("[models]\nx = 1", r':1: there is no setting "models"\. Did you mean "model"\?'),
        ("zzzzzz = 1", r':1: there is no setting "zzzzzz"\. `llmapps config` lists the settings\.'),
        ('# top\ntopology = 1\ntop = "4"', r':2: there is no setting "topology"'),
        ('# top\n\ntop = "4"', r":3: top = '4' must be a whole number\."),
        ("offline = 1", r":1: offline = 1 must be true or false\."),
        ("top = true", r":1: top = true must be a whole number\."),
        ("top = [true, 2]", r":1: top = \[true, 2\] must be a whole number\."),
        ("top = 2025-09-01", r":1: top = 2025-09-01 must be a whole number\."),
        ("top = " + "[" * 5000, r" cannot be read: .*Correct the file, or delete it to use the defaults\."),
        ('model = " "', r":1: model is empty; give a value or leave it out\."),
        ("top = ", r" cannot be read: .*Correct the file, or delete it to use the defaults\."),
    ],
)
def test_a_wrong_file_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "llmapps.toml", text)
    with pytest.raises(SettingsError, match=f"^{re.escape(str(path))}{message}"):
        read_settings_file(path)


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "llmapps.toml"
    path.write_bytes(b"model = '\xff'")
    with pytest.raises(SettingsError, match=r"cannot be read: 'utf-8' codec"):
        read_settings_file(path)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "llmapps.toml"
    path.write_bytes(b"\xef\xbb\xbftop = 3")
    assert read_settings_file(path) == {"top": 3}


def test_a_whole_number_is_a_number(tmp_path: Path) -> None:
    assert read_settings_file(write(tmp_path / "llmapps.toml", "temperature = 1")) == {"temperature": 1.0}


def test_notes_in_a_file_are_meant_from_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "llmapps.toml"
    assert read_settings_file(write(path, 'notes = "my-notes"'))["notes"] == str(tmp_path / "my-notes")
    assert read_settings_file(write(path, 'notes = "builtin:"'))["notes"] == "builtin:"
    assert read_settings_file(write(path, 'notes = "~/notes"'))["notes"] == "~/notes"
    assert read_settings_file(write(path, f"notes = '{tmp_path}'"))["notes"] == str(tmp_path)


def test_a_wrong_flag_is_named_as_it_is_typed() -> None:
    with pytest.raises(
        SettingsError, match=r"^--max-tokens: max_tokens = 0 is out of range; it must be from 1 to 100000\.$"
    ):
        load_settings({"max_tokens": 0})


def test_home_is_absolute_and_knows_the_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert llmapps_home({"LLMAPPS_HOME": "here"}) == tmp_path / "here"
    assert llmapps_home({"LLMAPPS_HOME": "~/there"}) == Path.home() / "there"
    assert llmapps_home({}).is_absolute()
    assert llmapps_home({}).name == "llmapps"


def test_the_template_is_all_comments_and_its_comments_are_the_defaults(home: Path, tmp_path: Path) -> None:
    assert tomllib.loads(settings_template()) == {}
    assignments = [line[2:] for line in settings_template().splitlines() if re.match(r"# \w+ = ", line)]
    values = read_settings_file(write(tmp_path / "llmapps.toml", "\n".join(assignments)))
    assert list(values) == list(FIELDS)
    examples = {name for name, setting in FIELDS.items() if setting.default is None}
    assert {name: value for name, value in values.items() if name not in examples} == {
        name: setting.default for name, setting in FIELDS.items() if name not in examples
    }


def test_every_setting_explains_itself_and_its_default_is_allowed() -> None:
    assert len(FIELDS) > 10
    for name, setting in FIELDS.items():
        assert len(setting.metadata["help"]) > 10, name
        if setting.default is not None:
            assert check_value(name, setting.default, "default") == setting.default


@given(
    name=st.sampled_from(sorted(FIELDS)),
    value=st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.booleans()),
)
def test_a_value_is_taken_as_it_is_or_refused(name: str, value: object) -> None:
    with contextlib.suppress(SettingsError):
        assert check_value(name, value, "here") == value


def test_an_answer_that_leaves_no_room_for_a_prompt_is_refused_with_both_sources(home: Path, tmp_path: Path) -> None:
    project = write(tmp_path / "llmapps.toml", "max_tokens = 4000")
    environment = {"LLMAPPS_HOME": str(home), "LLMAPPS_CONTEXT_TOKENS": "4200"}
    with pytest.raises(SettingsError) as caught:
        load_settings(project_file=project, environment=environment)
    assert str(caught.value) == (
        f"max_tokens = 4000 ({project}) leaves no room for a prompt in context_tokens = 4200 (LLMAPPS_CONTEXT_TOKENS): "
        "lower the first or raise the second, so that 256 tokens or more are left."
    )
    flags = {"context_tokens": 4000 + LEAST_PROMPT_TOKENS}
    assert load_settings(flags, project_file=project, environment=environment).values.max_tokens == 4000


def test_a_home_of_no_user_is_refused() -> None:
    with pytest.raises(
        SettingsError, match=r'^LLMAPPS_HOME = "~nouser-here/x" is no folder \(.+[^.]\)\. Give an absolute'
    ):
        llmapps_home({"LLMAPPS_HOME": "~nouser-here/x"})


def test_a_folder_in_place_of_a_settings_file_is_told(home: Path) -> None:
    (home / CONFIG_FILE).mkdir()
    with pytest.raises(SettingsError, match=r"config\.toml cannot be read: .* Correct the file"):
        load_settings(environment={"LLMAPPS_HOME": str(home)})
