from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from operator import attrgetter

import pytest

from llmapps.errors import ModelSpecError, ProviderError
from llmapps.models import ModelSpec, chat_model, embedding_model
from llmapps.models.providers import PROVIDERS


@pytest.mark.parametrize("row", PROVIDERS.values(), ids=lambda row: row.name)
def test_every_row_names_functions_that_exist(row: object) -> None:
    factories = [factory for factory in attrgetter("chat", "embeddings")(row) if factory]
    assert factories
    for factory in factories:
        module, _, function = factory.partition(":")
        assert callable(attrgetter(function)(import_module(module)))
    assert ModelSpec.parse(PROVIDERS[row.name].example).provider == row.name  # type: ignore[attr-defined]


def test_a_spec_may_be_a_value_or_a_text() -> None:
    assert chat_model(ModelSpec("fake", "echo")).invoke("a").text == chat_model(" FAKE:echo ").invoke("a").text == "a"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("llama3.2", '"llama3.2" is not a model: write "provider:name"'),
        (
            "olama:llama3.2",
            r'no provider "olama" \(in "olama:llama3.2"\). Did you mean "ollama"\? Choose one of: llamacpp',
        ),
        ("zzz:x", r"Choose one of: llamacpp, .*; or, each with a package of its own: anthropic"),
        (
            "onnx:all-minilm-l6-v2",
            '"onnx:all-minilm-l6-v2" cannot be used as a chat model: onnx has only embedding models',
        ),
    ],
)
def test_what_is_no_chat_model_is_said(spec: str, words: str) -> None:
    with pytest.raises(ModelSpecError, match=words):
        chat_model(spec)


def test_what_is_no_embedding_model_is_said() -> None:
    with pytest.raises(ModelSpecError, match=r"has only chat models. Choose one such as onnx:all-minilm-l6-v2"):
        embedding_model("llamacpp:qwen2.5-coder-1.5b")
    with pytest.raises(ModelSpecError, match=r"There is one: fake:hashed\."):
        embedding_model("fake:echo")


def test_an_unknown_option_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="temprature"):
        chat_model("fake:echo", temprature=1)


def test_offline_forbids_other_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMAPPS_OFFLINE", "0")
    with pytest.raises(ProviderError, match="LLMAPPS_OFFLINE forbids every host but this machine"):
        chat_model("openai:m", base_url="http://192.0.2.1/v1", offline=True)
    monkeypatch.setenv("LLMAPPS_OFFLINE", "1")
    with pytest.raises(ProviderError, match="LLMAPPS_OFFLINE forbids"):
        chat_model("ollama:m", base_url="http://192.0.2.1:11434")
    chat_model("ollama:m", base_url="http://127.0.0.1:1")


def test_importing_the_layer_loads_nothing_heavy() -> None:
    program = "import sys, llmapps.models, llmapps.models.providers; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"langchain_core", "pydantic", "httpx", "openai", "ollama", "xllamacpp", "numpy", "onnxruntime", "torch"}
    assert heavy & set(loaded) == set()
