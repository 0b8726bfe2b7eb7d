"""A model hub on loopback: the two endpoints that are used, with ranges, and the faults that hubs and networks have."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from standins.canned_server import LoopbackServer, PlayingHandler


@dataclass
class Behaviour:
    """How the hub behaves.

    Attributes:
        cut_after: how many bytes of each answer in turn are sent before the connection breaks; then all is well.
        ranges: whether it can begin in the middle.
        token: which one it asks for, if any.
        linked_etag: what it says the sha256 is, on the way to the file.
        hang: answer nothing at all.
    """

    cut_after: list[int] = field(default_factory=list)
    ranges: bool = True
    token: str = ""
    linked_etag: str = ""
    hang: bool = False


class HubServer(LoopbackServer):
    """Serves {repository: {file: bytes}}."""

    def __init__(self, repositories: dict[str, dict[str, bytes]], behaviour: Behaviour | None = None) -> None:
        super().__init__(_HubHandler)
        self.repositories = repositories
        self.behaviour = behaviour or Behaviour()
        self.sha256s: dict[str, str] = {}

    def ranges_asked(self) -> list[str]:
        """The Range header of each request for bytes, "" where there was none."""
        return [request.headers.get("range", "") for request in self.requests if request.path.startswith("/storage/")]


class _HubHandler(PlayingHandler):
    owner: Any

    def do_GET(self) -> None:
        self.owner.requests.append(self.received())
        behaviour: Behaviour = self.owner.behaviour
        if behaviour.hang:
            self.owner.stopping.wait(30)
            return
        if behaviour.token and self.headers.get("Authorization") != f"Bearer {behaviour.token}":
            self.send_whole(401, "application/json", json.dumps({"error": "Invalid username or password."}))
        elif listed := re.fullmatch(r"/api/models/([^/]+/[^/]+)\?blobs=true", self.path):
            self._send_listing(listed[1])
        elif resolved := re.fullmatch(r"/([^/]+/[^/]+)/resolve/main/(.+)", self.path):
            self._redirect(resolved[1], resolved[2])
        elif self.path.startswith("/storage/"):
            repository, _, file = self.path.removeprefix("/storage/").partition("//")
            self._send_bytes(self.owner.repositories[repository][file])

    def _send_listing(self, repository: str) -> None:
        files = self.owner.repositories.get(repository)
        if files is None:
            self.send_whole(404, "application/json", json.dumps({"error": "Repository not found"}))
            return
        siblings = [{"rfilename": name, "size": len(data)} | self._lfs(name, data) for name, data in files.items()]
        self.send_whole(200, "application/json", json.dumps({"id": repository, "siblings": siblings}))

    def _lfs(self, name: str, data: bytes) -> dict[str, Any]:
        sha256 = self.owner.sha256s.get(name)
        return {"lfs": {"sha256": sha256, "size": len(data), "pointerSize": 134}} if sha256 else {}

    def _redirect(self, repository: str, file: str) -> None:
        if file not in self.owner.repositories.get(repository, {}):
            self.send_whole(404, "text/plain", "Entry not found")
            return
        etag = {"X-Linked-Etag": f'"{self.owner.behaviour.linked_etag}"'} if self.owner.behaviour.linked_etag else {}
        location = f"{self.owner.url}/storage/{repository}//{file}"
        self.send_whole(302, "text/plain", "", {"Location": location, **etag})

    def _send_bytes(self, data: bytes) -> None:
        behaviour: Behaviour = self.owner.behaviour
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and behaviour.ranges else 0
        body = data[start:]
        head = {"Content-Type": "application/octet-stream", "Content-Length": str(len(body))}
        if start:
            head["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self.send_head(206 if start else 200, head)
        if behaviour.cut_after:
            self.wfile.write(body[: behaviour.cut_after.pop(0)])
            self.wfile.flush()
            self.break_connection(reset=False)
        else:
            self.wfile.write(body)
