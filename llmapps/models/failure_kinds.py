"""Which kind of failure an exception of any provider's package is.

Nothing here imports a package: an exception is judged by its HTTP status, by the names of the classes among its
ancestors and causes, and by its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from llmapps.errors import FailureKind

# The kind by the name of a class among the exception's ancestors and causes; the first that fits.
_KINDS_BY_NAME: tuple[tuple[FailureKind, frozenset[str]], ...] = (
    ("context_overflow", frozenset({"ContextOverflowError"})),
    (
        "unreachable",
        frozenset(
            {"ConnectError", "ConnectTimeout", "ConnectionRefusedError", "ClientConnectorError", "gaierror", "SSLError"}
        ),
    ),
    ("timeout", frozenset({"TimeoutException", "TimeoutError", "APITimeoutError"})),
    ("auth", frozenset({"DefaultCredentialsError", "NoCredentialsError", "AuthenticationError"})),
    # A connection that was there and broke.
    (
        "truncated",
        frozenset(
            {"TransportError", "ConnectionError", "APIConnectionError", "IncompleteRead", "ClientConnectionError"}
        ),
    ),
    (
        "malformed",
        frozenset(
            {"JSONDecodeError", "UnicodeDecodeError", "ValidationError", "LookupError", "TypeError", "AttributeError"}
        ),
    ),
    # An error object in the middle of a stream.
    ("server", frozenset({"ResponseError", "APIError"})),
)

_KINDS_BY_STATUS: dict[int, FailureKind] = {
    401: "auth",
    402: "quota",
    403: "auth",
    407: "unreachable",
    408: "server",
    413: "context_overflow",
    429: "rate_limited",
    501: "bad_request",
}

_OVERFLOW = re.compile(
    r"context_length_exceeded|exceed_context_size|exceeds? the (available |model'?s )?(maximum )?(context|token limit)"
    r"|exceed the configured limit|maximum context length|context window|(prompt|input) is too long"
    r"|too many (input )?tokens",
    re.IGNORECASE,
)
_QUOTA = re.compile(r"insufficient_quota|billing|credit balance|payment required", re.IGNORECASE)
_MODEL = re.compile(r"\bmodel\b", re.IGNORECASE)
_EMPTY = re.compile(
    r"nothing was received|no data received|no generations? (chunks )?(found|were returned)", re.IGNORECASE
)


def kind_of(causes: list[BaseException], text: str) -> FailureKind:
    """The kind of the failure whose exceptions and text these are."""
    status = status_of(causes)
    if _OVERFLOW.search(text):
        return "context_overflow"
    if status:
        return _kind_of_status(status, text)
    names = {cls.__name__ for cause in causes for cls in type(cause).__mro__}
    named = next((kind for kind, known in _KINDS_BY_NAME if names & known), None)
    return named or ("empty" if _EMPTY.search(text) else "malformed")


def _kind_of_status(status: int, text: str) -> FailureKind:
    if status in {402, 429} and _QUOTA.search(text):
        return "quota"
    if status in _KINDS_BY_STATUS:
        return _KINDS_BY_STATUS[status]
    if status in {404, 405} or 300 <= status < 400:
        return "model_not_found" if _MODEL.search(text) and status == 404 else "unreachable"
    if status == 400 and re.search(r"api[ _-]?key (is )?(not valid|invalid)|invalid api[ _-]?key", text, re.IGNORECASE):
        return "auth"
    return "server" if status >= 500 else "bad_request"


def with_causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it was raised from, outermost first.

    What merely was being handled meanwhile is no cause, unless it was hidden (`from None`): then it is the real one.
    """
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (current.__context__ if current.__suppress_context__ else None)


def status_of(causes: list[BaseException]) -> int | None:
    """The HTTP status of a refusal, or None: the request got no answer, or one that began well."""
    for error in causes:
        for holder in (error, getattr(error, "response", None)):
            status = getattr(holder, "status_code", None)
            if isinstance(status, int) and status >= 300:
                return status
    return None
