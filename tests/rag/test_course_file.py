"""The course file: what it opens and hides on a day, and that mistakes in it are told."""

from __future__ import annotations

import datetime
import unicodedata
from pathlib import Path

import pytest

from llmapps.errors import ProjectError
from llmapps.rag.course import Course, Unit, load_course

DAY = datetime.date(2025, 9, 10)
TOML = """
title = "GenAI"
description = "d"
language = "en"

[[units]]
id = "one"
title = "Unit 1"
release = 2025-09-01
notes = ["01-*.md", "extra/a.md"]

[[units]]
id = "two"
release = 2025-09-15
notes = ["02-*.md", "week2", "extra/"]

[[units]]
id = "open"
notes = ["glossary.csv"]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "course.toml"


def load(path: Path, text: str | bytes) -> Course:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_course(path)


def error_of(path: Path, text: str | bytes) -> str:
    with pytest.raises(ProjectError) as caught:
        load(path, text)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert message.endswith((".", "?", "]."))
    return message


def unit(*notes: str, release: datetime.date | None = datetime.date(2100, 1, 1)) -> Unit:
    return Unit("u", "U", notes, release)


# --- what is open ------------------------------------------------------------------------------------------------------


def test_a_whole_file(path: Path) -> None:
    course = load(path, TOML)
    assert course.title == "GenAI"
    assert [(unit.id, unit.title, unit.release) for unit in course.units] == [
        ("one", "Unit 1", datetime.date(2025, 9, 1)),
        ("two", "two", datetime.date(2025, 9, 15)),
        ("open", "open", None),
    ]


def test_notes_are_hidden_until_their_units_day(path: Path) -> None:
    course = load(path, TOML)
    documents = ["01-a.md", "02-b.md", "week2/c.md", "week2/deep/d.md", "extra/a.md", "glossary.csv", "other.md"]
    later = {"02-b.md", "week2/c.md", "week2/deep/d.md", "extra/a.md"}
    assert course.hidden(documents, datetime.date(2025, 8, 31)) == later | {"01-a.md"}
    assert course.hidden(documents, datetime.date(2025, 9, 1)) == later
    assert course.hidden(documents, datetime.date(2025, 9, 14)) == later
    assert course.hidden(documents, datetime.date(2025, 9, 15)) == set()


def test_without_a_day_it_is_today() -> None:
    tomorrow = datetime.date.today() + datetime.timedelta(days=1)
    assert Course("", (unit("a.md", release=tomorrow),)).hidden(["a.md"]) == {"a.md"}
    assert Course("", (unit("a.md", release=datetime.date.today()),)).hidden(["a.md"]) == set()


def test_a_note_of_two_units_is_open_when_both_are() -> None:
    course = Course("", (unit("a.md", release=None), unit("*.md")))
    assert course.hidden(["a.md"], DAY) == {"a.md"}


@pytest.mark.parametrize(
    ("note", "document"),
    [
        ("a.md", "a.md"),
        ("A.md", "a.MD"),
        ("./a.md", "a.md"),
        ("week1\\a.md", "week1/a.md"),
        ("week1", "week1/a.md"),
        ("week1/", "week1/deep/a.md"),
        ("week?", "week1/a.md"),
        ("*", "any/thing.pdf"),
        ("week[1].md", "week[1].md"),
        ("week[12].md", "week1.md"),
        (unicodedata.normalize("NFC", "Übung.md"), unicodedata.normalize("NFD", "Übung.md")),
        (unicodedata.normalize("NFD", "Übung*"), unicodedata.normalize("NFC", "Übung.md")),
    ],
)
def test_a_slip_of_spelling_does_not_open_a_note(note: str, document: str) -> None:
    assert unit(note).holds(document)


@pytest.mark.parametrize(
    ("note", "document"), [("a.md", "ba.md"), ("week1", "week10/a.md"), ("week1/*", "week2/a.md"), ("a.md", "x/a.md")]
)
def test_other_notes_are_not_held(note: str, document: str) -> None:
    assert not unit(note).holds(document)


def test_a_part_of_the_notes_is_found_in_the_course_of_the_whole(path: Path) -> None:
    path.write_text(TOML, encoding="utf-8")
    course = load_course(path, "week2/")
    assert course.hidden(["c.md"], DAY) == {"c.md"}


def test_without_a_file_all_is_open() -> None:
    assert load_course(None) == Course()
    assert load_course(None).hidden(["a.md"]) == set()


def test_a_date_with_a_time_counts_as_its_day(path: Path) -> None:
    course = load(path, '[[units]]\nid = "a"\nnotes = []\nrelease = 2025-09-10T18:00:00Z\n')
    assert course.units[0].release == DAY


def test_windows_line_ends_and_a_mark_at_the_beginning_change_nothing(path: Path) -> None:
    assert load(path, b"\xef\xbb\xbf" + TOML.replace("\n", "\r\n").encode()) == load(path, TOML)


# --- mistakes ----------------------------------------------------------------------------------------------------------

MISTAKES = {
    "not TOML": (
        "title = ",
        "cannot be read: Invalid value (at end of document). Correct the file, or delete it to search all notes.",
    ),
    "not UTF-8": ('title = "Übung"'.encode("latin-1"), "cannot be read:"),
    "unknown key": ('titel = "x"', 'there is no key "titel". Did you mean "title"?'),
    "unknown key, not near": ("zzz = 1", 'there is no key "zzz". The keys are: description, language, title, units.'),
    "title": ("title = 3", "title = 3 must be a text; put it in quotes."),
    "language": ('language = ["en"]', "language = ['en'] must be a text; put it in quotes."),
    "units": ("units = 3", "units must be tables; begin each with [[units]]."),
    "a unit": ("units = [3]", "unit 1 is 3 and must be a table; begin it with [[units]]."),
    "one table for all": ('[units]\nid = "a"', "units must be tables; begin each with [[units]]."),
    "key of a unit": ('[[units]]\nid = "a"\nnote = []', 'unit 1: there is no key "note". Did you mean "notes"?'),
    "no id": ("[[units]]\nnotes = []", 'unit 1 has no id that is a text; add a line such as id = "foundations".'),
    "an id twice": (
        '[[units]]\nid = "a"\nnotes = []\n[[units]]\nid = "a"\nnotes = []',
        '2 units have the id "a"; give each its own.',
    ),
    "title of a unit": (
        '[[units]]\nid = "a"\nnotes = []\ntitle = 1',
        'unit 1 ("a"): title = 1 must be a text; put it in quotes.',
    ),
    "no notes": ('[[units]]\nid = "a"', 'unit 1 ("a") has no notes; add a line such as notes = ["01-*.md"].'),
    "nested too deeply": ("units = " + "[" * 5000, "cannot be read:"),
    "release, yes": ('[[units]]\nid = "a"\nnotes = []\nrelease = true', "release = true must be a date"),
    "notes": ('[[units]]\nid = "a"\nnotes = "x"', "notes = 'x' must be a list of names"),
    "a note": ('[[units]]\nid = "a"\nnotes = ["x", 1]', "notes = ['x', 1] must be a list of names"),
    "an empty note": ('[[units]]\nid = "a"\nnotes = [""]', "notes = [''] must be a list of names"),
    "release": (
        '[[units]]\nid = "a"\nnotes = []\nrelease = "2025-09-01"',
        "unit 1 (\"a\"): release = '2025-09-01' must be a date without quotes, such as 2025-09-01.",
    ),
    "release, a time": ('[[units]]\nid = "a"\nnotes = []\nrelease = 18:00:00', "must be a date without quotes"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_told_with_the_value_and_what_to_do(path: Path, name: str) -> None:
    text, message = MISTAKES[name]
    assert message in error_of(path, text)


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"cannot be read: .* Correct the file, or delete it to search all notes\."):
        load_course(tmp_path)


def test_names_that_fit_no_note_are_told() -> None:
    course = Course(units=(Unit("a", "A", ("01-*.md", "02-tpyo.md")), Unit("b", "B", ("week1",))))
    assert course.missing(["01-one.md", "02-typo.md", "week1/x.md"]) == ["02-tpyo.md"]
