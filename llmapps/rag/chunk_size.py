"""How large a chunk is and may be, in the tokens of the embedding model, and the cutting of text that is larger."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from llmapps.rag.documents import SectionKind

CHARACTERS_PER_TOKEN = 4
"""Without a tokenizer; close to what MiniLM's tokenizer makes of English prose."""

_MOST_CHARACTERS_PER_TOKEN = 8
"""On average over a text: WordPiece makes a single "unknown" of whatever has no blank space in it, however long."""

_SLAB_CHARACTERS = 20_000
"""Text is cut in slabs of this length: the splitter's time grows with the square of a line's length (choice, measured:
5 million characters without a blank took 164 s at once, 3 s in slabs)."""

Span = tuple[int, int]


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
        """The tokens of each text, without the special ones that a model adds; of very long texts an estimate."""
        if self._tokenizer_file is None:
            return [math.ceil(len(text) / CHARACTERS_PER_TOKEN) for text in texts]
        encodings = _tokenizer(self._tokenizer_file).encode_batch_fast(
            [text if len(text) <= _SLAB_CHARACTERS else "" for text in texts], add_special_tokens=False
        )
        least = (len(text) // _MOST_CHARACTERS_PER_TOKEN for text in texts)
        return [max(len(encoding), floor) for encoding, floor in zip(encodings, least, strict=True)]

    def cut(self, text: str, kind: SectionKind) -> list[Span]:
        """Where text that is too large is best cut: the [start:end] of each piece, in order."""
        spans = list(self._cut(text, 0, kind))
        tokens = self.count([text[start:end] for start, end in spans])
        joined: list[tuple[Span, int]] = []
        for number, ((start, end), count) in enumerate(zip(spans, tokens, strict=True)):
            # What ends in a colon belongs to what follows.
            leads_on = number + 1 < len(spans) and text[start:end].endswith(":")
            if joined and not leads_on:
                (start_before, _), before = joined[-1]
                if min(before, count) < self.short and before + count <= self.stretched:
                    joined[-1] = ((start_before, end), before + count)
                    continue
            joined.append(((start, end), count))
        return [span for span, _ in joined]

    def _cut(self, text: str, at: int, kind: SectionKind) -> Iterator[Span]:
        """The spans of the pieces of a text that begins at `at`; pieces that are still too large are cut again."""
        for slab_start, slab in _slabs(text):
            tokens = self.count([slab])[0]
            if tokens <= self.most:
                yield at + slab_start, at + slab_start + len(slab)
                continue
            # Cut by characters, as many as make `most` tokens in this slab: ten times as fast as by counting tokens.
            characters = max(1, len(slab) * self.most // tokens)
            pieces = _splitter(characters, is_markdown=kind == "markdown").chunk_indices(slab)
            for (start, piece), count in zip(pieces, self.count([piece for _, piece in pieces]), strict=True):
                piece_at = at + slab_start + start
                if count <= self.stretched or len(piece) == 1:
                    yield piece_at, piece_at + len(piece)
                else:
                    yield from self._cut(piece, piece_at, kind)


def _slabs(text: str) -> Iterator[tuple[int, str]]:
    """The text in slabs, each with its offset; parted at a blank line if there is one near the end, or a line, or a word."""
    start = 0
    while len(text) - start > _SLAB_CHARACTERS:
        least, most = start + _SLAB_CHARACTERS // 2, start + _SLAB_CHARACTERS
        found = (text.rfind(parting, least, most) + len(parting) for parting in ("\n\n", "\n", " "))
        end = next((end for end in found if end > least), most)
        yield start, text[start:end]
        start = end
    yield start, text[start:]


def _splitter(characters: int, *, is_markdown: bool) -> Any:
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

    return MarkdownSplitter(characters) if is_markdown else TextSplitter(characters)


@lru_cache(maxsize=4)
def _tokenizer(file: str) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(file)
    # Files often come with the model's limits, by which every long text would count as a short one.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
