"""`Rag`, the façade, as a developer uses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmapps import Answer, Rag
from llmapps.errors import NotesError, QuestionError, SettingsError
from llmapps.rag.answering.events import Checked, Finished, Found, Token

NOTES = {
    "planets.md": "# Planets\n\n## Mars\n\nMars is the fourth planet from the Sun. Mars has two small moons.\n\n"
    "## Venus\n\nVenus is the hottest planet, because its thick air holds the heat.\n",
    "stars.txt": "A star shines because hydrogen becomes helium in its core.\n",
}
QUESTION = "How many moons does Mars have?"


@pytest.fixture
def folder(tmp_path: Path, home: Path) -> Path:
    notes = tmp_path / "notes"
    notes.mkdir()
    for name, text in NOTES.items():
        (notes / name).write_text(text, encoding="utf-8")
    return notes


@pytest.fixture
def rag(folder: Path) -> Rag:
    return Rag.open(folder, model="fake:grounded", embedding="fake:hashed")


def test_an_answer_is_backed_by_quotes_with_places(rag: Rag, folder: Path) -> None:
    answer = rag.ask(QUESTION)
    assert not answer.abstained
    assert "two small moons" in answer.text
    sentence = next(sentence for sentence in answer.sentences if "two" in sentence.text)
    assert sentence.status == "supported"
    assert sentence.evidence is not None
    text = (folder / sentence.evidence.document).read_text(encoding="utf-8")
    assert text[sentence.evidence.start : sentence.evidence.end] == sentence.evidence.quote
    assert "planets.md: Planets, lines" in str(answer)


def test_the_stream_tells_the_same_as_ask(rag: Rag) -> None:
    events = list(rag.stream(QUESTION))
    assert isinstance(events[0], Found)
    assert isinstance(events[-1], Finished)
    answer = events[-1].answer
    streamed = "".join(event.text for event in events if isinstance(event, Token))
    checked = tuple(event.sentence for event in events if isinstance(event, Checked))
    assert checked == answer.sentences
    for sentence in answer.sentences:
        assert sentence.text in streamed
    again = rag.ask(QUESTION)
    assert (again.text, again.sentences, again.hits) == (answer.text, answer.sentences, answer.hits)


async def test_async_is_the_same(rag: Rag) -> None:
    assert (await rag.aask(QUESTION)).text == rag.ask(QUESTION).text


def test_notes_changed_between_questions_are_seen(rag: Rag, folder: Path) -> None:
    rag.ask(QUESTION)
    (folder / "jupiter.md").write_text("# Jupiter\n\nJupiter has ninety-five known moons.\n", encoding="utf-8")
    assert rag.search("moons of Jupiter")[0].document == "jupiter.md"
    (folder / "jupiter.md").unlink()
    assert "jupiter.md" not in {hit.document for hit in rag.search("moons of Jupiter")}


def test_langchain_parts(rag: Rag) -> None:
    documents = rag.retriever(top=1).invoke(QUESTION)
    assert documents[0].metadata["document"] == "planets.md"
    assert isinstance(rag.runnable().invoke(QUESTION), Answer)
    assert "two small moons" in rag.tool().invoke({"question": QUESTION})


def test_models_may_be_langchain_objects(folder: Path) -> None:
    from langchain_core.embeddings import DeterministicFakeEmbedding
    from langchain_core.language_models import FakeListChatModel

    model = FakeListChatModel(responses=["Mars has two small moons."])
    rag = Rag.open(folder, model=model, embedding=DeterministicFakeEmbedding(size=32))
    found = rag.search(QUESTION)
    assert found


def test_a_conversation_remembers(rag: Rag) -> None:
    chat = rag.chat()
    chat.ask("What is Mars?")
    answer = chat.ask("And how many moons does it have?")
    assert answer.hits[0].document == "planets.md"
    assert len(chat.turns) == 2


@pytest.mark.parametrize("question", ["", "   ", "?!"])
def test_an_empty_question_is_an_error(rag: Rag, question: str) -> None:
    with pytest.raises(QuestionError, match="empty"):
        rag.ask(question)


def test_a_missing_folder_and_a_wrong_setting_are_errors(tmp_path: Path) -> None:
    with pytest.raises(NotesError, match="nowhere"):
        Rag.open(tmp_path / "nowhere")
    with pytest.raises(SettingsError, match="topp"):
        Rag.open(topp=3)


def test_the_index_of_a_project_lies_in_it(tmp_path: Path, home: Path) -> None:
    notes = tmp_path / "rag" / "notes"
    notes.mkdir(parents=True)
    (notes / "a.md").write_text("Alpha is the first letter of the Greek alphabet.", encoding="utf-8")
    (tmp_path / "llmapps.toml").write_text('model = "fake:grounded"\nembedding = "fake:hashed"\n', encoding="utf-8")
    rag = Rag.open(project=tmp_path)
    assert not rag.ask("What is alpha in the Greek alphabet?").abstained
    assert (tmp_path / ".llmapps" / "index" / "index.sqlite").is_file()
    assert (tmp_path / ".llmapps" / "index" / "chroma").is_dir()
    assert not list(home.glob("index/*"))


def test_five_threads_may_ask_a_new_index_at_once(folder: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    for turn in range(3):
        (folder / f"{turn}.md").write_text(f"# Note {turn}\n\nComet number {turn} has a long tail.\n", encoding="utf-8")
        rag = Rag.open(folder, model="fake:grounded", embedding="fake:hashed")
        with ThreadPoolExecutor(5) as pool:
            answers = list(pool.map(rag.ask, [QUESTION] * 5))
        assert {answer.text for answer in answers} == {answers[0].text}
        assert not answers[0].abstained


def test_broken_characters_do_not_break_an_answer(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.jsonl"
    script.write_text('{"text": "Mars has two small moons \\ud83d."}\n', encoding="utf-8")
    rag = Rag.open(folder, model=f"fake:script:{script}", embedding="fake:hashed")
    answer = rag.ask("How many moons \ud800 does Mars have?")
    assert answer.text.encode("utf-8")
    assert answer.question.encode("utf-8")


@pytest.mark.parametrize("question", [None, 5, b"x"])
def test_what_is_no_text_is_no_question(rag: Rag, question: object) -> None:
    with pytest.raises(QuestionError, match="A question is a text"):
        rag.ask(question)  # type: ignore[arg-type]


@pytest.mark.parametrize("top", [0, -1, 51, "3"])
def test_a_wrong_number_of_hits_is_an_error(rag: Rag, top: object) -> None:
    with pytest.raises(SettingsError, match="top"):
        rag.search(QUESTION, top=top)  # type: ignore[arg-type]


def test_an_answer_that_was_cut_says_so(folder: Path) -> None:
    answer = Rag.open(folder, model="fake:grounded", embedding="fake:hashed", max_tokens=4).ask(QUESTION)
    assert answer.is_cut
    assert answer.to_dict()["finish"] == "length"
