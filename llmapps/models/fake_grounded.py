"""An answer without a model: the sentences of the hits that share most words with the question, as they stand.

It lets everything around a model (search, prompt, evidence, citations) run in milliseconds, with answers that make
sense and are supported by construction.
"""

from __future__ import annotations

import math
import re
from collections import Counter

NOT_COVERED = "The notes do not cover this."
SENTENCES_GIVEN = 3
LEAST_SHARE = 0.3
"""Of the question's words, weighted by rarity, that a sentence must hold (choice: one telling word of three)."""

_HIT = re.compile(r"^\s*\[(\d+)\][^\n]*$", re.MULTILINE)
_QUESTION = re.compile(r"^\s*(?:question|follow-up)\s*:\s*(.+)", re.IGNORECASE | re.MULTILINE)
_END_OF_HITS = re.compile(r"^\s*(?:</|(?:question|follow-up)\s*:)", re.IGNORECASE | re.MULTILINE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"'(])")
_NO_PROSE = re.compile(r"^\s*(?:#|\||```|</?\w)")
_LIST_MARK = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_WORD = re.compile(r"[a-z0-9]+")
EMPTY_WORDS = frozenset(
    """a an and are as at be been between by can did do does for from had has have how i in into is it its may me my no
    not of on or our should so than that the their them then there these they this to was we were what when where which
    who whom whose why will with would you your explain describe tell about difference""".split()
)


def grounded_answer(prompt: str) -> str:
    r"""Up to three sentences from the numbered hits in the prompt, best first; a refusal when none fits.

    A hit is a line that begins with its number, such as "[1] notes.md: Attention", and the text below it. The question
    is what follows the last "Question:", or the last line. Without hits, the question is the answer.

    >>> grounded_answer("[1] a.md\nCats purr. Dogs bark at cats.\n\nQuestion: What do dogs do?")
    'Dogs bark at cats.'
    """
    question = _question(prompt)
    sentences = _sentences(prompt)
    if not _HIT.search(prompt):
        return question
    wanted = _words(question)
    rarity = _rarity([_words(sentence) for sentence in sentences])
    ranked = sorted(
        sentences, key=lambda sentence: -_share(wanted, _words(sentence), rarity)
    )  # stable: ties keep order
    best = [sentence for sentence in ranked if _share(wanted, _words(sentence), rarity) >= LEAST_SHARE]
    return " ".join(best[:SENTENCES_GIVEN]) or NOT_COVERED


def _question(prompt: str) -> str:
    asked = _QUESTION.findall(prompt)
    lines = [line.strip() for line in prompt.splitlines() if line.strip()]
    return str(asked[-1]).strip() if asked else (lines[-1] if lines else "")


def _sentences(prompt: str) -> list[str]:
    """The sentences of all hits, in order; headings, tables, code fences and markup are none."""
    heads = list(_HIT.finditer(prompt))
    found: dict[str, None] = {}
    for number, head in enumerate(heads):
        last = number + 1 == len(heads)
        text = prompt[head.end() : None if last else heads[number + 1].start()]
        closing = _END_OF_HITS.search(text) if last else None
        for paragraph in _paragraphs(text[: closing.start() if closing else None]):
            found |= dict.fromkeys(part for part in _SENTENCE_END.split(paragraph) if part.endswith((".", "!", "?")))
    return list(found)


def _paragraphs(text: str) -> list[str]:
    """Runs of lines that are prose, each on one line; an item of a list is a run of its own."""
    paragraphs = [""]
    for line in text.splitlines():
        if not line.strip() or _NO_PROSE.match(line):
            paragraphs.append("")
        elif _LIST_MARK.match(line):
            paragraphs.append(_LIST_MARK.sub("", line).strip())
        else:
            paragraphs[-1] = f"{paragraphs[-1]} {line.strip()}".strip()
    return [paragraph for paragraph in paragraphs if paragraph]


def _words(text: str) -> frozenset[str]:
    """The telling words, without their plural s."""
    words = (word for word in _WORD.findall(text.lower()) if word not in EMPTY_WORDS)
    return frozenset(word[:-1] if len(word) > 3 and word.endswith("s") else word for word in words)


def _rarity(sentences: list[frozenset[str]]) -> dict[str, float]:
    """The weight of each word: higher, the fewer sentences hold it."""
    holding = Counter(word for words in sentences for word in words)
    return {word: math.log(1 + len(sentences) / times) for word, times in holding.items()}


def _share(wanted: frozenset[str], words: frozenset[str], rarity: dict[str, float]) -> float:
    """How much of the wanted words the sentence has, 0 to 1; words that no sentence has weigh as much as the rarest."""
    most = max(rarity.values(), default=1.0)
    total = sum(rarity.get(word, most) for word in wanted)
    return sum(rarity[word] for word in wanted & words) / total if total else 0.0
