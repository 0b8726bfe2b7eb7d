"""A stand-in for an Ollama server: the same paths, statuses, bodies and streams, with any LangChain model behind it.

What it says was written down from a real server (0.32): error texts, content types, the lines of a stream. `requests`
holds what clients sent; `play_next` makes the next answer a prepared one, for faults that a server meets in life (a
runner that dies, a stream that just ends).

    with OllamaServer(chat={"smollm2:135m": model}, embeddings={"all-minilm": vectors}) as server:
        ChatOllama(model="smollm2:135m", base_url=server.url)
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from standins.canned_server import JSON, NDJSON, TEXT, Canned, LoopbackServer, PlayingHandler, Request

VERSION = "0.32.15"
WHEN = "2026-11-20T06:15:43.802650753Z"
DIGEST = "d482032c36cb59d8ee9f24c6f739315169f17171190fb9cde2b67ab67e2535bf"


class OllamaServer(LoopbackServer):
    """The stand-in.

    Args:
        chat: chat models by name; a name without a tag means ":latest", as with Ollama.
        embeddings: embedding models by name.
        tools: names of the chat models that can call tools; all others answer 400, as with Ollama.
    """

    def __init__(
        self,
        chat: Mapping[str, BaseChatModel] | None = None,
        embeddings: Mapping[str, Embeddings] | None = None,
        tools: tuple[str, ...] = (),
    ) -> None:
        super().__init__(OllamaHandler)
        self.chat = {tagged(name): model for name, model in (chat or {}).items()}
        self.embeddings = {tagged(name): model for name, model in (embeddings or {}).items()}
        self.tools = {tagged(name) for name in tools}
        self.prepared: deque[Canned] = deque()

    def play_next(self, *answers: Canned) -> None:
        """The next requests get these answers."""
        self.prepared.extend(answers)

    @property
    def names(self) -> list[str]:
        return [*self.chat, *self.embeddings]


def tagged(name: str) -> str:
    return name if ":" in name else f"{name}:latest"


class OllamaHandler(PlayingHandler):
    owner: OllamaServer

    def do_GET(self) -> None:
        self._route(
            {"/": self._root, "/api/version": self._version, "/api/tags": self._tags, "/v1/models": self._v1_models}
        )

    def do_POST(self) -> None:
        self._route(
            {
                "/api/chat": self._chat,
                "/api/generate": self._generate,
                "/api/embed": self._embed,
                "/api/show": self._show,
                "/api/pull": self._pull,
            }
        )

    def _route(self, routes: dict[str, Any]) -> None:
        request = self.received()
        self.owner.requests.append(request)
        if self.owner.prepared:
            self.play(self.owner.prepared.popleft())
        elif request.path in routes:
            routes[request.path](request)
        elif request.path in {"/api/chat", "/api/generate", "/api/embed", "/api/show", "/api/pull", "/api/tags"}:
            self.send_whole(405, TEXT, "405 method not allowed")
        else:
            self.send_whole(404, TEXT, "404 page not found")

    def _json(self, value: Any, status: int = 200) -> None:
        self.send_whole(status, JSON, json.dumps(value, ensure_ascii=False, separators=(",", ":")))

    def _error(self, status: int, text: str) -> None:
        self._json({"error": text}, status)

    def _lines(self, values: Iterator[dict[str, Any]]) -> None:
        texts = (json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n" for value in values)
        self.send_chunks(200, NDJSON, texts)
        self.end_chunks()

    # --- what the server is and has

    def _root(self, _: Request) -> None:
        self.send_whole(200, "text/plain; charset=utf-8", "Ollama is running")

    def _version(self, _: Request) -> None:
        self._json({"version": VERSION})

    def _tags(self, _: Request) -> None:
        self._json({"models": [self._entry(name) for name in self.owner.names]})

    def _entry(self, name: str) -> dict[str, Any]:
        details = {
            "parent_model": "",
            "format": "gguf",
            "family": "llama",
            "parameter_size": "134.52M",
            "quantization_level": "Q4_1",
        }
        return {
            "name": name,
            "model": name,
            "modified_at": WHEN,
            "size": 98363205,
            "digest": DIGEST,
            "details": details,
        }

    def _v1_models(self, _: Request) -> None:
        entries = [
            {"id": name, "object": "model", "created": 1795155335, "owned_by": "library"} for name in self.owner.names
        ]
        self.send_whole(200, "application/json", json.dumps({"object": "list", "data": entries}))

    def _show(self, request: Request) -> None:
        name = (request.body or {}).get("model", "")
        if tagged(name) not in self.owner.names:
            self._error(404, f"model '{name}' not found")
            return
        capabilities = ["completion", *(["tools"] if tagged(name) in self.owner.tools else [])]
        self._json({"modelfile": f"FROM {name}", "details": self._entry(name)["details"], "capabilities": capabilities})

    def _pull(self, request: Request) -> None:
        """Without a network, as in a classroom: the failure comes inside a stream that began with 200."""
        name, _, tag = tagged(request.body["model"]).partition(":")
        where = f"https://registry.ollama.ai/v2/library/{name}/manifests/{tag}"
        failure = {"error": f'pull model manifest: Get "{where}": dial tcp: lookup registry.ollama.ai: no such host'}
        if request.body.get("stream", True):
            self._lines(iter([{"status": "pulling manifest"}, failure]))
        else:
            self._error(500, failure["error"])

    # --- answers

    def _chat(self, request: Request) -> None:
        body = request.body
        if refusal := self._refusal(body, needs_chat=True):
            self._error(*refusal)
            return
        parts = _until_it_fails(self._chat_parts(body, [_as_message(message) for message in body["messages"]]))
        if body.get("stream", True):
            self._lines(parts)
            return
        *said, last = parts
        if "error" in last:
            self._error(500, last["error"])
            return
        calls = [call for part in said for call in part["message"].get("tool_calls", [])]
        last["message"]["content"] = "".join(part["message"]["content"] for part in said)
        self._json(last | {"message": last["message"] | ({"tool_calls": calls} if calls else {})})

    def _refusal(self, body: Any, *, needs_chat: bool) -> tuple[int, str] | None:
        """Status and text where Ollama refuses the request, else None."""
        if not isinstance(body, dict):
            return (400, "missing request body") if body is None else (400, "unexpected EOF")
        name = body.get("model", "")
        if not name:
            return 400, "model is required"
        if tagged(name) not in self.owner.names:
            return 404, f"model '{name}' not found"
        if needs_chat and tagged(name) not in self.owner.chat:
            return 400, f'"{name}" does not support chat'
        if needs_chat and not isinstance(body.get("messages"), list):
            return 400, "json: cannot unmarshal string into Go struct field ChatRequest.messages of type []api.Message"
        if body.get("tools") and tagged(name) not in self.owner.tools:
            return 400, f"registry.ollama.ai/library/{name} does not support tools"
        for option in ("num_predict", "num_ctx"):
            if not isinstance(body.get("options", {}).get(option) or 0, int):
                return 500, f'option "{option}" must be of type integer'
        if isinstance(body.get("format"), str) and body["format"] not in {"", "json"}:
            return (
                500,
                f"invalid format: {json.dumps(json.dumps(body['format']))};"
                ' expected "json" or a valid JSON Schema object',
            )
        return None

    def _chat_parts(self, body: dict[str, Any], messages: list[BaseMessage]) -> Iterator[dict[str, Any]]:
        """The lines of a stream: what the model behind says, then the line that ends it."""
        base = {"model": body["model"], "created_at": WHEN}
        if not messages:
            yield {**base, "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "load"}
            return
        whole = None
        for chunk in self._said(body, messages):
            whole = chunk if whole is None else whole + chunk
            if chunk.text:
                yield {**base, "message": {"role": "assistant", "content": chunk.text}, "done": False}
        assert isinstance(whole, AIMessage)
        if whole.tool_calls:
            calls = [
                {"id": f"call_{n}", "function": {"index": n, "name": call["name"], "arguments": call["args"]}}
                for n, call in enumerate(whole.tool_calls)
            ]
            yield {**base, "message": {"role": "assistant", "content": "", "tool_calls": calls}, "done": False}
        yield {**base, "message": {"role": "assistant", "content": ""}, "done": True, **_counts(whole)}

    def _said(self, body: dict[str, Any], messages: list[BaseMessage]) -> Iterator[AIMessage]:
        """What the model behind answers, piece by piece; in one piece where it may call tools."""
        model, given = self.owner.chat[tagged(body["model"])], body.get("options", {})
        names = {"num_predict": "max_tokens", "temperature": "temperature", "stop": "stop"}
        options = {ours: given[theirs] for theirs, ours in names.items() if given.get(theirs) is not None}
        if isinstance(body.get("format"), dict):
            options["response_format"] = {"type": "json_schema", "json_schema": {"name": "a", "schema": body["format"]}}
        if body.get("tools"):
            yield model.invoke(messages, tools=body["tools"], **options)
        else:
            yield from model.stream(messages, **options)

    def _generate(self, request: Request) -> None:
        body = request.body
        if refusal := self._refusal(body, needs_chat=False):
            self._error(*refusal)
            return
        base = {"model": body["model"], "created_at": WHEN}
        if not body.get("prompt"):
            self._json(
                {
                    **base,
                    "response": "",
                    "done": True,
                    "done_reason": "unload" if body.get("keep_alive") == 0 else "load",
                }
            )
            return
        parts = (
            {**part, "response": part.pop("message")["content"]}
            for part in self._chat_parts(body, [HumanMessage(body["prompt"])])
        )
        if body.get("stream", True):
            self._lines(parts)
        else:
            *said, last = parts
            self._json(last | {"response": "".join(part["response"] for part in said)})

    def _embed(self, request: Request) -> None:
        name = request.body.get("model", "")
        if tagged(name) not in self.owner.names:
            self._error(404, f'model "{name}" not found, try pulling it first')
            return
        if tagged(name) not in self.owner.embeddings:
            self._error(501, "This server does not support embeddings. Start it with `--embeddings`")
            return
        texts = request.body["input"]
        vectors = self.owner.embeddings[tagged(name)].embed_documents([texts] if isinstance(texts, str) else texts)
        count = sum(len(text.split()) for text in texts)
        self._json(
            {
                "model": name,
                "embeddings": vectors,
                "total_duration": 283245722,
                "load_duration": 0,
                "prompt_eval_count": count,
            }
        )


def _until_it_fails(parts: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The parts; where the model behind fails the last one is the error, as when a runner of Ollama's dies."""
    try:
        yield from parts
    except Exception as error:
        yield {"error": f"an error was encountered while running the model: {error}"}


def _as_message(message: dict[str, Any]) -> BaseMessage:
    content = message.get("content", "")
    match message["role"]:
        case "system":
            return SystemMessage(content)
        case "assistant":
            calls = [
                {
                    "name": call["function"]["name"],
                    "args": call["function"]["arguments"],
                    "id": call.get("id", "call_0"),
                }
                for call in message.get("tool_calls") or []
            ]
            return AIMessage(content, tool_calls=calls)
        case "tool":
            return ToolMessage(content, tool_call_id=message.get("tool_call_id", "call_0"))
        case _:
            return HumanMessage(content)


def _counts(message: AIMessage) -> dict[str, Any]:
    usage = message.usage_metadata or {"input_tokens": 0, "output_tokens": 0}
    reason = message.response_metadata.get("finish_reason") or message.response_metadata.get("done_reason") or "stop"
    return {
        "done_reason": "length" if reason == "length" else "stop",
        "total_duration": 100354139,
        "load_duration": 4974516,
        "prompt_eval_count": usage["input_tokens"],
        "prompt_eval_duration": 8333000,
        "eval_count": usage["output_tokens"],
        "eval_duration": 84297000,
    }
