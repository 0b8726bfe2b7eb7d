"""What counts as a question."""

from __future__ import annotations

from llmapps.errors import QuestionError


def require_question(question: str) -> str:
    """The question without white space around it.

    Raises:
        QuestionError: it holds no letter or digit.
    """
    if not any(character.isalnum() for character in question):
        raise QuestionError('The question is empty. Ask something, such as `llmapps ask "What is RAG?"`.')
    return question.strip()
