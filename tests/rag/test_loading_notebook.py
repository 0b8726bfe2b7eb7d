"""Notebooks: cells and their numbers, headings across cells, outputs, and shapes that no notebook has."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmapps.errors import DocumentError
from llmapps.rag.documents import LoadedDocument
from llmapps.rag.loading.notebook import MAX_OUTPUT_CHARACTERS, load


def loaded(*cells: Any, **more: Any) -> LoadedDocument:
    return load(json.dumps({"cells": list(cells), **more}).encode(), "t")


def code(source: Any, *outputs: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "outputs": list(outputs)}


def markdown(source: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "source": source}


def test_headings_run_across_cells_and_cells_are_counted_from_one() -> None:
    document = loaded(markdown("# A\n\ntext\n\n## B"), code(""), code("# no heading\nx"), markdown("more\n## C\nend"))
    found = [(str(section.place), section.kind) for section in document.sections]
    assert found == [
        ("A, cell 1", "markdown"),
        ("A > B, cell 1", "markdown"),
        ("A > B, cell 3", "code"),
        ("A > B, cell 4", "markdown"),
        ("A > C, cell 4", "markdown"),
    ]
    assert document.title == "A"


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ({"output_type": "stream", "text": ["a\n", "b\n"]}, "x\n\na\nb"),
        ({"output_type": "execute_result", "data": {"text/plain": "42", "text/html": "<b>42</b>"}}, "x\n\n42"),
        ({"output_type": "display_data", "data": {"image/png": "iVBOR"}}, "x"),
        ({"output_type": "display_data", "data": {"text/plain": ["<Figure size 1x1>"]}}, "x"),
        ({"output_type": "execute_result", "data": {"text/plain": "[<Line2D at 0x1>, <Line2D at 0x2>]"}}, "x"),
        (
            {"output_type": "error", "ename": "KeyError", "evalue": "'a'", "traceback": ["\x1b[31mlong"]},
            "x\n\nKeyError: 'a'",
        ),
        ({"output_type": "stream", "text": "\x1b[1;32mgreen\x1b[0m"}, "x\n\ngreen"),
        ({"output_type": "pyout", "text": ["old"]}, "x\n\nold"),
    ],
)
def test_outputs(output: Any, text: str) -> None:
    assert loaded(code("x", output)).text == text


def test_a_long_output_is_cut() -> None:
    document = loaded(code("x", {"output_type": "stream", "text": "word " * 9999}))
    assert len(document.text) <= MAX_OUTPUT_CHARACTERS + 3


def test_old_formats() -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": ["Old"]},
        {"cell_type": "code", "input": ["a = 1", "b = 2"], "outputs": []},
    ]
    document = load(json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}, {}]}).encode(), "t")
    assert document.text == "## Old\n\na = 1\nb = 2"
    assert str(document.sections[1].place) == "Old, cell 2"


def test_the_title_of_the_metadata_is_used_when_there_is_no_main_heading() -> None:
    assert loaded(markdown("text"), metadata={"title": "Named\u200b"}).title == "Named"
    assert loaded(markdown("text"), metadata={"title": 3}).title == "t"


@pytest.mark.parametrize(
    "cell", [3, None, [], "x", {}, {"cell_type": 5, "source": 7}, code(None, 3, {"data": 5}), markdown([1, None])]
)
def test_odd_cells_are_skipped(cell: Any) -> None:
    assert loaded(cell, markdown("stays")).text == "stays"


@pytest.mark.parametrize(
    "data", [b"{", b"[]", b"3", b'{"a": 1}', b'{"cells": {}}', b'{"cells": null, "worksheets": 3}']
)
def test_what_is_not_a_notebook_says_so(data: bytes) -> None:
    with pytest.raises(DocumentError, match=r"is not a notebook.*save it again in Jupyter"):
        load(data, "t")


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["cell_type", "source", "outputs", "data", "text", "text/plain", "level"]), inner
        ),
    ),
    max_leaves=12,
)


@given(cells=st.lists(JSON, max_size=4), metadata=JSON)
def test_any_json_in_cells_is_read(cells: list[Any], metadata: Any) -> None:
    document = loaded(*cells, metadata=metadata)
    assert document.text == "" or document.sections or not document.text.strip()
