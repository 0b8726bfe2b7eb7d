"""Real exceptions of real packages, raised by real servers, are each translated into the right kind."""

import json
import re
import traceback

import httpx
import ollama
import openai
import pytest
from langchain_openai import ChatOpenAI
from standins.canned_server import HTML, JSON, TEXT, Canned, CannedServer, as_json, closed_port

from llmapps.errors import FAILURE_KINDS, FailureKind, ProviderError
from llmapps.models.failures import RETRYABLE, Endpoint, OriginalFailure, detail_of, no_key, provider_error, translate

KEY = "tulip-4711-abcdefgh"
HERE = Endpoint("openai", "m", where="http://127.0.0.1:1/v1", key_name="OPENAI_API_KEY")


@pytest.fixture(autouse=True)
def _key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def refusal(message: str, code: str | None = None) -> dict[str, object]:
    return {"error": {"message": message, "type": "some_error", "param": None, "code": code}}


def raised_by_openai(answer: Canned) -> Exception:
    """What langchain-openai raises at this answer."""
    with CannedServer(answer) as server:
        model = ChatOpenAI(model="m", base_url=f"{server.url}/v1", api_key=KEY, max_retries=0, timeout=1)
        with pytest.raises(Exception) as caught:  # noqa: PT011 - the very question is which one comes
            model.invoke("hi")
        model.root_client.close()
    return caught.value


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (
            as_json(refusal(f"Incorrect API key provided: {KEY}"), 401),
            "auth",
            r"refused the key .*\(401\).*Check OPENAI_API_KEY\.",
        ),
        (as_json(refusal("You are not allowed"), 403), "auth", r"You are not allowed"),
        (as_json(refusal("The model `m` does not exist"), 404), "model_not_found", r'openai has no model "m"'),
        (Canned(404, TEXT, ("404 page not found",)), "unreachable", r"cannot be reached.*404 page not found"),
        (
            as_json(refusal("maximum context length is 8 tokens"), 400),
            "context_overflow",
            r"longer than the context.*Ask a shorter question",
        ),
        (as_json(refusal("too long", "context_length_exceeded"), 400), "context_overflow", "too long"),
        (
            as_json(refusal("no such option: top_q"), 400),
            "bad_request",
            r"refused the request \(400\): no such option: top_q\.",
        ),
        (as_json(refusal("slow down"), 429, **{"Retry-After": "7"}), "rate_limited", "Wait 7 s, then ask again"),
        (as_json(refusal("slow down"), 429), "rate_limited", "Wait a little"),
        (as_json(refusal("used up", "insufficient_quota"), 429), "quota", "Check its plan and billing"),
        (as_json(refusal("boom"), 500), "server", r"failed at http.*\(500\): boom\. Ask again"),
        (as_json(refusal("overloaded"), 503), "server", "overloaded"),
        (Canned(502, HTML, ("<html><body>bad gateway</body></html>",)), "server", "an HTML page"),
        (Canned(200, HTML, ("<!DOCTYPE html><p>Log in",)), "malformed", "an HTML page.*a login page"),
        (Canned(200, JSON, ('{"choices": [',)), "malformed", "it is not JSON"),
        (Canned(200, JSON, ("{}",)), "malformed", "it holds no choices"),
        (Canned(then="reset", pieces=()), "truncated", "broke off: the connection was reset"),
        (Canned(then="close", pieces=("{",)), "truncated", "broke off: the connection was closed in the middle"),
        (Canned(then="hang", pieces=()), "timeout", r"did not answer .* within the time allowed \(300 s"),
    ],
)
def test_what_a_server_can_do(answer: Canned, kind: FailureKind, said: str) -> None:
    failure = translate(raised_by_openai(answer), HERE)
    assert failure.kind == kind
    assert_message(failure, said)
    assert failure.retryable == (kind in RETRYABLE)
    assert KEY not in shown_to_a_developer(failure)


def assert_message(failure: ProviderError, said: str) -> None:
    assert re.search(said, str(failure)), str(failure)
    assert "\n" not in str(failure)
    assert str(failure).endswith(".")


def shown_to_a_developer(failure: ProviderError) -> str:
    return "".join(traceback.format_exception(failure)) + repr(failure) + repr(failure.__cause__)


def test_nobody_listens() -> None:
    with closed_port() as url, pytest.raises(httpx.ConnectError) as caught:
        httpx.get(url)
    failure = translate(caught.value, HERE)
    assert failure.kind == "unreachable"
    assert_message(
        failure, r"cannot be reached at http://127\.0\.0\.1:1/v1: nothing listens there\. Start the server there"
    )


def test_a_name_that_nobody_has() -> None:
    with pytest.raises(httpx.ConnectError) as caught:
        httpx.get("http://nowhere.invalid")
    failure = translate(caught.value, Endpoint("openai", "m", where="http://nowhere.invalid"))
    assert failure.kind == "unreachable"
    assert_message(failure, "there is no host of that name. Check the address and the network connection")


def test_ollama_says_that_it_cannot_connect() -> None:
    with closed_port() as url, pytest.raises(ConnectionError) as caught:
        ollama.Client(url, trust_env=False).list()
    assert translate(caught.value, HERE).kind == "unreachable"


def test_json_in_json_is_unpacked() -> None:
    inner = json.dumps({"error": {"code": 400, "message": "request (6031 tokens) exceeds the available context size"}})
    error = ollama.ResponseError(json.dumps({"error": inner}), 400)
    assert detail_of(error) == "request (6031 tokens) exceeds the available context size"
    assert translate(error, HERE).kind == "context_overflow"


def test_an_error_in_the_middle_of_a_stream_keeps_what_had_come() -> None:
    failure = translate(ollama.ResponseError("the runner died"), HERE, partial_text="The sea")
    assert (failure.kind, failure.partial_text) == ("server", "The sea")


def test_what_was_handled_meanwhile_is_no_cause() -> None:
    """Asking again inside an except block must not blame the first failure for the second."""
    with pytest.raises(KeyError) as caught:  # noqa: PT012
        try:
            raise ConnectionRefusedError
        except ConnectionRefusedError:
            {}["choices"]
    failure = translate(caught.value, HERE)
    assert failure.kind == "malformed"
    assert_message(failure, "KeyError: 'choices'")


def test_the_cause_is_a_copy_without_the_request() -> None:
    original = raised_by_openai(as_json(refusal(f"bad key {KEY}"), 401))
    assert isinstance(original, openai.AuthenticationError)
    failure = translate(original, HERE)
    assert isinstance(failure.__cause__, OriginalFailure)
    assert failure.__context__ is None
    assert "OpenAIAuthenticationError" in str(failure.__cause__)
    assert "_handle_openai_api_error" in shown_to_a_developer(failure)


def test_a_key_that_a_server_echoes_is_taken_out() -> None:
    failure = translate(raised_by_openai(as_json(refusal(f"bad key {KEY}"), 401)), HERE)
    assert "bad key [redacted]" in str(failure)


def test_a_long_detail_is_cut() -> None:
    assert len(detail_of(ValueError("word " * 200))) == 300


def test_a_provider_error_stays_as_it_is() -> None:
    failure = provider_error("It is so.", "empty", HERE, hint="Ask again.")
    assert translate(failure, HERE) is failure


@pytest.mark.parametrize("kind", FAILURE_KINDS)
def test_every_kind_has_a_message(kind: FailureKind) -> None:
    from llmapps.models.failures import _MESSAGES

    message, hint = _MESSAGES[kind]
    assert "{spec}" in message or "{provider}" in message
    assert hint.endswith(".")


def test_no_key() -> None:
    failure = no_key("groq", "m", ("A_KEY", "B_KEY"))
    assert str(failure).startswith(
        "No key for groq: set A_KEY or B_KEY, or use a local model such as --model llamacpp:"
    )
    assert failure.kind == "auth"
