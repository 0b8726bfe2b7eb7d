"""`openai:` and `ollama:` with real models behind them: the embedded engine's own endpoint, and the stand-in."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel
from standins.ollama_server import OllamaServer

from llmapps.errors import ProviderError
from llmapps.models import chat_model, embedding_model
from llmapps.models.engine import Engine, EngineSettings

QUESTION = "Say hello in five words."


class Entry(BaseModel):
    """An entry of a glossary."""

    word: str
    count: int


@pytest.fixture(scope="module")
def engine(weights_home: Path) -> Iterator[Engine]:
    settings = EngineSettings(weights_home / "weights" / "SmolLM2-135M-Instruct.Q4_1.gguf", context_tokens=512)
    engine = Engine.start(settings)
    engine.wait_ready(120)
    yield engine
    engine.close()


@pytest.fixture
def base_url(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LLMAPPS_API_KEY", engine.key)
    return f"{engine.url}/v1"


def test_openai_answers_with_usage(base_url: str) -> None:
    answer = chat_model("openai:any", base_url=base_url, max_tokens=12).invoke(QUESTION)
    assert answer.text
    assert answer.usage_metadata["output_tokens"] <= 12
    assert answer.response_metadata["finish_reason"] in ("stop", "length")


def test_openai_streams_the_same(base_url: str) -> None:
    model = chat_model("openai:any", base_url=base_url, max_tokens=12)
    whole = None
    for chunk in model.stream(QUESTION):
        whole = chunk if whole is None else whole + chunk
    assert whole.text == model.invoke(QUESTION).text
    assert whole.usage_metadata["input_tokens"] > 0


def test_openai_is_held_to_a_schema(base_url: str) -> None:
    model = chat_model("openai:any", base_url=base_url, max_tokens=100)
    assert isinstance(model.with_structured_output(Entry).invoke("The word loss, 3 times."), Entry)


def test_openai_with_a_wrong_key(base_url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMAPPS_API_KEY", "tulip-4711-abcdefgh")
    with pytest.raises(ProviderError, match="refused the key") as caught:
        chat_model("openai:any", base_url=base_url).invoke(QUESTION)
    assert caught.value.kind == "auth"
    monkeypatch.delenv("LLMAPPS_API_KEY")
    with pytest.raises(ProviderError, match="asks for a key"):
        chat_model("openai:any", base_url=base_url).invoke(QUESTION)


def test_openai_with_a_prompt_longer_than_the_context(base_url: str) -> None:
    with pytest.raises(ProviderError, match="longer than the context") as caught:
        chat_model("openai:any", base_url=base_url).invoke("word " * 2000)
    assert caught.value.kind == "context_overflow"


def test_ollama_answers_as_the_model_behind_it(weights_home: Path) -> None:
    behind = chat_model("llamacpp:smollm2-135m", max_tokens=12, context_tokens=512)
    with OllamaServer(chat={"smollm2:135m": behind}) as server:
        answer = chat_model("ollama:smollm2:135m", base_url=server.url, max_tokens=12).invoke(QUESTION)
    assert answer.text == behind.invoke(QUESTION).text
    assert answer.usage_metadata["input_tokens"] > 0
    assert answer.response_metadata["done_reason"] in ("stop", "length")


def test_ollama_embeds_as_the_model_behind_it(weights_home: Path) -> None:
    behind = embedding_model("onnx:all-minilm-l6-v2")
    texts = ["a loss function", "", "the history of Rome"]
    with OllamaServer(embeddings={"all-minilm": behind}) as server:
        through = embedding_model("ollama:all-minilm", base_url=server.url)
        vectors = np.array(through.embed_documents(texts))
    assert vectors == pytest.approx(np.array(behind.embed_documents(texts)), abs=1e-6)
