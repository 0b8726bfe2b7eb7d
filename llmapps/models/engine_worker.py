"""The program that the engine's child process runs: load a GGUF file, serve it on loopback, end when the parent does.

It is started as a file, not as a module of the package: it needs nothing but xllamacpp, and so starts quicker.

    in:   one line of JSON on stdin: path, key, context_tokens, threads (0: all), gpu_layers; later the end of stdin
    out:  one line of JSON on stdout: {"url": ...}, or {"error": ...}; the engine's own log goes to stderr

The end of stdin comes when the parent closes it and also when the parent dies in any way: the child then ends at once.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
from typing import Any

QUIET = 1
"""Of the engine's log: errors only. Prompts never appear in it."""

PROMPT_CACHE_MIB = 256
"""Memory for prompts that were left for another and may come back (choice; the engine's own default is 8 GiB)."""

PING_S = 1
"""A sign of life while a prompt is read, so that the client can look at its clock."""


def main() -> None:
    """Load, say where, wait for the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # native code that prints must not get between the lines of the protocol
    job = json.loads(sys.stdin.readline())
    try:
        server = _serve(job)
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent tells the user
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), file=answer, flush=True)
        sys.exit(1)
    try:
        print(json.dumps({"url": server.listening_address}), file=answer, flush=True)
        sys.stdin.read()
    finally:
        os._exit(0)  # the server's threads would go on


def _serve(job: dict[str, Any]) -> Any:
    """The running server. Loading holds the GIL: 0.5 s for 1.1 GB that the system has in memory.

    What is set here was measured in November 2026 on two x86-64 cores with Qwen2.5-Coder-1.5B Q4_K_M: without warm-up
    the engine is ready in 1.0 s instead of 2.2 s and its first answer is no later. Without the "extra buffers" (weights
    repacked at load) it is ready in 0.55 s instead of 0.9 s and reads 120 instead of 98 prompt tokens a second, but
    writes 18 instead of 23: prompts are long and answers short, so the first word comes sooner and the last one no
    later. On ARM, repacked weights have matrix instructions of their own and stay. Batch sizes, flash attention and
    cache types are best as they are.
    """
    import xllamacpp  # noqa: PLC0415 - an import that fails is reported like any other failure

    params = xllamacpp.CommonParams()
    params.model.path = job["path"]
    params.api_keys = [job["key"]]
    params.n_ctx = job["context_tokens"]
    params.n_parallel = 1
    params.n_gpu_layers = job["gpu_layers"]
    params.cpuparams.n_threads = job["threads"] or _threads_allowed()
    params.fit_params = job["gpu_layers"] != 0  # asks GPUs for their free memory: 0.1 s for nothing without one
    params.warmup = False
    params.no_extra_bufts = platform.machine().lower() in ("x86_64", "amd64")
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.sse_ping_interval = PING_S
    params.verbosity = QUIET
    params.ui = params.endpoint_slots = False
    return xllamacpp.Server(params)


def _threads_allowed() -> int:
    """-1 for the engine's own count of cores, or what this process may use if that is less than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
        if allowed < (os.cpu_count() or 1):
            return allowed
    return -1


if __name__ == "__main__":
    main()
