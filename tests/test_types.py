"""The values that travel: what they print, and what `--json` shows of them."""

from __future__ import annotations

import dataclasses
import json

import pytest

from llmapps.types import Answer, Evidence, Hit, Place, Sentence, Usage

PLACE = Place(heading=("RAG", "Why"), lines=(12, 18))
HIT = Hit(1, "week1/rag.md", PLACE, 0.123456, "RAG looks things up.", 40, 60, "abc")
EVIDENCE = Evidence("RAG looks things up.", "week1/rag.md", PLACE, 40, 60)
SENTENCE = Sentence("RAG looks things up.", "supported", (1,), EVIDENCE, (), 0.98765)


def answer(text: str = "RAG looks things up [1].", **changes: object) -> Answer:
    made = Answer(
        "What is RAG?", text, False, "fake:echo", (SENTENCE,), (HIT, dataclasses.replace(HIT, n=2)), Usage(7, 5)
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (PLACE, "RAG > Why, lines 12-18"),
        (Place(lines=(3, 3)), "line 3"),
        (Place(page=4), "page 4"),
        (Place(heading=("A",), cell=2, lines=(1, 5)), "A, cell 2, lines 1-5"),
        (Place(sheet="Marks", time="0:01:02"), "sheet Marks, time 0:01:02"),
        (Place(), ""),
    ],
)
def test_a_place_reads_as_a_person_would_say_it(place: Place, text: str) -> None:
    assert str(place) == text


def test_a_place_in_json_holds_only_what_applies() -> None:
    assert PLACE.to_dict() == {"heading": "RAG > Why", "lines": [12, 18]}
    assert Place(page=4).to_dict() == {"page": 4}
    assert Place().to_dict() == {}


def test_a_hit_reads_as_its_number_document_and_place() -> None:
    assert str(HIT) == "[1] week1/rag.md: RAG > Why, lines 12-18"
    assert str(dataclasses.replace(HIT, place=Place())) == "[1] week1/rag.md"


def test_an_answer_lists_only_the_sources_it_cites() -> None:
    assert [hit.n for hit in answer().sources] == [1]
    assert str(answer()) == "RAG looks things up [1].\n\nSources\n  [1] week1/rag.md: RAG > Why, lines 12-18"
    assert str(answer(sentences=())) == "RAG looks things up [1]."


def test_an_answer_in_json_has_the_promised_keys() -> None:
    printed = json.loads(json.dumps(answer(timings_s={"total": 1.23456}).to_dict()))
    assert {"question", "answer", "abstained", "model", "sentences", "hits", "usage", "timings_s"} <= set(printed)
    assert {"text", "status", "citations", "evidence"} <= set(printed["sentences"][0])
    assert set(printed["sentences"][0]["evidence"]) == {"quote", "document", "place", "start", "end"}
    assert {"n", "document", "place", "score", "text"} <= set(printed["hits"][0])
    assert printed["usage"] == {"prompt_tokens": 7, "completion_tokens": 5}
    assert printed["timings_s"] == {"total": 1.235}


def test_a_sentence_without_evidence_says_null() -> None:
    assert Sentence("Hello.", "no-claim").to_dict()["evidence"] is None


def test_an_answer_in_a_notebook_is_escaped() -> None:
    shown = answer("<script>alert(1)</script>\nTwo", hits=(dataclasses.replace(HIT, document="<b>.md"),))._repr_html_()
    assert "<script>" not in shown
    assert "<b>" not in shown
    assert "<br>Two" in shown


def test_values_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        HIT.n = 2  # type: ignore[misc]
