"""What counts as a question."""

from __future__ import annotations

from llmapps.errors import QuestionError


def require_question(question: str) -> str:
    """The question without white space around it, and without halves of characters, which no model could take.

    Raises:
        QuestionError: it is no text, or holds no letter or digit.
    """
    if not isinstance(question, str):
        raise QuestionError(f"A question is a text, not {question!r}. Put it in quotes.")
    if not any(character.isalnum() for character in question):
        raise QuestionError('The question is empty. Ask something, such as `llmapps ask "What is RAG?"`.')
    return question.encode(errors="replace").decode().strip()
