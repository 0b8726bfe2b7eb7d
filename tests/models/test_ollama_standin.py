"""The stand-in says what a real Ollama says; where recordings of one are at hand (marker `data`), word for word."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import BaseChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage
from standins.canned_server import Canned
from standins.ollama_server import OllamaServer

from llmapps.errors import FailureKind, ProviderError
from llmapps.models import ollama
from llmapps.models.providers import ModelOptions

TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}
CALL = {"name": "get_weather", "args": {"city": "Paris"}, "id": "1"}
ASK = [{"role": "user", "content": "hi"}]


def says(*answers: AIMessage | str) -> BaseChatModel:
    return GenericFakeChatModel(messages=iter(answers))


@pytest.fixture
def server():
    chat = {
        "smollm2:135m": says("Hello there"),
        "qwen-tools:1.5b": says(AIMessage("", tool_calls=[CALL])),
        "qwen2.5-coder:1.5b": says(),
    }
    with OllamaServer(
        chat, {"all-minilm": DeterministicFakeEmbedding(size=8)}, tools=("qwen-tools:1.5b", "qwen2.5-coder:1.5b")
    ) as server:
        yield server


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.text.splitlines() if line]


def test_a_stream_ends_with_the_line_that_counts(server: OllamaServer) -> None:
    answer = httpx.post(f"{server.url}/api/chat", json={"model": "smollm2:135m", "messages": ASK})
    *said, last = lines(answer)
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert "".join(line["message"]["content"] for line in said) == "Hello there"
    assert not any(line["done"] for line in said)
    assert last["done"] is True
    assert {"done_reason", "prompt_eval_count", "eval_count", "total_duration"} <= set(last)


def test_an_answer_in_one_piece(server: OllamaServer) -> None:
    answer = httpx.post(
        f"{server.url}/api/chat", json={"model": "smollm2:135m", "messages": ASK, "stream": False}
    ).json()
    assert (answer["message"]["content"], answer["done"]) == ("Hello there", True)


@pytest.mark.parametrize("stream", [True, False])
def test_a_tool_call_comes_before_the_end_as_an_object(server: OllamaServer, stream: bool) -> None:
    body = {"model": "qwen-tools:1.5b", "messages": ASK, "tools": [TOOL], "stream": stream}
    line = lines(httpx.post(f"{server.url}/api/chat", json=body))[0]
    assert line["message"]["tool_calls"][0]["function"] == {
        "index": 0,
        "name": "get_weather",
        "arguments": {"city": "Paris"},
    }
    assert line["done"] is not stream


def test_a_pull_without_a_network_fails_inside_a_200_stream(server: OllamaServer) -> None:
    answer = httpx.post(f"{server.url}/api/pull", json={"model": "llama3.2:1b"})
    assert answer.status_code == 200
    assert [set(line) for line in lines(answer)] == [{"status"}, {"error"}]


def test_a_model_that_fails_ends_the_stream_with_an_error_and_no_done(server: OllamaServer) -> None:
    answer = httpx.post(f"{server.url}/api/chat", json={"model": "qwen2.5-coder:1.5b", "messages": ASK})
    assert answer.status_code == 200
    assert "error" in lines(answer)[-1]


def test_what_it_has(server: OllamaServer) -> None:
    names = [model["name"] for model in httpx.get(f"{server.url}/api/tags").json()["models"]]
    assert names == ["smollm2:135m", "qwen-tools:1.5b", "qwen2.5-coder:1.5b", "all-minilm:latest"]
    assert [model["id"] for model in httpx.get(f"{server.url}/v1/models").json()["data"]] == names
    assert "tools" in httpx.post(f"{server.url}/api/show", json={"model": "qwen-tools:1.5b"}).json()["capabilities"]


def test_generate(server: OllamaServer) -> None:
    answer = httpx.post(f"{server.url}/api/generate", json={"model": "smollm2:135m", "prompt": "hi"})
    assert "".join(line["response"] for line in lines(answer)) == "Hello there"


# --- against recordings of a real server


class Recorded(NamedTuple):
    """One recorded exchange."""

    method: str
    path: str
    sent: str
    status: int
    content_type: str
    body: str


def read(path: Path) -> Recorded:
    asked, _, answered = path.read_text(encoding="utf-8").partition("HTTP/1.1 ")
    method, where = re.match(r">>> (\S+) (\S+)", asked).groups()
    sent = re.search(r">>> body: (.*)", asked)
    head, _, body = answered.partition("\n\n")
    content_type = re.search(r"Content-Type: (.*)", head)
    body = body.partition("\n>>> curl")[0].partition("\nreal\t")[0]
    return Recorded(
        method, where, sent[1] if sent else "", int(head[:3]), content_type[1] if content_type else "", body
    )


REFUSALS = """
    00_root 01_version 04_show_unknown 23_chat_tools_unsupported 32_chat_format_bad 60_err_chat_unknown
    61_err_chat_unknown_nostream 62_err_generate_unknown 63_err_embed_unknown 64_err_no_model
    65_err_empty_body 66_err_bad_json 67_err_bad_type 68_err_bad_option 70_err_404_path 71_err_405
    93_embed_chat_model 94_chat_on_embed_model
""".split()


@pytest.mark.data
@pytest.mark.parametrize("name", REFUSALS)
def test_word_for_word(server: OllamaServer, test_data: Path, name: str) -> None:
    recorded = read(test_data / "ollama" / f"{name}.txt")
    answer = httpx.request(recorded.method, f"{server.url}{recorded.path}", content=recorded.sent.encode())
    assert (answer.status_code, answer.headers["content-type"]) == (recorded.status, recorded.content_type)
    assert answer.text == recorded.body.rstrip("\n")


@pytest.mark.data
@pytest.mark.parametrize(
    "name", ["10_chat_stream", "11_chat_nostream", "25_qwen-tools_tools_stream", "80_pull_offline", "43_generate_load"]
)
def test_the_same_keys_in_every_line(server: OllamaServer, test_data: Path, name: str) -> None:
    recorded = read(test_data / "ollama" / f"{name}.txt")
    theirs = {frozenset(json.loads(line)) for line in recorded.body.splitlines() if line}
    answer = httpx.post(f"{server.url}{recorded.path}", content=recorded.sent.encode())
    assert {frozenset(line) for line in lines(answer)} == theirs
    assert answer.headers["content-type"] == recorded.content_type


def played(recorded: Recorded) -> Canned:
    pieces = (
        tuple(f"{line}\n" for line in recorded.body.splitlines() if line)
        if "ndjson" in recorded.content_type
        else (recorded.body,)
    )
    return Canned(recorded.status, recorded.content_type, pieces, chunked="ndjson" in recorded.content_type)


@pytest.mark.data
def test_a_recorded_answer_is_read(test_data: Path) -> None:
    with OllamaServer() as server:
        server.play_next(played(read(test_data / "ollama" / "10_chat_stream.txt")))
        answer = ollama.open_chat("smollm2:135m", ModelOptions(base_url=server.url)).invoke("Say hello in five words.")
    assert answer.content == "Hello, welcome to my little corner of the world."
    assert (answer.usage_metadata["input_tokens"], answer.response_metadata["done_reason"]) == (36, "stop")


@pytest.mark.data
def test_recorded_tool_calls_are_read(test_data: Path) -> None:
    with OllamaServer() as server:
        server.play_next(played(read(test_data / "ollama" / "27_qwen-tools_tools_two.txt")))
        calls = (
            ollama.open_chat("m", ModelOptions(base_url=server.url))
            .invoke("The weather in Paris and in Rome?")
            .tool_calls
        )
    assert [call["args"] for call in calls] == [{"city": "Paris"}, {"city": "Rome"}]


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("23_chat_tools_unsupported", "bad_request"),
        ("29_err_runner_shared_needs_jinja", "server"),
        ("29_err_runner_shared_needs_jinja_stream", "server"),
        ("32_chat_format_bad", "server"),
        ("60_err_chat_unknown", "model_not_found"),
        ("70_err_404_path", "malformed"),
        ("71_err_405", "malformed"),
        ("74_image_unsupported", "bad_request"),
        ("76_chat_context_overflow_notruncate", "context_overflow"),
        ("77_midstream_runner_killed", "context_overflow"),
        ("93_embed_chat_model", "bad_request"),
        ("94_chat_on_embed_model", "bad_request"),
    ],
)
def test_recorded_failures_are_translated(test_data: Path, name: str, kind: FailureKind) -> None:
    with OllamaServer() as server:
        server.play_next(played(read(test_data / "ollama" / f"{name}.txt")))
        with pytest.raises(ProviderError) as caught:
            ollama.open_chat("m", ModelOptions(base_url=server.url)).invoke("hi")
    assert caught.value.kind == kind
    assert "{" not in str(caught.value)
