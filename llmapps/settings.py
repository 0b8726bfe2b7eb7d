"""One frozen `Settings`, and where each of its values comes from.

A value is taken from the first of: a flag or argument, an `LLMAPPS_*` environment variable, the project's
`llmapps.toml`, the user's `config.toml` (in `$LLMAPPS_HOME`), the default. Keys of providers (`OPENAI_API_KEY`, ...)
are not settings: they are read where they are used, and never kept here, shown or logged.
"""

from __future__ import annotations

import datetime
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from llmapps.errors import SettingsError, did_you_mean

DEFAULT_MODEL = "llamacpp:qwen2.5-coder-1.5b"
DEFAULT_EMBEDDING = "onnx:all-minilm-l6-v2"
ENVIRONMENT_PREFIX = "LLMAPPS_"
CONFIG_FILE = "config.toml"
LEAST_PROMPT_TOKENS = 256
"""What `context_tokens` must leave beside `max_tokens`: in less, not even the rules of a prompt and a question fit."""


def _setting(
    default: Any, help_text: str, least: float | None = None, most: float | None = None, *, example: str = ""
) -> Any:
    return field(default=default, metadata={"help": help_text, "least": least, "most": most, "example": example})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a run can be told. Each field may be given as a flag, as `LLMAPPS_<NAME>`, or as `<name> =` in a file."""

    model: str = _setting(DEFAULT_MODEL, 'chat model, "provider:name"')
    embedding: str = _setting(DEFAULT_EMBEDDING, 'embedding model, "provider:name"')
    base_url: str | None = _setting(
        None, "address of an OpenAI-compatible or Ollama server", example="http://localhost:8000/v1"
    )
    notes: str | None = _setting(None, "folder or file of notes; builtin: is the built-in course", example="my-notes")
    top: int = _setting(4, "how many hits a search brings; the model is shown the best of them", 1, 50)
    temperature: float = _setting(0.0, "randomness of the answer; 0 gives the likeliest words", 0, 2)
    max_tokens: int = _setting(400, "length of an answer, in tokens", 1, 100_000)
    context_tokens: int = _setting(4096, "context of the model: prompt and answer, in tokens", 512, 1_000_000)
    timeout_s: float = _setting(300.0, "seconds for a whole model call", 1, 86_400)
    threads: int = _setting(0, "threads of the embedded engine; 0: all cores", 0, 1024)
    gpu_layers: int = _setting(0, "layers of the embedded model that go to a GPU; -1: all", -1, 1000)
    strict_answers: bool = _setting(False, "drop sentences that the notes do not support")
    offline: bool = _setting(False, "forbid every host but this machine")


FIELDS = {f.name: f for f in fields(Settings)}


@dataclass(frozen=True, slots=True)
class SourcedSettings:
    """Settings together with the source of each value, such as "flag", "LLMAPPS_MODEL", a file's path, "default"."""

    values: Settings
    sources: Mapping[str, str]


def llmapps_home(environment: Mapping[str, str] | None = None) -> Path:
    """The folder for weights, indexes and runs, absolute: `$LLMAPPS_HOME`, or the platform's user data folder.

    Raises:
        SettingsError: `$LLMAPPS_HOME` names a user who is not there, or a folder in a working directory that is gone.
    """
    environment = os.environ if environment is None else environment
    if home := environment.get("LLMAPPS_HOME", "").strip():
        try:
            return Path(home).expanduser().absolute()
        except (OSError, RuntimeError) as error:
            why = getattr(error, "strerror", None) or str(error).rstrip(".")
            raise SettingsError(f'LLMAPPS_HOME = "{home}" is no folder ({why}). Give an absolute path.') from error
    from platformdirs import user_data_path  # noqa: PLC0415 - `llmapps --help` does without it

    return user_data_path("llmapps", appauthor=False)


def load_settings(
    flags: Mapping[str, Any] | None = None,
    *,
    project_file: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> SourcedSettings:
    """Settings from all sources, each value checked.

    Args:
        flags: values given on the command line or as arguments; None means not given.
        project_file: the project's `llmapps.toml`, if there is a project.
        environment: instead of `os.environ`.

    Raises:
        SettingsError: an unknown name, a value of the wrong type or out of range; names the file and line. Or an answer
            of `max_tokens` leaves no room for a prompt; names both sources.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {name: f.default for name, f in FIELDS.items()}
    sources = dict.fromkeys(values, "default")

    def take(layer: Mapping[str, Any], source_of: Mapping[str, str]) -> None:
        for name, value in layer.items():
            values[name], sources[name] = value, source_of[name]

    for path in (llmapps_home(environment) / CONFIG_FILE, project_file):
        if path is not None and os.path.lexists(path):  # a folder or broken link of that name is told, not passed over
            layer = read_settings_file(path)
            take(layer, dict.fromkeys(layer, str(path)))
    from_environment = {
        name: _parse_text(environment[variable], name, variable)
        for name in FIELDS
        if environment.get(variable := ENVIRONMENT_PREFIX + name.upper(), "").strip()
    }
    take(from_environment, {name: ENVIRONMENT_PREFIX + name.upper() for name in from_environment})
    given = {
        name: check_value(name, value, f"--{name.replace('_', '-')}")
        for name, value in (flags or {}).items()
        if value is not None
    }
    take(given, dict.fromkeys(given, "flag"))
    _require_room_for_prompt(values, sources)
    return SourcedSettings(Settings(**values), sources)


def _require_room_for_prompt(values: Mapping[str, Any], sources: Mapping[str, str]) -> None:
    if values["context_tokens"] - values["max_tokens"] < LEAST_PROMPT_TOKENS:
        answer, context = (f"{name} = {values[name]} ({sources[name]})" for name in ("max_tokens", "context_tokens"))
        raise SettingsError(
            f"{answer} leaves no room for a prompt in {context}: lower the first or raise the second, so that "
            f"{LEAST_PROMPT_TOKENS} tokens or more are left."
        )


def read_settings_file(path: Path) -> dict[str, Any]:
    """The settings in a TOML file, checked. A relative `notes` is meant from the file's own folder.

    Raises:
        SettingsError: not TOML, an unknown name, a wrong type or range; names the file and line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        table = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(
            f"{path} cannot be read: {error}. Correct the file, or delete it to use the defaults."
        ) from error
    checked = {}
    for name, value in table.items():
        where = f"{path}:{_line_of(name, text)}"
        checked[name] = check_value(name, value, where)
    if "notes" in checked and not checked["notes"].startswith(("builtin:", "~")):
        checked["notes"] = str(path.parent.absolute() / checked["notes"])
    return checked


def settings_template() -> str:
    """A settings file with every setting, its meaning and its default, all commented out."""
    import json  # noqa: PLC0415 - `llmapps --help` does without it

    lines = []
    for name, setting in FIELDS.items():
        least, most = setting.metadata["least"], setting.metadata["most"]
        bounds = f" ({least} to {most})" if least is not None else ""
        value = setting.default if setting.default is not None else setting.metadata["example"]
        # JSON writes texts, numbers, true and false as TOML does.
        lines += [f"# {setting.metadata['help']}{bounds}", f"# {name} = {json.dumps(value)}", ""]
    return "\n".join(lines)


def check_value(name: str, value: Any, where: str) -> Any:
    """The value, if it has the setting's type and range.

    Raises:
        SettingsError: it has not, or there is no such setting; `where` begins the message.
    """
    if name not in FIELDS:
        hint = did_you_mean(name, FIELDS) or "`llmapps config` lists the settings."
        raise SettingsError(f'{where}: there is no setting "{name}". {hint}')
    setting = FIELDS[name]
    kind = _kind(name)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise SettingsError(f"{where}: {name} = {as_toml(value)} must be {_KIND_NAMES[kind]}.")
    least, most = setting.metadata["least"], setting.metadata["most"]
    if least is not None and not least <= value <= most:
        raise SettingsError(f"{where}: {name} = {value} is out of range; it must be from {least} to {most}.")
    if isinstance(value, str) and not value.strip():
        raise SettingsError(f"{where}: {name} is empty; give a value or leave it out.")
    return value


def as_toml(value: Any) -> str:
    """The value as it is written in TOML, for messages about a file.

    >>> as_toml([True, "text", {"day": datetime.date(2025, 9, 1)}])
    "[true, 'text', {day = 2025-09-01}]"
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(as_toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {as_toml(item)}" for key, item in value.items()) + "}"
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else repr(value)


_KIND_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


def _kind(name: str) -> type:
    default = FIELDS[name].default
    return str if default is None else type(default)


def _parse_text(text: str, name: str, variable: str) -> Any:
    """An environment variable's text as a value of the setting's type."""
    kind = _kind(name)
    value: Any = text.strip()
    if kind is bool and value.lower() in _TRUE | _FALSE:
        value = value.lower() in _TRUE
    elif kind in (int, float):
        try:
            value = kind(value)
        except ValueError:
            raise SettingsError(f"{variable}: {name} = {text!r} must be {_KIND_NAMES[kind]}.") from None
    return check_value(name, value, variable)


def _line_of(name: str, text: str) -> int:
    """The line, from 1, on which a top-level key or table stands."""
    key = re.compile(rf"""\s*\[*\s*["']?{re.escape(name)}["']?\s*[=.\]]""")
    return next((number for number, line in enumerate(text.splitlines(), start=1) if key.match(line)), 1)
