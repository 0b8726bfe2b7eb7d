"""Citation marks that a model writes itself, such as [2] or [1, 3]: taken out of the text, and kept as claims.

The marks that a reader sees are computed from the evidence; a model's own are only compared with it. What only looks
like a mark stays: code, links such as [1](page.html), an index such as items[1], an interval or a vector such as
[0, 1] or [32, 10].
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_BRACKETS = r"\[[ \t]*\d{1,2}(?:[ \t]*[,;][ \t]*\d{1,2})*[ \t]*\]"
_MARKS = re.compile(rf"(?P<space>[ \t]*)(?P<marks>{_BRACKETS}(?:[ \t]*{_BRACKETS})*)(?![\w(])")
# At the end of a piece: what may become marks, or ends in blank space that would go with them.
_UNFINISHED = re.compile(r"[ \t]*(?:\[[\d \t,;]*\][ \t]*)*(?:\[[\d \t,;]*)?\Z")
_CLAUSE_ENDS = re.compile(r"[ \t]*(?:[.,;:!?)\n]|\Z)")
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)


@dataclass(slots=True)
class MarkFilter:
    """Collects an answer as it streams.

    Attributes:
        most: the highest number that a hit has.
        text: the answer so far, without marks.
        claims: (position in `text`, number of a hit) for each mark.
    """

    most: int = 99
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
        for match in _MARKS.finditer(raw):
            self.text += raw[end : match.start()]
            end = match.end()
            numbers = [int(number) for number in re.findall(r"\d+", match["marks"])]
            if self._is_citation(match, numbers):
                self.claims += [(len(self.text), number) for number in numbers]
            else:
                self.text += match.group()
        self.text += raw[end:]

    def _is_citation(self, match: re.Match[str], numbers: list[int]) -> bool:
        many = len(numbers) > match["marks"].count("[")
        if 0 in numbers or (many and min(numbers) > self.most) or _is_in_code(self.text):
            return False
        after_a_sentence = self.text.rstrip().endswith((".", "!", "?"))
        if after_a_sentence or _CLAUSE_ENDS.match(match.string, match.end()):
            return True
        is_attached = not match["space"] and self.text[-1:].isalnum()
        return not is_attached and not many


def _is_in_code(text: str) -> bool:
    """Whether a text ends inside a block of code or between backticks."""
    line = text[text.rfind("\n") + 1 :]
    return len(_FENCE.findall(text)) % 2 == 1 or line.count("`") % 2 == 1
