"""Sections that are chunked as one: those too small to be understood alone, with a neighbour they belong to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from llmapps.rag.chunk_size import ChunkSize
from llmapps.rag.documents import Section


@dataclass(frozen=True, slots=True)
class Group:
    """Neighbouring sections that make one chunk, or, if one of them is too large, are cut from its body on."""

    sections: tuple[Section, ...]
    tokens: int

    @property
    def start(self) -> int:
        """Of its first section."""
        return self.sections[0].start

    @property
    def end(self) -> int:
        """Of its last section."""
        return self.sections[-1].end

    @property
    def main(self) -> Section:
        """The first section with text; the first one if there are only headings."""
        return next((section for section in self.sections if not section.is_only_a_heading), self.sections[0])

    @property
    def body(self) -> int:
        """Where the text below its first headings begins; `start` if there is no such text."""
        return self.start if self.is_only_headings else self.main.body

    @property
    def is_only_headings(self) -> bool:
        """Whether there is no text below any of its headings."""
        return all(section.is_only_a_heading for section in self.sections)

    def with_next(self, other: Group) -> Group:
        """Both as one."""
        return Group(self.sections + other.sections, self.tokens + other.tokens)


def group_sections(sections: Iterable[Section], tokens: Iterable[int], size: ChunkSize) -> list[Group]:
    """The groups, in order; `tokens` are those of each section."""
    groups: list[Group] = []
    for section, count in zip(sections, tokens, strict=True):
        group = Group((section,), count)
        if groups and _goes_with_next(groups[-1], group, size):
            groups[-1] = groups[-1].with_next(group)
        else:
            groups.append(group)
    kept: list[Group] = []
    for group in groups:
        if kept and _goes_with_previous(kept[-1], group, size):
            kept[-1] = kept[-1].with_next(group)
        else:
            kept.append(group)
    return kept


def _goes_with_next(group: Group, following: Group, size: ChunkSize) -> bool:
    both = group.tokens + following.tokens
    kinds = {group.main.kind, following.main.kind}
    if kinds & {"row", "record"}:
        return kinds == {"row"} and both <= size.rows
    here, there = group.sections[-1].place.heading, following.sections[0].place.heading
    if group.is_only_headings and group.tokens < size.short and there[: len(here)] == here:
        return True  # however large: the heading goes with the first piece of it
    return group.tokens < size.tiny and both <= size.most and _are_related(here, there)


def _goes_with_previous(previous: Group, group: Group, size: ChunkSize) -> bool:
    if group.tokens >= size.tiny or {previous.main.kind, group.main.kind} & {"row", "record"}:
        return False
    if group.is_only_headings:
        return True  # however large: the headings go with the last piece of it
    here, there = previous.sections[-1].place.heading, group.sections[0].place.heading
    return previous.tokens + group.tokens <= size.stretched and _are_related(here, there)


def _are_related(here: tuple[str, ...], there: tuple[str, ...]) -> bool:
    """Whether two heading paths have the same parent, or one lies below the other."""
    shared = min(len(here), len(there))
    return here[:-1] == there[:-1] or here[:shared] == there[:shared]
