"""A real HTTP server on loopback that plays prepared answers, also broken ones that no sound server would send."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self

JSON = "application/json; charset=utf-8"
NDJSON = "application/x-ndjson"
EVENTS = "text/event-stream"
TEXT = "text/plain"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Request:
    """What a client sent; `body` is parsed JSON, or None."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Canned:
    """One answer.

    Attributes:
        pieces: the body; more than one piece is sent chunked, as streams are.
        then: "end" the body as it should; "reset" the connection; "close" it before the body is complete; "hang".
    """

    status: int = 200
    content_type: str = JSON
    pieces: tuple[str, ...] = ("{}",)
    then: Literal["end", "reset", "close", "hang"] = "end"
    headers: dict[str, str] = field(default_factory=dict)
    chunked: bool | None = None


def as_json(value: Any, status: int = 200, **headers: str) -> Canned:
    return Canned(status, JSON, (json.dumps(value),), headers=headers)


def as_lines(*values: Any, then: Literal["end", "reset", "close", "hang"] = "end") -> Canned:
    """A 200 stream of JSON lines, as Ollama's."""
    return Canned(200, NDJSON, tuple(json.dumps(value) + "\n" for value in values), then, chunked=True)


def as_events(*values: Any, then: Literal["end", "reset", "close", "hang"] = "end") -> Canned:
    """A 200 stream of server-sent events, as OpenAI's; a text is sent as it is, such as "[DONE]"."""
    texts = (value if isinstance(value, str) else json.dumps(value) for value in values)
    return Canned(200, EVENTS, tuple(f"data: {text}\n\n" for text in texts), then, chunked=True)


class LoopbackServer:
    """An HTTP server on a free port of this machine, as a context manager; `requests` holds what was asked."""

    def __init__(self, handler: type[PlayingHandler]) -> None:
        self.requests: list[Request] = []
        self.stopping = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (handler,), {"owner": self}))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """The bodies of the requests to a path, in order."""
        return [request.body for request in self.requests if request.path == path]

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class CannedServer(LoopbackServer):
    """Plays the answers in turn, and the last one for ever."""

    def __init__(self, *answers: Canned) -> None:
        super().__init__(_CannedHandler)
        self.answers = list(answers)

    def next_answer(self) -> Canned:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class PlayingHandler(BaseHTTPRequestHandler):
    """An HTTP/1.1 handler that logs nothing, sends bodies whole or in chunks, and plays prepared answers."""

    protocol_version = "HTTP/1.1"
    owner: Any

    def log_message(self, *_: Any) -> None: ...

    def handle(self) -> None:
        """One connection; that the client left it, or we broke it ourselves, is no error of the server."""
        with contextlib.suppress(ConnectionError, ValueError):
            super().handle()

    def received(self) -> Request:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length).decode()
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = raw
        return Request(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)

    def send_whole(self, status: int, content_type: str, text: str, headers: dict[str, str] | None = None) -> None:
        raw = text.encode()
        self.send_head(status, {"Content-Type": content_type, "Content-Length": str(len(raw)), **(headers or {})})
        self.wfile.write(raw)

    def send_chunks(
        self, status: int, content_type: str, pieces: Iterable[str], headers: dict[str, str] | None = None
    ) -> None:
        """Chunk after chunk as they come; the end mark is `end_chunks`."""
        self.send_head(status, {"Content-Type": content_type, "Transfer-Encoding": "chunked", **(headers or {})})
        for piece in pieces:
            raw = piece.encode()
            self.wfile.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")
            self.wfile.flush()

    def end_chunks(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def send_head(self, status: int, headers: dict[str, str]) -> None:
        """Status and headers; one request a connection, so that no client keeps an idle one when its test ends."""
        self.send_response(status)
        for name, value in {**headers, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()

    def break_connection(self, *, reset: bool) -> None:
        if reset:  # linger for no time: the peer gets RST in place of FIN
            self.connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("HH" if _WINDOWS else "ii", 1, 0)
            )
        self.close_connection = True
        self.rfile.close()
        self.wfile.close()
        self.connection.close()

    def play(self, canned: Canned) -> None:
        in_chunks = len(canned.pieces) > 1 if canned.chunked is None else canned.chunked
        if in_chunks:
            self.send_chunks(canned.status, canned.content_type, canned.pieces, canned.headers)
        elif canned.then == "end":
            self.send_whole(canned.status, canned.content_type, "".join(canned.pieces), canned.headers)
        else:  # promise more than is sent
            raw = "".join(canned.pieces).encode()
            head = {"Content-Type": canned.content_type, "Content-Length": str(len(raw) + 100), **canned.headers}
            self.send_head(canned.status, head)
            self.wfile.write(raw)
        if canned.then == "hang":
            self.owner.stopping.wait(30)
        if canned.then != "end":
            time.sleep(0.05)  # let the client read what was sent before the connection goes
            self.break_connection(reset=canned.then == "reset")
        elif in_chunks:
            self.end_chunks()


_WINDOWS = sys.platform == "win32"


class _CannedHandler(PlayingHandler):
    def _answer(self) -> None:
        self.owner.requests.append(self.received())
        self.play(self.owner.next_answer())

    do_GET = do_POST = do_DELETE = do_HEAD = _answer


@contextlib.contextmanager
def closed_port() -> Iterator[str]:
    """The URL of a port of this machine on which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else gets it
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
