"""Headings found in a text, and the sections between them with their heading paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from llmapps.rag.documents import Section, SectionKind
from llmapps.types import Place

MAX_HEADING_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading that stands at [start:end] of the loaded text; level 1 is the outermost."""

    start: int
    end: int
    level: int
    text: str


@dataclass(slots=True)
class HeadingPath:
    """The headings above the present point of a document, outermost first; headings are entered in order."""

    _open: list[tuple[int, str]] = field(default_factory=list)

    def enter(self, level: int, text: str) -> None:
        """Close every heading of this level or deeper, and open this one."""
        while self._open and self._open[-1][0] >= level:
            self._open.pop()
        self._open.append((level, text[:MAX_HEADING_CHARACTERS]))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the open headings, outermost first."""
        return tuple(text for _, text in self._open)


@dataclass(slots=True)
class SectionBuilder:
    """Collects the sections of a document part by part (a page, a cell, or all of it); the heading path runs on."""

    sections: list[Section] = field(default_factory=list)
    path: HeadingPath = field(default_factory=HeadingPath)

    def add(
        self, text: str, headings: Sequence[Heading], span: tuple[int, int], place: Place, kind: SectionKind
    ) -> None:
        """Add the sections of text[span[0]:span[1]]; `headings` are those in it, in order."""
        start, end = span
        self._add_one(text, (start, start, headings[0].start if headings else end), place, kind)
        ends = [following.start for following in headings[1:]] + [end]
        for heading, section_end in zip(headings, ends, strict=False):
            self.path.enter(heading.level, heading.text)
            self._add_one(text, (heading.start, heading.end, section_end), place, kind)

    def _add_one(self, text: str, bounds: tuple[int, int, int], place: Place, kind: SectionKind) -> None:
        start, body, end = bounds
        start, end = trimmed(text, start, end)
        if start == end:
            return
        below, _ = trimmed(text, min(max(start, body), end), end)
        self.sections.append(Section(start, end, replace(place, heading=self.path.names), kind, below))


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """[start:end] without blank space at its ends; (end, end) when all of it is blank."""
    stretch = text[start:end]
    left = len(stretch) - len(stretch.lstrip())
    right = len(stretch.rstrip())
    return (start + left, start + right) if right else (end, end)
