"""What prompts/README.md shows is true."""

from __future__ import annotations

import re

import pytest

from llmapps.errors import PromptError
from llmapps.project import builtin_root
from llmapps.prompts import parse_prompt

README = (builtin_root() / "prompts" / "README.md").read_text(encoding="utf-8")
EXAMPLE, RENDERED, ERROR = re.findall(r"^```(?:yaml|text)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_example_is_a_prompt_and_renders_as_shown() -> None:
    hits = [{"n": 1, "text": "RAG changes what the model reads."}]
    prompt = parse_prompt(EXAMPLE, "prompts/compare.prompt")
    messages = prompt.messages(first="RAG", second="fine-tuning", short=True, hits=hits)
    assert "\n".join(f"{message.role}: {message.content}" for message in messages) == RENDERED.rstrip("\n")


def test_the_error_is_the_one_shown() -> None:
    line = int(ERROR.split(":")[1])
    lines = EXAMPLE.splitlines()
    lines[line - 1] += " {{secnd}}"
    with pytest.raises(PromptError) as caught:
        parse_prompt("\n".join(lines), "prompts/compare.prompt")
    assert str(caught.value) == ERROR.strip()


def test_every_prompt_is_listed_and_every_path_is_there() -> None:
    names = sorted(path.name for path in (builtin_root() / "prompts").glob("*.prompt"))
    assert re.findall(r"^\| `([\w-]+\.prompt)`", README, re.MULTILINE) == names
    paths = re.findall(r"`(llmapps/[\w/]+\.py)`", README)
    assert len(paths) >= 5
    root = builtin_root() if (builtin_root() / "llmapps").is_dir() else builtin_root().parent.parent
    assert [path for path in paths if not (root / path).is_file()] == []
