"""Addresses of model servers: read as people write them, shown without passwords, known to be this machine or not."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit, urlunsplit

from llmapps.errors import ProviderError, SettingsError

OLLAMA_PORT = 11434
_DEFAULT_PORTS = {"http": 80, "https": 443}


def ollama_address(text: str | None) -> str:
    """The URL meant by `OLLAMA_HOST` or a base URL, in every form that Ollama itself understands.

    A server that listens on all interfaces (0.0.0.0, [::]) is reached at the loopback address.

    >>> ollama_address(None), ollama_address("0.0.0.0"), ollama_address(":8080")
    ('http://127.0.0.1:11434', 'http://127.0.0.1:11434', 'http://127.0.0.1:8080')
    >>> ollama_address("gpu-box"), ollama_address("https://gpu-box"), ollama_address("http://[::]:1234/ollama/")
    ('http://gpu-box:11434', 'https://gpu-box:443', 'http://[::1]:1234/ollama')

    Raises:
        SettingsError: the port is not a number from 1 to 65535, or the scheme is not http or https.
    """
    text = (text or "").strip().strip("\"'").strip()
    scheme, _, rest = text.rpartition("://")
    parts = _split(f"{scheme or 'http'}://{rest}", text)
    port = parts.port or (_DEFAULT_PORTS[parts.scheme] if scheme else OLLAMA_PORT)
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(parts.hostname or "", parts.hostname)  # noqa: S104
    credentials, at, _ = parts.netloc.rpartition("@")
    netloc = f"{credentials}{at}{f'[{host}]' if ':' in str(host) else host}:{port}"
    return urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))


def http_address(text: str) -> str:
    """The base URL of an HTTP API, without a slash at its end.

    >>> http_address("http://localhost:8000/v1/")
    'http://localhost:8000/v1'

    Raises:
        SettingsError: it is not an http or https URL, or it holds a password.
    """
    text = text.strip()
    parts = _split(text, text)
    if not parts.hostname:
        raise SettingsError(
            f'"{text}" is not the address of a server. Write it in full, such as "http://localhost:8000/v1".'
        )
    if parts.username or parts.password:
        raise SettingsError(
            f"The address {shown(text)} was given with a password. Take it out, and set LLMAPPS_API_KEY instead."
        )
    return text.rstrip("/")


def shown(url: str) -> str:
    """The URL without user name and password, for messages.

    >>> shown("http://me:secret@host:1/v1")
    'http://host:1/v1'
    """
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: what two URLs share that lead to the same server.

    >>> origin("https://API.openai.com/v1") == origin("https://api.openai.com:443")
    True
    """
    parts = urlsplit(url)
    return (
        parts.scheme.lower(),
        (parts.hostname or "").lower(),
        parts.port or _DEFAULT_PORTS.get(parts.scheme.lower(), 0),
    )


def is_loopback(url: str) -> bool:
    """Whether the URL leads to this machine and no other.

    >>> is_loopback("http://localhost:1"), is_loopback("http://127.0.0.2"), is_loopback("http://[::1]:1"), is_loopback("http://10.0.0.1")
    (True, True, True, False)
    """
    host = origin(url)[1]
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_allowed(url: str, *, offline: bool, provider: str, model: str) -> None:
    """Nothing, if the server may be contacted.

    Raises:
        ProviderError: offline, and the server is not on this machine.
    """
    if offline and not is_loopback(url):
        raise ProviderError(
            f"{provider}:{model} is at {shown(url)}, and LLMAPPS_OFFLINE forbids every host but this machine.",
            kind="unreachable",
            provider=provider,
            model=model,
            hint="Use a local model such as llamacpp:qwen2.5-coder-1.5b, or unset LLMAPPS_OFFLINE.",
        )


def _split(url: str, given: str) -> SplitResult:
    """The parts of a URL whose scheme is http or https and whose port is a port."""
    try:
        parts = urlsplit(url)
        bad = parts.scheme.lower() not in _DEFAULT_PORTS or parts.port == 0
    except ValueError:
        bad = True
    if bad:
        name = given.rpartition("@")[2]
        raise SettingsError(
            f'"{name}" is not the address of a server. Write it in full, such as "http://localhost:{OLLAMA_PORT}".'
        )
    return parts
