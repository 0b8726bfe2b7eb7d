"""Which hits the model is shown, and the messages that show them.

Prompt tokens are the cost of an answer on a laptop, so there are few hits, and whole ones: what does not fit is left
out, last hits first, never cut.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence

from llmapps.errors import QuestionError
from llmapps.prompts import Prompt
from llmapps.prompts.template import Message
from llmapps.types import HEADING_SEPARATOR, Hit

_HEADING_LINES = re.compile(r"\A(?:#{1,6} .*\n+)+")  # the headings are shown above the text already
_MESSAGE_TOKENS = 8  # what a chat template adds to a message, at the most


def answer_messages(
    prompt: Prompt, question: str, hits: Sequence[Hit], history: Sequence[Message] = ()
) -> list[Message]:
    """The messages that ask the question over these hits."""
    return prompt.messages(history, question=question, fence=_fence(question, hits), hits=[_shown(hit) for hit in hits])


def fitting_hits(
    prompt: Prompt,
    question: str,
    hits: Sequence[Hit],
    *,
    room: int,
    count_tokens: Callable[[str], int],
    history: Sequence[Message] = (),
) -> list[Hit]:
    """As many of the hits, best first, as leave the prompt within `room` tokens.

    Raises:
        QuestionError: not even the first hit fits, as the question is too long.
    """

    def cost(some: Sequence[Hit]) -> int:
        messages = answer_messages(prompt, question, some, history)
        return sum(count_tokens(message.content) + _MESSAGE_TOKENS for message in messages)

    fitting = list(hits)
    while fitting and cost(fitting) > room:
        fitting.pop()
    if hits and not fitting:
        raise QuestionError(
            f"The question is too long: with the notes it takes {cost(hits[:1])} tokens, but the model has room for "
            f"{room}. Shorten the question, or raise context_tokens."
        )
    return fitting


def _shown(hit: Hit) -> dict[str, object]:
    return {
        "n": hit.n,
        "heading": HEADING_SEPARATOR.join(hit.place.heading) or hit.document,
        "text": _HEADING_LINES.sub("", hit.text),
    }


def _fence(question: str, hits: Sequence[Hit]) -> str:
    """A mark that no document can know beforehand, and that is the same for the same prompt, so that caches work."""
    everything = "\0".join([question, *(hit.text for hit in hits)])
    return hashlib.sha256(everything.encode()).hexdigest()[:6]
