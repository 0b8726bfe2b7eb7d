"""How large a chunk is and may be, in the tokens of the embedding model, and the cutting of text that is larger."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from llmapps.rag.documents import SectionKind
from llmapps.rag.text_blocks import find_blocks, unwrapped

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
        """Where text that is too large is best cut: the [start:end] of each piece, in order.

        Between blocks first; a block that is itself too large at its blank lines, then its lines, then its sentences.
        """
        blocks = find_blocks(text, kind)
        tokens = self.count([text[block.start : block.end] for block in blocks])
        spans: list[Span] = []
        for block, count in zip(blocks, tokens, strict=True):
            if count <= self.stretched:
                spans.append((block.start, block.end))
            else:
                inner = text[block.start : block.end]
                spans += self._cut(inner if block.is_code else unwrapped(inner, kind), block.start)
        return self._packed(text, spans)

    def _packed(self, text: str, spans: list[Span]) -> list[Span]:
        """Neighbouring spans put together as long as they fit; one that ends in a colon goes with what follows."""
        tokens = self.count([text[start:end] for start, end in spans])
        packs: list[tuple[Span, int]] = []
        leading: tuple[Span, int] | None = None  # the last span of the last pack, if it ends in a colon
        for (start, end), count in zip(spans, tokens, strict=True):
            (pack_start, _), size = packs[-1] if packs else ((start, start), self.stretched)
            limit = self.stretched if min(size, count) < self.short else self.most
            if packs and size + count <= limit:
                packs[-1] = ((pack_start, end), size + count)
            elif leading and leading[0][0] > pack_start and leading[1] + count <= self.stretched:
                packs[-1] = ((pack_start, leading[0][0]), size - leading[1])
                packs.append(((leading[0][0], end), leading[1] + count))
            else:
                packs.append(((start, end), count))
            leading = ((start, end), count) if text[start:end].endswith(":") else None
        return [span for span, _ in packs]

    def _cut(self, text: str, at: int) -> Iterator[Span]:
        """The spans of the pieces of a text that begins at `at`; pieces that are still too large are cut again."""
        from semantic_text_splitter import TextSplitter

        for slab_start, slab in _slabs(text):
            tokens = self.count([slab])[0]
            if tokens <= self.most:
                yield at + slab_start, at + slab_start + len(slab)
                continue
            # Cut by characters, as many as make `most` tokens in this slab: ten times as fast as by counting tokens.
            pieces = TextSplitter(max(1, len(slab) * self.most // tokens)).chunk_indices(slab)
            for (start, piece), count in zip(pieces, self.count([piece for _, piece in pieces]), strict=True):
                piece_at = at + slab_start + start
                if count <= self.stretched or len(piece) == 1:
                    yield piece_at, piece_at + len(piece)
                else:
                    yield from self._cut(piece, piece_at)


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


@lru_cache(maxsize=4)
def _tokenizer(file: str) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(file)
    # Files often come with the model's limits, by which every long text would count as a short one.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
