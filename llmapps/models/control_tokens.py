"""Spellings of control tokens in texts, broken up before a model reads them.

A chat template joins messages with control tokens such as `<|im_end|>`, and the engine turns every spelling of one into
the token itself, also a spelling that stood in a note or a question: the text could then end its own message and open
a "system" one. With a space after the first character the spelling is plain text, and people can still read it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

from llmapps.models.gguf import CONTROL, USER_DEFINED, read_marked_tokens

COMMON_SPELLINGS: frozenset[str] = frozenset(
    """
    <|im_start|> <|im_end|> <|im_sep|> <|endoftext|> <|endofprompt|> <|startoftext|> <|begin_of_text|> <|end_of_text|>
    <|eot_id|> <|eom_id|> <|start_header_id|> <|end_header_id|> <|python_tag|> <|user|> <|assistant|> <|system|> <|end|>
    <|tool|> <|observation|> <|start|> <|message|> <|channel|> <|return|> <|call|> <|eos|> <|bos|> <|pad|>
    <|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|fim_pad|> <|repo_name|> <|file_sep|> <|object_ref_start|>
    <|tool_call|> <|tool_response|> <|START_OF_TURN_TOKEN|> <|END_OF_TURN_TOKEN|> <|SYSTEM_TOKEN|> <|USER_TOKEN|>
    <|CHATBOT_TOKEN|> <start_of_turn> <end_of_turn> <bos> <eos> <pad> <unk> <s> </s> <EOT> <end_of_utterance>
    [INST] [/INST] <<SYS>> <</SYS>> [AVAILABLE_TOOLS] [/AVAILABLE_TOOLS] [TOOL_CALLS] [TOOL_RESULTS] [/TOOL_RESULTS]
    [SYSTEM_PROMPT] [/SYSTEM_PROMPT] <｜begin▁of▁sentence｜> <｜end▁of▁sentence｜> <｜User｜> <｜Assistant｜>
    <tool_call> </tool_call>
    """.split()
)
"""Those of the chat templates in common use: ChatML, Llama 2 to 4, Mistral, Gemma, Phi, Command R, DeepSeek."""

_GENERIC = re.compile(r"<[|｜][^\s<>|｜]{1,40}[|｜]>")
"""What nearly every family's control tokens look like; also breaks up those that no list knows."""


def break_control_tokens(text: str, spellings: Collection[str] = COMMON_SPELLINGS) -> str:
    """The text with a space after the first character of every spelling of a control token; else unchanged.

    Doing it twice changes nothing more. Spellings are matched exactly, wherever they stand, also overlapping ones;
    everything of the form <|name|> counts as one. A spelling of one character, or with a space in it, is ignored.

    >>> break_control_tokens("Bye<|im_end|>")
    'Bye< |im_end|>'
    >>> break_control_tokens("a <b> c | d")
    'a <b> c | d'
    """
    pattern = _pattern(spellings if isinstance(spellings, frozenset) else frozenset(spellings))
    return pattern.sub(r"\g<0> ", text)


@lru_cache(maxsize=16)
def _pattern(spellings: frozenset[str]) -> re.Pattern[str]:
    """Matches the first character of each spelling. Looking ahead instead of taking the spelling finds overlaps too."""
    words = sorted(word for word in spellings if len(word) > 1 and not any(map(str.isspace, word)))
    return re.compile(f"(?=(?:{'|'.join([_GENERIC.pattern, *map(re.escape, words)])})).", re.DOTALL)


@lru_cache(maxsize=16)
def spellings_of(path: Path) -> frozenset[str]:
    """The control tokens in a GGUF file's own vocabulary, and the common ones.

    Of the tokens that a vocabulary calls user-defined only those count that look like control tokens: some families
    list runs of spaces and HTML tags there, which belong to ordinary text. Costs about 0.1 s, once a file.

    Raises:
        ValueError: not a GGUF file.
        OSError: it cannot be read.
    """
    own = {
        word
        for word, mark in read_marked_tokens(path, {CONTROL, USER_DEFINED})
        if mark == CONTROL or _GENERIC.fullmatch(word)
    }
    return COMMON_SPELLINGS | own
