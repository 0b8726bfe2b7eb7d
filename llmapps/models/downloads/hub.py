"""The first source: files of the Hugging Face hub, over plain HTTP, so that a download can stop and go on.

`HF_ENDPOINT` names another hub or a mirror, `HF_HUB_OFFLINE` forbids it, `HF_TOKEN` opens private repositories. Where
the hub is blocked, this has to be known within seconds, as the next source may well work.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from llmapps.models.catalog import HubSource, WeightFile
from llmapps.models.downloads.failures import SourceFailed
from llmapps.models.downloads.partial import BLOCK_BYTES, PartialFile
from llmapps.models.downloads.progress import Meter

DEFAULT_ENDPOINT = "https://huggingface.co"
CONNECT_S, FIRST_ANSWER_S, READ_S = 4.0, 8.0, 30.0
ATTEMPTS_WITHOUT_PROGRESS = 3
CHECKPOINT_BYTES = 32 * BLOCK_BYTES
DENIED = (401, 403, 404)
"""The hub answers 401 for what does not exist, too."""


class Hub:
    """A connection to the hub. Every failure is a `SourceFailed`."""

    def __init__(self) -> None:
        if os.environ.get("HF_HUB_OFFLINE", "").strip().upper() in {"1", "ON", "YES", "TRUE"}:
            raise SourceFailed("the hub is forbidden by HF_HUB_OFFLINE")
        self.endpoint = (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")
        try:
            self._client = httpx.Client(
                follow_redirects=True,
                timeout=httpx.Timeout(READ_S, connect=CONNECT_S),
                # A compressed answer has no ranges of the file itself.
                headers={"Accept-Encoding": "identity"},
            )
        except (ImportError, ValueError) as error:
            raise SourceFailed(f"the hub cannot be asked through the proxy that is set: {error}") from error

    def __enter__(self) -> Hub:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def list_files(self, repository: str) -> list[dict[str, Any]]:
        """The files of a repository: each with rfilename, size and, for big ones, lfs {sha256, size}."""
        response = self.open(f"/api/models/{quote(repository)}?blobs=true")
        try:
            response.read()
            files = response.json()["siblings"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise SourceFailed(f"the hub's list of files cannot be read ({error!r})") from error
        finally:
            response.close()
        return [file for file in files if isinstance(file, dict) and "rfilename" in file]

    def open(self, path: str, start: int = 0) -> httpx.Response:
        """The answer to a GET, its body not yet read, from byte `start` on where the hub can. The caller closes it."""
        response = self._send(path, start, token=None)
        if response.status_code in DENIED and (token := _token()):
            # Asked without a token first: an expired one is refused even where none is needed.
            response.close()
            response = self._send(path, start, token)
        if not response.is_success:
            response.close()
            raise SourceFailed(f"the hub answered {response.status_code} for {path.partition('?')[0]}")
        return response

    def _send(self, path: str, start: int, token: str | None) -> httpx.Response:
        headers = {"Range": f"bytes={start}-"} if start else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        answers: queue.Queue[httpx.Response | Exception] = queue.Queue(maxsize=1)

        def send() -> None:
            try:
                answers.put(
                    self._client.send(
                        self._client.build_request("GET", self.endpoint + path, headers=headers), stream=True
                    )
                )
            except (httpx.HTTPError, httpx.InvalidURL, OSError, RuntimeError) as error:
                answers.put(error)

        # In a thread, as looking up a name knows no timeout and can hang for half a minute where names are blocked.
        threading.Thread(target=send, daemon=True, name="hub").start()
        try:
            answer = answers.get(timeout=FIRST_ANSWER_S)
        except queue.Empty:
            raise SourceFailed(f"the hub ({self.endpoint}) did not answer within {FIRST_ANSWER_S:.0f} s") from None
        if isinstance(answer, Exception):
            raise SourceFailed(f"the hub ({self.endpoint}) cannot be reached ({answer})") from answer
        return answer


def fetch_from_hub(source: HubSource, file: WeightFile, partial: PartialFile, meter: Meter) -> None:
    """Appends what is still missing of the file. What has arrived stays, also when this fails.

    Raises:
        SourceFailed: the hub cannot be reached, refuses, has another file, or breaks off again and again.
    """
    path = f"/{quote(source.repository)}/resolve/main/{quote(source.file)}"
    fruitless = 0
    with Hub() as hub:
        while partial.size < file.size:
            before = partial.size
            try:
                _stream(hub, path, file, partial, meter)
            except httpx.HTTPError as error:
                fruitless = 0 if partial.size > before else fruitless + 1
                if fruitless >= ATTEMPTS_WITHOUT_PROGRESS:
                    raise SourceFailed(f"the hub breaks off at byte {partial.size} of {file.size} ({error})") from error
                time.sleep(0.5 * fruitless)
            finally:
                partial.checkpoint()


def _stream(hub: Hub, path: str, file: WeightFile, partial: PartialFile, meter: Meter) -> None:
    response = hub.open(path, partial.size)
    try:
        if partial.size and response.status_code != httpx.codes.PARTIAL_CONTENT:
            partial.discard()  # this server cannot start in the middle
        _require_same_file(response, file, partial.size)
        since_checkpoint = 0
        # Without a chunk size: with one, what had arrived of a chunk would be lost when the connection breaks.
        for data in response.iter_bytes():
            if partial.size + len(data) > file.size:
                raise SourceFailed(f"the hub sends more than the {file.size} bytes of the file")
            partial.append(data)
            meter.at(partial.size)
            since_checkpoint += len(data)
            if since_checkpoint >= CHECKPOINT_BYTES:
                partial.checkpoint()
                since_checkpoint = 0
        if partial.size < file.size:
            raise httpx.RemoteProtocolError("the answer ended early")
    finally:
        response.close()


def _require_same_file(response: httpx.Response, file: WeightFile, start: int) -> None:
    """Notices another file before a gigabyte of it has been fetched."""
    linked = next(
        (answer.headers["x-linked-etag"] for answer in response.history if "x-linked-etag" in answer.headers), ""
    )
    sha256 = linked.strip('"')
    if len(sha256) == 64 and file.sha256 and sha256 != file.sha256:
        raise SourceFailed(f"the hub has another file of that name (sha256 {sha256})")
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        span, _, total = response.headers.get("content-range", "").removeprefix("bytes ").partition("/")
        if not span.startswith(f"{start}-"):
            raise SourceFailed(f"the hub sent bytes {span} when bytes from {start} were asked for")
    else:
        total = response.headers.get("content-length", "")
    if total.isdigit() and int(total) != file.size:
        raise SourceFailed(f"the hub has another file of that name ({total} bytes instead of {file.size})")


def _token() -> str | None:
    """The user's token for the hub, if there is one."""
    from huggingface_hub import get_token

    return get_token()
