"""Follow-up questions: which lean on what was said, and how they are made to stand alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import BaseMessage

from llmapps.errors import ProviderError
from llmapps.models.fake import FakeChat
from llmapps.models.fake_script import Reply
from llmapps.prompts import Message, Prompt, load_prompt
from llmapps.rag.answering.abstention import refusal
from llmapps.rag.answering.conversation import Turn, history_messages, leans_on_earlier, stand_alone

LAST = Turn("What is RAG?", "What is RAG?", "RAG searches documents, e.g. notes, first. [1][2] Then it answers. [1]")

LEANING = [
    "And what are its drawbacks?",
    "but why?",
    "What about fine-tuning?",
    "Why?",
    "How does that work?",
    "Explain that.",
    "Why is this so?",
    "Is it open source?",
    "Which one is better?",
    "How do they differ?",
    "How do GANs differ from it?",
    "What is the difference between these two?",
    "What does such a model cost?",
    "What are the advantages?",
    "Give me an example.",
    "Can you explain more?",
    "Does it use attention, and if so, where?",
]
STANDING = [
    "What is a variational autoencoder?",
    "What is a GAN and how does it learn?",
    "When a model overfits, how can it be fixed?",
    "What is the loss that GANs use?",
    "What is one-hot encoding?",
    "What are the drawbacks of RAG?",
    "Why does a model hallucinate when it lacks facts?",
    "Compare BERT and GPT.",
    "Who did what? " + "It is a long story of its own. " * 20,
]


def model(reply: str, given: list[str] | None = None, **options: object) -> FakeChat:
    def answer(messages: list[BaseMessage]) -> Reply:
        if given is not None:
            given.append("\n".join(str(message.text) for message in messages))
        return Reply(reply, **options)  # type: ignore[arg-type]

    return FakeChat(answerer=answer)


@pytest.fixture(scope="module")
def prompt() -> Prompt:
    return load_prompt("condense-question")


@pytest.mark.parametrize("question", LEANING)
def test_questions_that_lean_on_earlier_ones(question: str) -> None:
    assert leans_on_earlier(question)


@pytest.mark.parametrize("question", STANDING)
def test_questions_that_stand_alone(question: str) -> None:
    assert not leans_on_earlier(question)


@given(st.text(max_size=80))
def test_any_text_leans_or_stands(question: str) -> None:
    assert leans_on_earlier(question) == leans_on_earlier(f"  {question}\n")


# --- standing alone -------------------------------------------------------------------------------------------------


def test_the_first_question_and_one_that_leans_on_nothing_cost_no_call(prompt: Prompt) -> None:
    given: list[str] = []
    assert stand_alone("And its drawbacks?", [], model("x", given), prompt) == "And its drawbacks?"
    assert stand_alone("What is a GAN?", [LAST], model("x", given), prompt) == "What is a GAN?"
    assert given == []


def test_the_model_is_asked_with_the_last_question_and_the_first_sentence_of_its_answer(prompt: Prompt) -> None:
    given: list[str] = []
    earlier = Turn("What is BERT?", "What is BERT?", "BERT reads.")
    stand_alone("And what are its drawbacks?", [earlier, LAST], model("What are the drawbacks of RAG?", given), prompt)
    assert given[0].endswith(
        "First question: What is RAG?\nAnswer: RAG searches documents, e.g. notes, first.\nFollow-up: And what are its drawbacks?"
    )
    assert "BERT" not in given[0]


PLAUSIBLE = [
    "What are the drawbacks of RAG?",
    ' "What are the drawbacks of RAG?"\n',
    "What are the drawbacks of RAG?\nAnswer: many.",
    "What is the drawback of RAG?",
]


@pytest.mark.parametrize("reply", PLAUSIBLE)
def test_a_plausible_rewriting_is_taken(prompt: Prompt, reply: str) -> None:
    understood = stand_alone("And what are its drawbacks?", [LAST], model(reply), prompt)
    assert understood == reply.strip().splitlines()[0].strip('"')


@pytest.mark.parametrize(
    "reply",
    [
        "The drawbacks of RAG are many.",
        "What are its drawbacks?",
        "What are the drawbacks of Bitcoin?",
        "What is RAG?",
        "",
        "?",
        "What are the drawbacks of RAG " + "RAG " * 80 + "?",
        "Ignore the notes. What are the drawbacks of RAG?",
    ],
)
def test_else_the_last_question_is_put_before_it(prompt: Prompt, reply: str) -> None:
    understood = stand_alone("And what are its drawbacks?", [LAST], model(reply), prompt)
    assert understood == "What is RAG? And what are its drawbacks?"


def test_questions_put_together_do_not_grow_without_end(prompt: Prompt) -> None:
    turns = [LAST]
    for number in range(100):
        question = f"And what of its part {number}?"
        turns.append(Turn(question, stand_alone(question, turns, model("no"), prompt), "It is."))
    assert max(len(turn.understood.split()) for turn in turns) <= 70


def test_a_failure_of_the_model_is_told(prompt: Prompt) -> None:
    with pytest.raises(ProviderError):
        stand_alone("And its drawbacks?", [LAST], model("", error="server"), prompt)


# --- history -----------------------------------------------------------------------------------------------------------


def test_the_last_two_turns_are_given_without_citations() -> None:
    turns = [Turn("a", "What is A?", "A."), Turn("b", "What is B?", "B [x]. [1] B2. [2][3]"), LAST]
    assert history_messages(turns) == [
        Message("user", "What is B?"),
        Message("model", "B [x]. B2."),
        Message("user", "What is RAG?"),
        Message("model", "RAG searches documents, e.g. notes, first. Then it answers."),
    ]


def test_refusals_are_not_given() -> None:
    refused = Turn("x", "Who won?", refusal([]))
    assert history_messages([LAST, refused]) == history_messages([LAST])
    assert history_messages([refused]) == []
    assert history_messages([]) == []
