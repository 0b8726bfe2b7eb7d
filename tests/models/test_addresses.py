import pytest

from llmapps.errors import ProviderError, SettingsError
from llmapps.models.addresses import http_address, is_loopback, ollama_address, origin, require_allowed, shown


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (None, "http://127.0.0.1:11434"),
        ("", "http://127.0.0.1:11434"),
        (' "127.0.0.1" ', "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        (":8080", "http://127.0.0.1:8080"),
        ("gpu-box", "http://gpu-box:11434"),
        ("gpu-box:1", "http://gpu-box:1"),
        ("gpu-box:1/path/", "http://gpu-box:1/path"),
        ("http://gpu-box", "http://gpu-box:80"),
        ("HTTPS://gpu-box", "https://gpu-box:443"),
        ("[::]", "http://[::1]:11434"),
        ("[::1]:5", "http://[::1]:5"),
        ("http://me:secret@gpu-box:1", "http://me:secret@gpu-box:1"),
    ],
)
def test_every_form_of_ollama_host(given: str | None, url: str) -> None:
    assert ollama_address(given) == url


@pytest.mark.parametrize("given", ["ftp://host", "host:port", "host:99999", "host:0"])
def test_what_is_no_ollama_host(given: str) -> None:
    with pytest.raises(SettingsError, match=r"is not the address of a server\. Write it in full"):
        ollama_address(given)


def test_http_address() -> None:
    assert http_address(" https://host/v1/ ") == "https://host/v1"


@pytest.mark.parametrize("given", ["localhost:8000/v1", "host", "http://", "file:///etc", "http://host:x/v1"])
def test_what_is_no_http_address(given: str) -> None:
    with pytest.raises(
        SettingsError, match=r'is not the address of a server\. Write it in full, such as "http://localhost'
    ):
        http_address(given)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(
        SettingsError, match=r"was given with a password\. Take it out, and set LLMAPPS_API_KEY"
    ) as caught:
        http_address("https://me:hunter2@host/v1")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("given", ["ftp://me:hunter2@host", "http://me:hunter2@host:x"])
def test_a_wrong_address_does_not_show_its_password(given: str) -> None:
    with pytest.raises(SettingsError) as caught:
        ollama_address(given)
    assert "hunter2" not in str(caught.value)


def test_shown_without_password() -> None:
    assert shown("http://me:hunter2@host:1/v1?a=b") == "http://host:1/v1?a=b"


def test_the_same_server_has_the_same_origin() -> None:
    assert origin("https://API.openai.com/v1") == origin("https://api.openai.com:443/other")
    assert origin("http://api.openai.com/v1") != origin("https://api.openai.com/v1")
    assert origin("https://api.openai.com.evil.example/v1") != origin("https://api.openai.com/v1")
    assert origin("https://api.openai.com@evil.example/v1") != origin("https://api.openai.com/v1")


@pytest.mark.parametrize(
    "url", ["http://localhost:1", "http://127.0.0.1", "http://127.9.9.9", "http://[::1]:1", "http://a.localhost"]
)
def test_this_machine(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1@evil.example",
        "",
    ],
)
def test_other_machines(url: str) -> None:
    assert not is_loopback(url)


def test_offline_forbids_other_machines() -> None:
    require_allowed("http://127.0.0.1:1", offline=True, provider="ollama", model="m")
    require_allowed("http://gpu-box", offline=False, provider="ollama", model="m")
    with pytest.raises(
        ProviderError, match=r"ollama:m is at http://gpu-box, and LLMAPPS_OFFLINE forbids .* Use a local model"
    ) as caught:
        require_allowed("http://me:hunter2@gpu-box", offline=True, provider="ollama", model="m")
    assert caught.value.kind == "unreachable"
