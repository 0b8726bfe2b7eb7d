import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmapps.models.redaction import REDACTED, redact

KEY = "tulip/4711+abcdefgh"


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SOME_PROVIDER_API_KEY", KEY)
    return KEY


@pytest.mark.parametrize("spelling", [KEY, quote(KEY, safe=""), base64.b64encode(KEY.encode()).decode(), KEY[:12]])
def test_a_key_of_the_environment_is_taken_out_in_every_spelling(key: str, spelling: str) -> None:
    assert redact(f"key={spelling}!") == f"key={REDACTED}!"


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-abc123DEF456ghi. Find yours",
        "Incorrect API key provided: sk-proj-****************abcd. Find yours",
        "token gsk_abcdefgh12345678 refused",
        "AIzaSyA-1234567890abcdefgh is not valid",
        "Authorization: Bearer abcdefgh-1234",
        "at https://me:hunter2hunter2@host/v1",
        "GET https://host/models?key=abcdefgh1234&x=1",
    ],
)
def test_what_looks_like_a_key_is_taken_out(text: str) -> None:
    redacted = redact(text)
    assert REDACTED in redacted
    for secret in ("abc123", "abcd.", "12345678", "SyA", "abcdefgh", "hunter2"):
        assert secret not in redacted


@pytest.mark.parametrize(
    "text",
    [
        "The prompt is too long: 9 > 8 tokens.",
        "model 'qwen2.5-coder:1.5b' not found",
        "http://127.0.0.1:11434/api/chat",
        "a sketch of sky-high risk-taking by skateboarding skeletons",
    ],
)
def test_other_texts_stay(text: str) -> None:
    assert redact(text) == text


def test_file_names_and_short_values_are_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_KEY", "/etc/ssl/private")
    monkeypatch.setenv("HOT_KEY", "ctrl+a")
    assert redact("/etc/ssl/private ctrl+a") == "/etc/ssl/private ctrl+a"


@given(secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=60), text=st.text())
def test_a_known_secret_never_survives(secret: str, text: str) -> None:
    if secret not in REDACTED:
        assert secret not in redact(f"{text} {secret} {text}", [secret]).replace(REDACTED, " ")
