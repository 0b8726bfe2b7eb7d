"""Tables: delimiters, names of columns, rows in words, and the lines of the source."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmapps.rag.documents import place_of
from llmapps.rag.loading.csv_table import find_delimiter, load, names_columns, read_rows

GLOSSARY = """term,definition
agent,An agent is a system that decides which tools to call.
GAN,Two networks that are trained against each other.
"""


def text_of(source: str) -> str:
    return load(source.encode(), "t").text


def test_a_row_with_prose_is_a_record_under_the_name_of_its_first_cell() -> None:
    document = load(GLOSSARY.encode(), "glossary")
    assert document.text.startswith("term: agent\ndefinition: An agent is a system")
    assert [(s.kind, str(place_of(document, s.start, s.end))) for s in document.sections] == [
        ("record", "agent, line 2"),
        ("record", "GAN, line 3"),
    ]


def test_rows_of_values_are_one_line_each() -> None:
    document = load(b"city,people\nRome,2.8\nParis,2.1\n", "t")
    assert document.text == "city: Rome; people: 2.8\n\ncity: Paris; people: 2.1"
    assert {section.kind for section in document.sections} == {"row"}


@pytest.mark.parametrize(
    ("source", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2,5\n3,5;4,5\n", ";"),
        ("a\tb\n1, 2\t3\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ('a,b\n"x; y; z",1\n"x; y; z",2\n', ","),
        ("one\ntwo\n", ","),
    ],
)
def test_delimiters(source: str, delimiter: str) -> None:
    assert find_delimiter(source) == delimiter


@pytest.mark.parametrize(
    ("source", "has_names"),
    [
        ("a,b\n1,2", True),
        (",mpg\nMazda,21", True),
        ("1,2\n3,4", False),
        ("a,a\n1,2", False),
        ("agent,An agent is a system that decides which tools to call and when to stop\nx,y", False),
        ("only,one", False),
        ("a,b\na,b", False),
        ("2019,2020\n5,6", False),
    ],
)
def test_names_of_columns(source: str, *, has_names: bool) -> None:
    assert names_columns(read_rows(source)) is has_names


def test_short_and_long_and_blank_rows() -> None:
    assert text_of("a,b\n1\n\n,,\n1,2,3\n") == "a: 1\n\na: 1; b: 2; 3"
    assert text_of("1,2\n3,,4\n") == "1; 2\n\n3; 4"


def test_line_breaks_in_quotes_keep_lines_true() -> None:
    document = load(b'name,text\r\nx,"one and two and three and four\r\n\r\nfive, six"\r\ny,"z"\r\n', "t")
    assert document.text.startswith("name: x\ntext: one and two and three and four\n\nfive, six\n\nname: y")
    for word, line in (("one", 2), ("five", 4), ("y", 5), ("z", 5)):
        start = document.text.index(word)
        assert place_of(document, start, start + 1).lines == (line, line), word


def test_a_quote_that_is_never_closed_does_not_swallow_the_table() -> None:
    rows = "".join(f"row{n},value{n}\n" for n in range(2, 2000))
    document = load(('a,b\nx,"never closed\n' + rows).encode(), "t")
    assert "row1999; b: value1999" in document.text
    start = document.text.index("row1999")
    assert place_of(document, start, start + 3).lines == (2000, 2000)


def test_a_field_beyond_the_parsers_limit_is_read(tmp_path: object) -> None:
    assert "x" * 200_000 in text_of("a,b\n1," + "x" * 200_000 + "\n")


def test_stray_nul_characters_are_left_out() -> None:
    assert load(b"a,b\nclean\0ed,2\n" + b"x,y\n" * 9, "t").text.startswith("a: cleaned; b: 2")


CELLS = st.text(alphabet="ab \n\",'é1", max_size=8)


@given(st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=6))
def test_every_cell_comes_out_and_at_its_line(rows: list[list[str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    source = file.getvalue()
    document = load(source.encode(), "t")
    source_lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for mark in document.line_marks:
        piece = document.text[mark.offset :].split("\n")[0].split("; ")[0].split(": ")[-1].strip().split(" ")[0]
        assert piece.replace('"', "") in source_lines[mark.line - 1].replace('"', "")
