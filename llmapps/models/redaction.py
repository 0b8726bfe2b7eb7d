"""Keys and passwords taken out of texts before anybody sees them."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable
from urllib.parse import quote

REDACTED = "[redacted]"

_SECRET_VARIABLE = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)$", re.IGNORECASE)
_FILE_NAME = re.compile(r"[/~.\\]|[A-Za-z]:\\")  # such as SSL_KEY=/etc/..., which is no secret
_LEAST_LENGTH = 8
_TELLING_START = 12

# What keys look like at the providers that mark theirs, and the places in which any key travels.
_PATTERNS = re.compile(
    r"""\b(?:(?:sk|pk|rk|gsk|xai|hf|nvapi|pplx|tgp|fw)[-_]|AIza|eyJ)[A-Za-z0-9*][-A-Za-z0-9_.*]{6,}
      | (?<=Bearer\s)[^\s"'\\,}]+
      | (?<=Basic\s)[A-Za-z0-9+/=]{8,}
      | (?<=://)[^\s/@"']+(?=@)
      | (?<=[?&]key=)[^\s&"']+
    """,
    re.VERBOSE,
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text with every known or likely secret replaced.

    Known are the given ones and the values of all environment variables whose names end in KEY, TOKEN, SECRET or
    PASSWORD, also URL-encoded, in base64, or cut after their first 12 characters, as servers like to echo them.

    >>> redact("Incorrect API key provided: sk-abcdefghij.")
    'Incorrect API key provided: [redacted]'
    >>> redact("the token tulip-4711 is wrong", ["tulip-4711"])
    'the token [redacted] is wrong'
    """
    for spelling in sorted(_spellings([*secrets, *_from_environment()]), key=len, reverse=True):
        text = text.replace(spelling, REDACTED)
    return _PATTERNS.sub(REDACTED, text)


def _from_environment() -> list[str]:
    return [
        value for name, value in os.environ.items() if _SECRET_VARIABLE.search(name) and not _FILE_NAME.match(value)
    ]


def _spellings(secrets: Iterable[str]) -> set[str]:
    """Every form in which one of the secrets may stand in a text."""
    spellings: set[str] = set()
    for secret in secrets:
        if len(secret) < _LEAST_LENGTH:
            continue
        spellings |= {secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode()}
        if len(secret) > _TELLING_START:
            spellings.add(secret[:_TELLING_START])
    return spellings
