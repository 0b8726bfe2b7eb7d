"""The vocabulary's marks in a GGUF file: which of its tokens are control tokens.

GGUF (llama.cpp's format, github.com/ggml-org/ggml/blob/master/docs/gguf.md): magic, version, counts, then key-value
pairs, then tensors. Everything is little-endian; a string is its length in bytes (u64) and UTF-8.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Collection
from pathlib import Path
from typing import Any

CONTROL, USER_DEFINED = 3, 4
"""Values of `tokenizer.ggml.token_type`."""

_TOKENS, _MARKS = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"
_STRING, _ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


def read_marked_tokens(path: Path, marks: Collection[int]) -> list[tuple[str, int]]:
    """The tokens that bear one of the marks, with their mark, in the vocabulary's order; [] if there is no vocabulary.

    Raises:
        ValueError: not a GGUF file, or a damaged one.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ValueError(f"{path} is not a GGUF file.")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _marked(data, marks)
            except (struct.error, KeyError, UnicodeDecodeError, MemoryError) as error:
                raise ValueError(f"{path} is a damaged GGUF file.") from error


def _marked(data: mmap.mmap, marks: Collection[int]) -> list[tuple[str, int]]:
    _version, _tensors, pairs = struct.unpack_from("<IQQ", data, 4)
    at, found = 24, dict[str, Any]()
    for _ in range(pairs):
        key, at = _string(data, at)
        (kind,) = struct.unpack_from("<I", data, at)
        wanted = key.decode() in (_TOKENS, _MARKS)
        value, at = _value(data, at + 4, kind)
        if wanted:
            found[key.decode()] = value
        if len(found) == 2:  # merges and the rest need not be read
            return [
                (word.decode(), mark)
                for word, mark in zip(found[_TOKENS], found[_MARKS], strict=False)
                if mark in marks
            ]
    return []


def _value(data: mmap.mmap, at: int, kind: int) -> tuple[Any, int]:
    """The value at an offset, and the offset behind it."""
    if kind == _STRING:
        return _string(data, at)
    if kind == _ARRAY:
        return _array(data, at)
    code = f"<{_SCALARS[kind]}"
    return struct.unpack_from(code, data, at)[0], at + struct.calcsize(code)


def _array(data: mmap.mmap, at: int) -> tuple[Any, int]:
    kind, count = struct.unpack_from("<IQ", data, at)
    at += 12
    if count > len(data):
        raise struct.error("more elements than bytes")
    if kind in _SCALARS:
        code = f"<{count}{_SCALARS[kind]}"
        return struct.unpack_from(code, data, at), at + struct.calcsize(code)
    values = []
    for _ in range(count):
        value, at = _value(data, at, kind)
        values.append(value)
    return values, at


def _string(data: mmap.mmap, at: int) -> tuple[bytes, int]:
    (length,) = struct.unpack_from("<Q", data, at)
    if at + 8 + length > len(data):
        raise struct.error("a string longer than the file")
    return data[at + 8 : at + 8 + length], at + 8 + length
