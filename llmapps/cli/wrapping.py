"""Words kept whole at the edge of the terminal, while a text arrives piece by piece."""

from __future__ import annotations

import re

_PARTS = re.compile(r"\n|[^\S\n]+|\S+")


class WordWrap:
    """Breaks lines between words. A word is passed on when it is complete, so what is shown lags by a word at most.

    Args:
        columns: width of a line; 0 breaks nothing.
    """

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._column = 0
        self._space = ""
        self._word = ""

    def feed(self, text: str) -> str:
        r"""What can be shown after this piece.

        >>> wrap = WordWrap(12)
        >>> wrap.feed("one two three fo") + wrap.feed("ur") + wrap.flush()
        'one two\nthree four'
        """
        shown = ""
        for part in _PARTS.findall(text):
            if part.isspace():
                shown += self.flush()
                shown += self._take_space(part)
            else:
                self._word += part
        return shown

    def flush(self) -> str:
        """The word that was held back, as it is complete now."""
        word, self._word = self._word, ""
        if not word:
            return ""
        space, self._space = self._space, ""
        if self._columns and self._column and self._column + len(space) + len(word) > self._columns:
            self._column = len(word)
            return "\n" + word
        self._column += len(space) + len(word)
        return space + word

    def _take_space(self, space: str) -> str:
        if space == "\n":
            self._column, self._space = 0, ""
            return "\n"
        self._space += space
        return ""
