"""How large a chunk is and may be, in the tokens of the embedding model, and the cutting of text that is larger."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from llmapps.rag.documents import SectionKind

CHARACTERS_PER_TOKEN = 4
"""Without a tokenizer; close to what MiniLM's tokenizer makes of English prose."""

_MOST_CHARACTERS_PER_TOKEN = 8
"""On average over a chunk: WordPiece makes a single "unknown" of whatever has no blank space in it, however long."""


class ChunkSize:
    """The size that chunks are made to.

    Attributes:
        most: tokens of a chunk.
        stretched: tokens of a chunk that keeps a whole section together, or takes in a short neighbour.
        short: a piece of a section below this joins its neighbour.
        tiny: a section below this is not understood alone.
        rows: how far rows of short values are put together; more would blur what each is about.
    """

    def __init__(self, max_tokens: int, tokenizer_file: str | None) -> None:
        if max_tokens < 1:
            raise ValueError(f"max_tokens is {max_tokens}: give 1 or more")
        self._tokenizer_file = tokenizer_file
        self.most = max_tokens
        self.stretched = max_tokens * 5 // 4
        self.short = max_tokens // 3
        self.tiny = max_tokens // 6
        self.rows = max_tokens // 2

    def count(self, texts: Sequence[str]) -> list[int]:
        """The tokens of each text, without the special ones that a model adds."""
        if self._tokenizer_file is None:
            return [math.ceil(len(text) / CHARACTERS_PER_TOKEN) for text in texts]
        encodings = _tokenizer(self._tokenizer_file).encode_batch_fast(list(texts), add_special_tokens=False)
        least = (len(text) // _MOST_CHARACTERS_PER_TOKEN for text in texts)
        return [max(len(encoding), floor) for encoding, floor in zip(encodings, least, strict=True)]

    def cut(self, text: str, kind: SectionKind) -> list[tuple[int, int]]:
        """Where text that is too large is best cut: the [start:end] of each piece, in order."""
        splitter = _splitter(self.most, self._tokenizer_file, is_markdown=kind == "markdown")
        spans: list[tuple[int, int]] = []
        for start, piece in splitter.chunk_indices(text):
            if len(piece) <= self.most * _MOST_CHARACTERS_PER_TOKEN:
                spans.append((start, start + len(piece)))
            else:
                parts = _splitter(self.most, None, is_markdown=False).chunk_indices(piece)
                spans += [(start + at, start + at + len(part)) for at, part in parts]
        return self._without_short_ones(text, spans)

    def _without_short_ones(self, text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Short pieces joined to a neighbour where both fit; what ends in a colon goes with what follows."""
        joined: list[tuple[int, int]] = []
        for number, (start, end) in enumerate(spans):
            leads_on = number + 1 < len(spans) and text[start:end].endswith(":")
            if joined and not leads_on:
                before, piece, both = self.count([text[slice(*joined[-1])], text[start:end], text[joined[-1][0] : end]])
                if min(before, piece) < self.short and both <= self.stretched:
                    joined[-1] = (joined[-1][0], end)
                    continue
            joined.append((start, end))
        return joined


@lru_cache(maxsize=4)
def _tokenizer(file: str) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(file)
    # Files often come with the model's limits, by which every long text would count as a short one.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@lru_cache(maxsize=8)
def _splitter(max_tokens: int, tokenizer_file: str | None, *, is_markdown: bool) -> Any:
    """A splitter of semantic-text-splitter; making one takes 30 ms, so it is kept."""
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

    make = MarkdownSplitter if is_markdown else TextSplitter
    if tokenizer_file is None:
        return make(max_tokens * CHARACTERS_PER_TOKEN)
    return make.from_huggingface_tokenizer(_tokenizer(tokenizer_file), max_tokens)
