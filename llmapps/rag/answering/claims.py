"""What a sentence of an answer is, as far as its words show: a claim or not, a refusal or not; and its numbers."""

from __future__ import annotations

import re

from llmapps.rag.search.words import content_words, words_of

_LEAST_WORDS = 2  # with fewer that carry meaning, nothing is stated
_FEW_WORDS = 2
_LIST_MARK = re.compile(r"\A\s*(?:(?:[-*+•]|\d{1,3}[.)]|[a-zA-Z]\))\s+)+")
_HEADING = re.compile(r"#{1,6}\s|(\*\*|__)[^*_]+[^*_.!]\1\Z")
_MARKUP = '*_`"”’)] \t'

_DENIAL = re.compile(r"\b(?:not|never|cannot|neither|nor|no longer)\b|n['’]t\b", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_NUMBER_WORDS = "zero one two three four five six seven eight nine ten eleven twelve".split()

# Narrow on purpose: a claim that is taken for a refusal is not checked, a refusal taken for a claim is found unsupported.
_SOURCES = (
    r"(?:(?:the|these|this|those|your|any of the)\s+)?"
    r"(?:(?:provided|given|supplied|available|above|course)\s+(?:notes?|context|sources?|excerpts?|texts?|documents?"
    r"|information|material)|notes|context|sources|excerpts|(?:text|documents?|information|material)\s+(?:provided|given))\b"
)
_HOLD = (
    r"(?:cover|contain|mention|say|provide|include|specif|state|give|discuss|explain|answer|address|describe|define)"
)
_REFUSAL = re.compile(
    rf"(?:\A|[,;:]\s+|\b(?:but|however|as|since|that)\s+){_SOURCES}\s+(?:do|does|did)(?:\s+not|n['’]t)\s+(?:\w+ly\s+)?{_HOLD}"
    rf"|\bnot\s+(?:(?:\w+ly\s+)?(?:{_HOLD}\w*|available|found)\s+)?(?:in|by|within)\s+{_SOURCES}"
    rf"|\bno\s+(?:\w+\s+)?(?:information|mention|reference|answer|details?)\b[^.]{{0,80}}\bin\s+{_SOURCES}"
    r"|\bI\s+(?:do\s+not|don['’]t|cannot|can['’]t|could\s+not|couldn['’]t|am\s+unable\s+to)\s+(?:know|answer|find|determine)\b",
    re.IGNORECASE,
)


def is_claim(text: str) -> bool:
    """Whether a sentence states something that notes could back: not a question, a lead-in, a heading or a single word.

    >>> is_claim("RAG searches documents."), is_claim("These are the steps:"), is_claim("The notes do not say this.")
    (True, False, False)
    """
    bare = text.strip()
    if bare.rstrip(_MARKUP).endswith(("?", ":")) or bare.startswith(("```", "~~~")) or _HEADING.match(bare):
        return False
    if is_refusal(bare):
        return False
    return len(content_words(bare)) >= _LEAST_WORDS or is_bare_number(bare)


def is_bare_number(text: str) -> bool:
    """Whether a sentence is a number and hardly a word: it states something only together with its question.

    >>> is_bare_number("120."), is_bare_number("About 3.5 GB"), is_bare_number("There are 120 of them.")
    (True, True, False)
    """
    return bool(numbers_stated(text)) and len([word for word in words_of(text) if word.isalpha()]) <= _FEW_WORDS


def is_refusal(text: str) -> bool:
    """Whether a sentence says that the notes do not hold the answer."""
    return bool(_REFUSAL.search(text.strip()))


def is_denial(text: str) -> bool:
    """Whether a sentence denies something, as far as its words show.

    >>> is_denial("RAG does not change the weights."), is_denial("RAG changes the prompt.")
    (True, False)
    """
    return bool(_DENIAL.search(text))


def numbers_stated(text: str) -> set[str]:
    """The numbers that a sentence states in digits, in one spelling; the number of a list's point is none of them.

    >>> sorted(numbers_stated("2. It took 1,500 steps at 0.80, GPT2 too"))
    ['0.8', '1500']
    """
    return {_normal(number) for number in _NUMBER.findall(_LIST_MARK.sub("", text))}


def numbers_held(text: str) -> set[str]:
    """The numbers that a text of the notes holds, in digits or, up to twelve, in words."""
    words = set(words_of(text))
    spelled = {str(number) for number, word in enumerate(_NUMBER_WORDS) if word in words}
    return spelled | {_normal(number) for number in _NUMBER.findall(text)}


def _normal(number: str) -> str:
    if _THOUSANDS.fullmatch(number):
        number = number.replace(",", "")
    number = number.replace(",", ".")
    return number.rstrip("0").rstrip(".") if number.count(".") == 1 else number
