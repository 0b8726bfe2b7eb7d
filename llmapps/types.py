"""The values that travel between the layers: where a text stands, what was found, and the checked answer.

All are frozen; `to_dict` gives what `--json` prints.
"""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import Any, Literal

SentenceStatus = Literal["supported", "partial", "unsupported", "misattributed", "no-claim"]
"""What the notes say about one sentence of an answer; see `llmapps.rag.answering.evidence`."""

HEADING_SEPARATOR = " > "

# C0, C1 and the separators of lines and paragraphs: what would begin a new line or command a terminal.
_NOT_IN_A_LINE = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029), "\N{REPLACEMENT CHARACTER}")


def one_line(text: str) -> str:
    r"""A name or heading as it may stand in a line of ours: it cannot begin a new one.

    >>> one_line("a.md") == "a.md", len(one_line("a\n[2] b.md").splitlines())
    (True, 1)
    """
    return text.translate(_NOT_IN_A_LINE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where in its document a text stands. Only what the format has is set; all numbers count from 1.

    Attributes:
        heading: the headings above the text, outermost first.
        lines: first and last line in the source file (in a notebook: in the cell; in HTML: of the source).
        page: of a PDF.
        cell: of a notebook.
        slide, sheet, time: of formats that have them; `time` is "h:mm:ss".
    """

    heading: tuple[str, ...] = ()
    lines: tuple[int, int] | None = None
    page: int | None = None
    slide: int | None = None
    sheet: str | None = None
    cell: int | None = None
    time: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The parts that apply; `heading` as one text, outermost first."""
        parts: dict[str, Any] = {}
        if self.heading:
            parts["heading"] = HEADING_SEPARATOR.join(self.heading)
        if self.lines:
            parts["lines"] = list(self.lines)
        for name in ("page", "slide", "sheet", "cell", "time"):
            if (value := getattr(self, name)) is not None:
                parts[name] = value
        return parts

    def __str__(self) -> str:
        """For people: `Title > Section, lines 12-18`."""
        parts = [HEADING_SEPARATOR.join(self.heading)] if self.heading else []
        for name in ("page", "slide", "sheet", "cell", "time"):
            if (value := getattr(self, name)) is not None:
                parts.append(f"{name} {value}")
        if self.lines:
            first, last = self.lines
            parts.append(f"line {first}" if first == last else f"lines {first}-{last}")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found for a question.

    Attributes:
        n: its number, from 1; what a citation [n] refers to.
        document: the path below the folder that was indexed, with forward slashes.
        score: higher is better; comparable only among the hits of one question.
        text: the chunk, exactly as it stands in the loaded document at [start:end].
        chunk_id: the content hash that names the chunk in the index.
    """

    n: int
    document: str
    place: Place
    score: float
    text: str
    start: int
    end: int
    chunk_id: str

    def to_dict(self) -> dict[str, Any]:
        """n, document, place, score, text, start, end."""
        return {
            "n": self.n,
            "document": self.document,
            "place": self.place.to_dict(),
            "score": round(self.score, 4),
            "text": self.text,
            "start": self.start,
            "end": self.end,
        }

    def __str__(self) -> str:
        return f"[{self.n}] {self.located}"

    @property
    def located(self) -> str:
        """Document and place for people: `week1/rag.md: Title > Section, lines 12-18`."""
        place = str(self.place)
        return one_line(f"{self.document}: {place}" if place else self.document)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A quote from the notes that backs one sentence: `quote` is the loaded document's text at [start:end]."""

    quote: str
    document: str
    place: Place
    start: int
    end: int

    def to_dict(self) -> dict[str, Any]:
        """quote, document, place, start, end."""
        return {
            "quote": self.quote,
            "document": self.document,
            "place": self.place.to_dict(),
            "start": self.start,
            "end": self.end,
        }


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer and what the notes say about it.

    Attributes:
        text: the sentence, without citation marks.
        citations: numbers of the hits that back it, best first.
        evidence: the best quote, or None; more_evidence: further quotes from other places.
        support: how well the notes back it, 0 to 1.
    """

    text: str
    status: SentenceStatus
    citations: tuple[int, ...] = ()
    evidence: Evidence | None = None
    more_evidence: tuple[Evidence, ...] = ()
    support: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """text, status, citations, evidence (or None), more_evidence, support."""
        return {
            "text": self.text,
            "status": self.status,
            "citations": list(self.citations),
            "evidence": self.evidence.to_dict() if self.evidence else None,
            "more_evidence": [quote.to_dict() for quote in self.more_evidence],
            "support": round(self.support, 3),
        }


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that one call took; None where the provider did not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """prompt_tokens, completion_tokens."""
        return {"prompt_tokens": self.prompt_tokens, "completion_tokens": self.completion_tokens}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer whose every sentence was checked against the notes.

    Attributes:
        text: the answer with its citation marks; when abstained, the refusal.
        abstained: whether the notes do not hold the answer; then `sentences` is empty and `hits` are the nearest.
        sentences: the answer's sentences in order, each with its evidence.
        hits: what the model was shown.
        timings_s: seconds by stage: sync, retrieve, first_token, total.
        prompt: name and hash of the prompt that was used.
        finish: why the model stopped: "stop", or else the provider's reason, such as "length" for an answer that
            was cut at `max_tokens`.
    """

    question: str
    text: str
    abstained: bool
    model: str
    sentences: tuple[Sentence, ...]
    hits: tuple[Hit, ...]
    usage: Usage | None = None
    timings_s: dict[str, float] = field(default_factory=dict)
    prompt: str = ""
    finish: str = "stop"

    def to_dict(self) -> dict[str, Any]:
        """The object that `llmapps ask --json` prints."""
        return {
            "question": self.question,
            "answer": self.text,
            "abstained": self.abstained,
            "model": self.model,
            "sentences": [sentence.to_dict() for sentence in self.sentences],
            "hits": [hit.to_dict() for hit in self.hits],
            "usage": self.usage.to_dict() if self.usage else None,
            "timings_s": {stage: round(seconds, 3) for stage, seconds in self.timings_s.items()},
            "prompt": self.prompt,
            "finish": self.finish,
        }

    @property
    def is_cut(self) -> bool:
        """Whether the model stopped before its end."""
        return self.finish != "stop"

    @property
    def sources(self) -> tuple[Hit, ...]:
        """The hits that the answer cites, in order of their numbers."""
        cited = {n for sentence in self.sentences for n in sentence.citations}
        return tuple(hit for hit in self.hits if hit.n in cited)

    def __str__(self) -> str:
        """The answer, then the sources it cites."""
        if not self.sources:
            return self.text
        return self.text + "\n\nSources\n" + "\n".join(f"  {hit}" for hit in self.sources)

    def _repr_html_(self) -> str:
        """For notebooks; everything is escaped, as notes and model output are data."""
        sources = "".join(f"<li value='{hit.n}'>{html.escape(hit.located)}</li>" for hit in self.sources)
        body = html.escape(self.text).replace("\n", "<br>")
        return f"<p>{body}</p>" + (f"<p>Sources</p><ol>{sources}</ol>" if sources else "")
