"""The words of a text that carry its meaning, and the full-text query made of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

# English words that stand in every text, and the words in which questions are asked.
STOP_WORDS = frozenset(
    """
    a about above after again all also am an and any are as at be because been before being below between both
    but by ca can cannot could did do does doing down during each few for from further had has have having he her
    here hers him his how i if in into is it its itself just let many me more most much my no nor not of off on once only
    or other our ours out over own same she should so some such than that the their theirs them then there these
    they this those through to too under until up us use used using very was we were what when where which while who whom why
    will with wo would you your yours actually basically explain describe tell give please mean means meaning
    define
    """.split()
)

_CONTRACTION = re.compile(r"(?:n['’]t|['’](?:s|re|ve|ll|d|m))$")  # "isn't" leaves "is", "won't" leaves "wo"
_WORD = re.compile(r"[^\W_]+(?:[.'’-][^\W_]+)*", re.UNICODE)


def words_of(text: str) -> list[str]:
    """All words, lower case, in order; a hyphen, dot or apostrophe inside a word belongs to it.

    >>> words_of("GPT-4's top-p (0.9)")
    ["gpt-4's", 'top-p', '0.9']
    """
    return [match.group().lower() for match in _WORD.finditer(text)]


def content_words(text: str) -> list[str]:
    """The words that carry meaning, each once, in order; compounds also in their parts, contractions without endings.

    >>> content_words("What is the difference between top-p and top-k sampling?")
    ['difference', 'top-p', 'top', 'p', 'top-k', 'k', 'sampling']
    """
    found: dict[str, None] = {}
    for word in words_of(text):
        word = _CONTRACTION.sub("", word)
        if word in STOP_WORDS:
            continue
        found[word] = None
        parts = re.split(r"[.'’-]", word)
        if len(parts) > 1 and not word.replace(".", "").isdigit():
            found.update(dict.fromkeys(part for part in parts if part and part not in STOP_WORDS))
    return list(found)


def full_text_query(words: Iterable[str]) -> str:
    """An FTS5 query for chunks with any of the words; each is quoted, so that none can be read as an operator.

    >>> full_text_query(["rag", "AND"])
    '"rag" OR "AND"'
    """
    return " OR ".join('"' + word.replace('"', '""') + '"' for word in words)


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """The word without its English ending, so that "models" is "model" (Porter's second algorithm, snowballstem.org).

    >>> stem("retrieving"), stem("retrieval")
    ('retriev', 'retriev')
    """
    stemmed: str = _stemmer().stemWord(word)
    return stemmed


def stems(text: str) -> set[str]:
    """The stems of the content words of a text."""
    return {stem(word) for word in content_words(text)}


@cache
def _stemmer() -> Any:
    from snowballstemmer import stemmer

    return stemmer("english")
