"""Citation marks that a model writes itself, such as [2] or [1, 3]: taken out of the text, and kept as claims.

The marks that a reader sees are computed from the evidence; a model's own are only compared with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_MARK = re.compile(r"([ \t]*)\[\s*(\d{1,2}(?:\s*[,;]\s*\d{1,2})*)\s*\](?![\w(])")
_UNFINISHED = re.compile(r"[ \t]*\[[\d\s,;]*\]?$|[ \t]+$")


@dataclass(slots=True)
class MarkFilter:
    """Collects an answer as it streams.

    Attributes:
        text: the answer so far, without marks.
        claims: (position in `text`, number of a hit) for each mark.
    """

    text: str = ""
    claims: list[tuple[int, int]] = field(default_factory=list)
    _held: str = ""

    def feed(self, piece: str) -> None:
        """Add a piece; what may be the beginning of a mark is held back until it is known."""
        raw = self._held + piece
        unfinished = _UNFINISHED.search(raw)
        cut = unfinished.start() if unfinished else len(raw)
        self._take(raw[:cut])
        self._held = raw[cut:]

    def finish(self) -> None:
        """There are no more pieces."""
        self._take(self._held)
        self._held = ""

    def claimed_in(self, start: int, next_start: int | None) -> tuple[int, ...]:
        """The numbers cited for the sentence at `start`: those of marks after it and before the next sentence."""
        return tuple(
            n for position, n in self.claims if start < position and (next_start is None or position <= next_start)
        )

    def _take(self, raw: str) -> None:
        end = 0
        for match in _MARK.finditer(raw):
            self.text += raw[end : match.start()]
            end = match.end()
            # Only after white space or punctuation: `items[1]` in code is not a citation.
            if match.group(1) or not self.text or not (self.text[-1].isalnum() or self.text[-1] in "_]"):
                self.claims += [(len(self.text), int(n)) for n in re.findall(r"\d+", match.group(2))]
            else:
                self.text += match.group()
        self.text += raw[end:]
