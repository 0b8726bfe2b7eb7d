"""LangChain's other providers; azure_openai stands for all of them, as its package is installed."""

import subprocess
import sys

import pytest
from standins.canned_server import CannedServer, as_events, as_json

from llmapps.errors import MissingPackageError, ModelSpecError, ProviderError
from llmapps.models.langchain_provider import PACKAGES, known_providers, open_chat, open_embeddings
from llmapps.models.providers import ModelOptions

KEY = "tulip-4711-abcdefgh"
OPTIONS = ModelOptions(max_tokens=77, temperature=0.5, timeout_s=3)
USAGE = {"prompt_tokens": 33, "completion_tokens": 8, "total_tokens": 41}


def test_the_table_is_langchains_own() -> None:
    from langchain.chat_models.base import _BUILTIN_PROVIDERS as CHAT
    from langchain.embeddings.base import _BUILTIN_PROVIDERS as EMBEDDINGS

    theirs = {name: entry[:2] for name, entry in CHAT.items() if name not in ("ollama", "openai")}
    assert {name: (entry.module, entry.chat) for name, entry in PACKAGES.items()} == theirs
    assert {name for name, entry in PACKAGES.items() if entry.embeddings} == set(EMBEDDINGS) - {"ollama", "openai"}
    assert known_providers() == tuple(PACKAGES)


def test_telling_the_names_loads_nothing_heavy() -> None:
    code = (
        "import sys; from llmapps.models.langchain_provider import known_providers; known_providers();"
        "print(sorted({'langchain', 'langchain_core', 'pydantic', 'openai', 'httpx'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_a_package_that_is_not_installed() -> None:
    with pytest.raises(MissingPackageError) as caught:
        open_chat("upstage", "solar", OPTIONS)
    assert str(caught.value) == (
        "upstage: models need the package langchain-upstage, which is not installed. "
        "Install it with `pip install langchain-upstage`."
    )


def test_the_package_is_named_by_its_distribution() -> None:
    assert PACKAGES["google_anthropic_vertex"].pip_name == "langchain-google-vertexai"


def test_a_provider_that_nobody_knows() -> None:
    with pytest.raises(
        ModelSpecError, match=r'There is no provider "antropic"\. The others that LangChain knows: anthropic,'
    ):
        open_chat("antropic", "m", OPTIONS)


@pytest.mark.parametrize("opening", [open_chat, open_embeddings])
def test_no_key(opening: object) -> None:
    with pytest.raises(
        ProviderError, match=r"No key for azure_openai: set AZURE_OPENAI_API_KEY or .*, or use a local model"
    ) as caught:
        opening("azure_openai", "m", OPTIONS)
    assert caught.value.kind == "auth"


def test_offline() -> None:
    with pytest.raises(
        ProviderError, match=r"azure_openai:m is on another host, and LLMAPPS_OFFLINE forbids .* Use a local model"
    ):
        open_chat("azure_openai", "m", ModelOptions(offline=True))


def test_a_package_that_refuses_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    with pytest.raises(
        ProviderError, match=r"azure_openai:m cannot be opened: .*OPENAI_API_VERSION.*\. Set what it names"
    ) as caught:
        open_chat("azure_openai", "m", OPTIONS)
    assert caught.value.__context__ is None


def test_a_provider_without_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGSMITH_API_KEY", KEY)
    with pytest.raises(
        ModelSpecError,
        match=r"langsmith has no embedding models in LangChain\. Use onnx:all-minilm-l6-v2, or one of: azure_ai",
    ):
        open_embeddings("langsmith", "m", OPTIONS)


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
    return monkeypatch


def test_an_answer_over_http(azure: pytest.MonkeyPatch) -> None:
    choice = {"index": 0, "delta": {"content": "Hello there"}, "finish_reason": "stop"}
    answer = as_events(
        {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}, "[DONE]"
    )
    with CannedServer(answer) as server:
        azure.setenv("AZURE_OPENAI_ENDPOINT", server.url)
        assert "".join(chunk.text for chunk in open_chat("azure_openai", "m", OPTIONS).stream("hi")) == "Hello there"
        body = server.requests[0].body
        assert (body["max_completion_tokens"], body["temperature"]) == (77, 0.5)


def test_the_base_url_of_the_settings_is_not_followed(azure: pytest.MonkeyPatch) -> None:
    with CannedServer(as_json({}, 500)) as wanted, CannedServer(as_json({}, 500)) as other:
        azure.setenv("AZURE_OPENAI_ENDPOINT", wanted.url)
        model = open_chat("azure_openai", "m", ModelOptions(base_url=other.url, timeout_s=30))
        model.inner.inner.root_client.max_retries = 0
        with pytest.raises(ProviderError):
            model.invoke("hi")
        assert len(wanted.requests) == 1
        assert other.requests == []


def test_a_wrong_key(azure: pytest.MonkeyPatch) -> None:
    with CannedServer(as_json({"error": {"message": f"Access denied: {KEY}", "code": "401"}}, 401)) as server:
        azure.setenv("AZURE_OPENAI_ENDPOINT", server.url)
        with pytest.raises(
            ProviderError, match=r"azure_openai:m refused the key \(401\): Access denied: \[redacted\]\. Check AZURE_"
        ) as caught:
            open_chat("azure_openai", "m", OPTIONS).invoke("hi")
        assert caught.value.kind == "auth"


def test_embeddings_over_http(azure: pytest.MonkeyPatch) -> None:
    vectors = {
        "object": "list",
        "model": "m",
        "data": [{"object": "embedding", "index": 0, "embedding": [3.0, 4.0]}],
        "usage": USAGE,
    }
    with CannedServer(as_json(vectors)) as server:
        azure.setenv("AZURE_OPENAI_ENDPOINT", server.url)
        embeddings = open_embeddings("azure_openai", "m", OPTIONS)
        assert embeddings.identity.startswith("azure_openai:m")
        embeddings.inner.inner.check_embedding_ctx_length = False  # else it fetches a tokenizer
        assert embeddings.embed_query("why?") == pytest.approx([0.6, 0.8])
