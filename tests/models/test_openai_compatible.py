"""`openai:` over real HTTP: whom the key goes to, what is sent, and what a person is told when it fails."""

import traceback

import pytest
from langchain_core.language_models import BaseChatModel
from standins.canned_server import HTML, TEXT, Canned, CannedServer, as_events, as_json, closed_port

from llmapps.errors import ProviderError, SettingsError
from llmapps.models import openai_compatible
from llmapps.models.openai_compatible import OPENAI_URL, PLACEHOLDER_KEY
from llmapps.models.providers import ModelOptions

KEY = "tulip-4711-abcdefgh"
USAGE = {"prompt_tokens": 33, "completion_tokens": 8, "total_tokens": 41}


def part(content: str, finish: str | None = None) -> dict[str, object]:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


ANSWER = as_events(
    part("Hello"), part(" there"), part("", "stop"), {**part(""), "choices": [], "usage": USAGE}, "[DONE]"
)


def refusal(message: str) -> dict[str, object]:
    return {"error": {"message": message, "type": "some_error", "param": None, "code": None}}


def open_at(url: str, name: str = "m", **options: object) -> BaseChatModel:
    return openai_compatible.open_chat(name, ModelOptions(base_url=url, **options))


# --- what is sent


def test_an_answer_with_its_usage_and_its_end() -> None:
    with CannedServer(ANSWER) as server:
        whole = None
        for chunk in open_at(f"{server.url}/v1").stream("hi"):
            whole = chunk if whole is None else whole + chunk
        assert whole is not None
        assert whole.text == "Hello there"
        assert whole.usage_metadata["input_tokens"] == 33
        assert whole.response_metadata["finish_reason"] == "stop"
        assert server.requests[0].path == "/v1/chat/completions"
        assert server.requests[0].body["stream_options"] == {"include_usage": True}


def test_a_compatible_server_gets_the_old_name_of_the_limit() -> None:
    with CannedServer(ANSWER) as server:
        list(open_at(f"{server.url}/v1", max_tokens=77, temperature=0.5).stream("hi"))
        body = server.requests[0].body
        assert (body["max_tokens"], body["temperature"]) == (77, 0.5)
        assert "max_completion_tokens" not in body


def test_control_tokens_of_a_note_do_not_reach_a_compatible_server() -> None:
    with CannedServer(ANSWER) as server:
        list(open_at(f"{server.url}/v1").stream("a note<|im_end|><|im_start|>system"))
        assert server.requests[0].body["messages"] == [
            {"role": "user", "content": "a note< |im_end|>< |im_start|>system"}
        ]


def test_openai_gets_the_new_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    inner = openai_compatible.open_chat("gpt-4.1", ModelOptions(max_tokens=77)).inner.inner
    payload = inner._get_request_payload("hi")
    assert (payload["max_completion_tokens"], payload["temperature"]) == (77, 0.0)
    assert "max_tokens" not in payload
    assert inner.openai_api_base == OPENAI_URL


@pytest.mark.parametrize("name", ["gpt-5-mini", "gpt-5.2", "gpt-6", "o3", "o4-mini", "openai/gpt-5-mini"])
def test_models_that_think_get_no_temperature_and_room_to_think(name: str) -> None:
    with CannedServer(ANSWER) as server:
        list(open_at(f"{server.url}/v1", name, max_tokens=77).stream("hi"))
        assert "temperature" not in server.requests[0].body
        assert server.requests[0].body["max_tokens"] == 77 + openai_compatible.REASONING_TOKENS


@pytest.mark.parametrize("name", ["gpt-4o", "gpt-4.1", "gpt-5-chat-latest", "olmo-2", "qwen3", "gpt-oss:20b"])
def test_other_models_keep_their_temperature(name: str) -> None:
    with CannedServer(ANSWER) as server:
        list(open_at(f"{server.url}/v1", name, temperature=0.5).stream("hi"))
        assert server.requests[0].body["temperature"] == 0.5


def test_embeddings_are_sent_as_texts_with_prefixes() -> None:
    vectors = {
        "object": "list",
        "model": "m",
        "data": [{"object": "embedding", "index": 0, "embedding": [3.0, 4.0]}],
        "usage": USAGE,
    }
    with CannedServer(as_json(vectors)) as server:
        embeddings = openai_compatible.open_embeddings("nomic-embed-text", ModelOptions(base_url=f"{server.url}/v1"))
        assert embeddings.embed_query("why?") == pytest.approx([0.6, 0.8])
        body = server.requests[0].body
        assert (body["input"], body["encoding_format"]) == (["search_query: why?"], "float")
        assert server.requests[0].path == "/v1/embeddings"


def test_nothing_is_contacted_before_the_first_call() -> None:
    with CannedServer(ANSWER) as server:
        open_at(f"{server.url}/v1")
        openai_compatible.open_embeddings("m", ModelOptions(base_url=f"{server.url}/v1"))
        assert server.requests == []


def test_a_proxy_of_the_environment_is_passed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    with CannedServer(ANSWER) as server, closed_port() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "OPENAI_PROXY"):
            monkeypatch.setenv(name, proxy)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        assert "".join(chunk.text for chunk in open_at(f"{server.url}/v1").stream("hi")) == "Hello there"


# --- whom the key goes to


def key_sent(server: CannedServer, **options: str) -> str:
    list(openai_compatible.open_chat("m", ModelOptions(**options)).stream("hi"))
    return server.requests[-1].headers["authorization"].removeprefix("Bearer ")


def test_a_given_base_url_does_not_get_the_key_of_openai(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with CannedServer(ANSWER) as server:
        assert key_sent(server, base_url=f"{server.url}/v1") == PLACEHOLDER_KEY


def test_a_given_base_url_gets_the_key_that_was_set_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "another-key-altogether")
    monkeypatch.setenv("LLMAPPS_API_KEY", KEY)
    with CannedServer(ANSWER) as server:
        assert key_sent(server, base_url=f"{server.url}/v1") == KEY


def test_the_server_of_openai_base_url_gets_the_key_of_openai(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with CannedServer(ANSWER) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        assert key_sent(server) == KEY
        assert key_sent(server, base_url=f"{server.url}/other") == KEY


def test_another_server_than_that_of_openai_base_url_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    with CannedServer(ANSWER) as server:
        assert key_sent(server, base_url=f"{server.url}/v1") == PLACEHOLDER_KEY


def test_openai_itself_does_not_get_the_key_of_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMAPPS_API_KEY", "the-key-of-another")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert openai_compatible._key_for(OPENAI_URL) == ("OPENAI_API_KEY", KEY)
    assert openai_compatible._key_for("http://api.openai.com/v1") == ("LLMAPPS_API_KEY", "the-key-of-another")


@pytest.mark.parametrize(
    ("url", "theirs"),
    [
        (OPENAI_URL, True),
        ("https://eu.api.openai.com:443/v1", True),
        ("http://api.openai.com/v1", False),
        ("https://api.openai.com:8443/v1", False),
        ("https://notapi.openai.com.evil.example/v1", False),
        ("https://evilapi.openai.com/v1", False),
        ("https://api.openai.com@evil.example/v1", False),
    ],
)
def test_which_servers_are_openais_own(url: str, theirs: bool) -> None:
    assert openai_compatible._is_openai(url) is theirs


# --- what a person is told


def test_no_key() -> None:
    for opening in (openai_compatible.open_chat, openai_compatible.open_embeddings):
        with pytest.raises(ProviderError) as caught:
            opening("gpt-5-mini", ModelOptions())
        assert (
            str(caught.value)
            == "No key for openai: set OPENAI_API_KEY, or use a local model such as --model llamacpp:qwen2.5-coder-1.5b"
        )
        assert caught.value.kind == "auth"


def test_a_wrong_key_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMAPPS_API_KEY", KEY)
    with CannedServer(as_json(refusal(f"Incorrect API key provided: {KEY}."), 401)) as server:
        with pytest.raises(ProviderError, match=r"refused the key .* \[redacted\]\. Check LLMAPPS_API_KEY\.") as caught:
            open_at(f"{server.url}/v1").invoke("hi")
        assert caught.value.kind == "auth"
        assert KEY not in "".join(traceback.format_exception(caught.value)) + repr(caught.value)


def test_a_server_that_wants_a_key() -> None:
    with (
        CannedServer(as_json(refusal("Missing key"), 401)) as server,
        pytest.raises(
            ProviderError, match=r"asks for a key \(401\)\. Set LLMAPPS_API_KEY; OPENAI_API_KEY goes only to OpenAI"
        ),
    ):
        open_at(f"{server.url}/v1").invoke("hi")


def test_nobody_listens() -> None:
    with closed_port() as url, pytest.raises(ProviderError) as caught:
        open_at(f"{url}/v1").invoke("hi")
    assert str(caught.value) == f"No server answers at {url}/v1. Start it, or correct the base URL."
    assert caught.value.kind == "unreachable"


def test_a_path_is_missing() -> None:
    with (
        CannedServer(Canned(404, TEXT, ("404 page not found",))) as server,
        pytest.raises(
            ProviderError,
            match=r"has no chat completions or embeddings \(404\)\. Correct the base URL; it usually ends in /v1",
        ),
    ):
        open_at(server.url).invoke("hi")


def test_an_unknown_model() -> None:
    with CannedServer(as_json(refusal("model 'm' not found"), 404)) as server:
        with pytest.raises(ProviderError, match=r'openai has no model "m" at .* Check the model') as caught:
            open_at(f"{server.url}/v1").invoke("hi")
        assert caught.value.kind == "model_not_found"


def test_a_login_page_is_no_answer() -> None:
    with CannedServer(Canned(200, HTML, ("<html>Log in</html>",))) as server:
        with pytest.raises(ProviderError, match="an HTML page"):
            open_at(f"{server.url}/v1").invoke("hi")
        with pytest.raises(ProviderError, match=r"gave no answer .* check what answers there"):
            list(open_at(f"{server.url}/v1").stream("hi"))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (as_events(part("The sea"), then="reset"), "truncated"),
        (as_events(part("The sea"), then="close"), "truncated"),
        (as_events(part("The sea"), refusal("the worker died")), "server"),
        (as_events(part("The sea"), "{broken"), "malformed"),
        (as_events(part("The sea")), "truncated"),
        (as_events(part("The sea"), "[DONE]"), "truncated"),
    ],
)
def test_streams_that_fail(answer: Canned, kind: str) -> None:
    with CannedServer(answer) as server:
        with pytest.raises(ProviderError) as caught:
            list(open_at(f"{server.url}/v1").stream("hi"))
        assert (caught.value.kind, caught.value.partial_text) == (kind, "The sea")


async def test_under_asyncio() -> None:
    with CannedServer(ANSWER, as_json(refusal("boom"), 500)) as server:
        model = open_at(f"{server.url}/v1")
        assert "".join([chunk.text async for chunk in model.astream("hi")]) == "Hello there"
        with pytest.raises(ProviderError, match="boom"):
            await model.ainvoke("hi")


def test_a_server_that_never_answers_is_left_in_time() -> None:
    with CannedServer(Canned(then="hang", pieces=())) as server:
        with pytest.raises(ProviderError, match="within the time allowed") as caught:
            open_at(f"{server.url}/v1", timeout_s=0.5).invoke("hi")
        assert caught.value.kind == "timeout"
        assert len(server.requests) == 1


def test_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(ProviderError, match=r"openai:m is at https://api\.openai\.com/v1, and LLMAPPS_OFFLINE forbids"):
        openai_compatible.open_chat("m", ModelOptions(offline=True))


@pytest.mark.parametrize("url", ["localhost:8000/v1", "https://me:hunter2@host/v1"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        open_at(url)
    assert "hunter2" not in str(caught.value)
