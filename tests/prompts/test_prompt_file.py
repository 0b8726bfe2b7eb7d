"""Prompt files: what they may hold, that mistakes are found at load with file and line, and overriding by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmapps.errors import ProjectError, PromptError
from llmapps.project import Project, builtin_root
from llmapps.prompts import Message, load_prompt, parse_prompt

WHOLE = """---
description: Greets.
input:
  schema:
    name: string
    times: integer
    warmth: number
    loud: boolean
    gifts(array):
      what: string
      price: integer
---
{{role "system"}}
You greet{{#if loud}} loudly{{/if}}, {{times}} times, {{warmth}} warm.
{{role "user"}}
{{name}}: {{#each gifts}}{{what}} for {{price}} ({{name}}); {{/each}}
"""
VALUES: dict[str, Any] = {
    "name": "Ada",
    "times": 2,
    "warmth": 0.5,
    "loud": True,
    "gifts": [{"what": "tea", "price": 3}],
}


def file(schema: str, template: str = "{{a}}", before: str = "") -> str:
    """A prompt file with these lines under `schema:`; the first of them is line 4 if nothing stands before."""
    lines = "".join(f"    {line}\n" for line in schema.splitlines())
    return f"---\n{before}input:\n  schema:\n{lines}---\n{template}"


def error_of(text: str, **given: Any) -> str:
    with pytest.raises(PromptError) as caught:
        parse_prompt(text, "prompts/x.prompt", **given)
    assert str(caught.value).endswith((".", "?"))
    return str(caught.value)


# --- what a file may hold --------------------------------------------------------------------------------------------


def test_a_whole_file_is_read_and_rendered() -> None:
    prompt = parse_prompt(WHOLE, "prompts/greet.prompt")
    assert (prompt.name, prompt.description, prompt.origin) == ("greet", "Greets.", "project")
    assert prompt.variables["gifts"] == {"what": "string", "price": "integer"}
    assert prompt.messages(**VALUES) == [
        Message("system", "You greet loudly, 2 times, 0.5 warm."),
        Message("user", "Ada: tea for 3 (Ada);"),
    ]
    assert prompt.label == f"greet@{prompt.hash[:8]} (project)"


def test_line_ends_of_other_systems_change_nothing_not_even_the_hash() -> None:
    assert parse_prompt(WHOLE.replace("\n", "\r\n"), "greet.prompt") == parse_prompt(WHOLE, "greet.prompt")


def test_the_hash_is_that_of_the_wording() -> None:
    assert parse_prompt(WHOLE, "a.prompt").hash == parse_prompt(WHOLE, "b.prompt").hash
    assert parse_prompt(WHOLE + " ", "a.prompt").hash != parse_prompt(WHOLE, "a.prompt").hash


def test_a_prompt_may_do_without_variables_and_without_a_description() -> None:
    assert parse_prompt("---\n---\nHello.\n", "a.prompt").messages() == [Message("user", "Hello.")]
    assert parse_prompt("---\n# a note\n---\nHello.", "a.prompt").messages() == [Message("user", "Hello.")]


@pytest.mark.parametrize("template", ["", " \n", '{{role "system"}}\n{{history}}\n', "{{! a note }}"])
def test_a_prompt_without_text_is_refused(template: str) -> None:
    assert error_of(f"---\n---\n{template}") == (
        "prompts/x.prompt: the prompt has no text; write below the second line of --- what the model is told."
    )


def test_a_variable_used_only_inside_each_or_if_is_used() -> None:
    text = file(
        "a: string\nb: string\nrows(array):\n  n: integer", "{{#each rows}}{{n}}{{a}}{{#if b}}!{{/if}}{{/each}}"
    )
    prompt = parse_prompt(text, "x.prompt")
    assert prompt.messages(a="A", b="", rows=[{"n": 1}, {"n": 2}]) == [Message("user", "1A2A")]


def test_fields_that_are_not_declared_do_not_reach_the_template() -> None:
    text = file("a: string\nrows(array):\n  n: integer", "{{#each rows}}{{n}}{{a}}{{/each}}")
    assert parse_prompt(text, "x.prompt").messages(a="A", rows=[{"n": 1, "a": "no"}]) == [Message("user", "1A")]


@settings(max_examples=500)
@given(st.text(), st.text())
def test_values_stay_what_they_are_in_the_shipped_prompt(question: str, text: str) -> None:
    messages = load_prompt("answer").messages(
        question=question, fence="f", hits=[{"n": 1, "heading": "h", "text": text}]
    )
    assert [message.role for message in messages] == ["system", "user"]
    expected = f"<notes-f>\n[1] h\n{text}\n\n</notes-f>\n\nQuestion: {question}"
    assert messages[1].content == expected.strip()


# --- mistakes in a file ----------------------------------------------------------------------------------------------

MISTAKES = {
    "no front matter": ("{{a}}", 1, "a prompt file begins with front matter between two lines of ---; add it."),
    "front matter not ended": ("---\ndescription: x\n{{a}}", 1, "begins with front matter"),
    "not YAML": ('---\n\ndescription: "x\ninput: 3\n---\n', 3, "the front matter is not YAML:"),
    "a tab": ("---\ninput:\n\tschema: 1\n---\n", 3, "the front matter is not YAML:"),
    "a control character": ("---\ndescription: a\x07b\n---\n", 2, "the front matter is not YAML:"),
    "an object of Python": (
        "---\ndescription: !!python/object/apply:os.system [exit]\n---\n",
        2,
        "the front matter is not YAML: could not determine a constructor",
    ),
    "no date": ("---\ndescription: 2025-13-45\n---\n", 2, "the front matter is not YAML: month must be in 1..12."),
    "too deep": ("---\ndescription: " + "[" * 3000 + "\n---\n", 2, "the front matter is not YAML:"),
    "a list": ("---\n- a\n---\n", 2, "the front matter must be keys and values, such as `description: ...`."),
    "a word": ("---\njust text\n---\n", 2, "the front matter must be keys and values"),
    "unknown key": ("---\n\ndescripton: x\n---\n", 3, 'there is no key "descripton". Did you mean "description"?'),
    "unknown key, not near": ("---\nzzz: x\n---\n", 2, 'there is no key "zzz". The keys are: description, input.'),
    "a key twice": (
        "---\ndescription: x\ndescription: y\n---\n",
        3,
        '"description" stands here for the second time; delete one',
    ),
    "a variable twice": (file("a: string\na: string"), 5, '"a" stands here for the second time'),
    "a variable twice, once a list": (
        file("a: string\na(array):\n  b: string"),
        5,
        '"a" is declared for the second time',
    ),
    "description": ("---\ndescription: [x]\n---\n", 2, "description = ['x'] must be a text; put it in quotes."),
    "no schema": (
        "---\ndescription: x\ninput: string\n---\n",
        3,
        "input must hold `schema:` with the variables, and nothing else.",
    ),
    "more than a schema": (
        "---\ninput:\n  default: 1\n  schema:\n    a: string\n---\n{{a}}",
        2,
        "input must hold `schema:`",
    ),
    "unknown type": (
        file("a: string\nb: text", "{{a}}{{b}}"),
        5,
        "\"b\" has the type 'text'; use one of: string, integer, number, boolean.",
    ),
    "no type": (file("a:"), 4, '"a" has the type None'),
    "an object": (file("a:\n  b: string"), 4, "\"a\" has the type {'b': 'string'}"),
    "a list of no objects": (
        file("a(array): string"),
        4,
        "a(array) must hold the fields of its objects, each with a type on its own line.",
    ),
    "unknown type of a field": (file("in: string\na(array):\n  n: int"), 6, "\"n\" has the type 'int'"),
    "a list in a list": (
        file("a(array):\n  b(array):\n    c: string"),
        5,
        "b(array) is a list inside a list; give its text as one string",
    ),
    "no name": (file("my-name: string"), 4, '"my-name" cannot be the name of a variable; use letters, digits and _.'),
    "a reserved name": (file("history: string"), 4, '"history" cannot be the name of a variable'),
    "undeclared": (
        file("name: string", "{{name}}\n\n{{nane}}"),
        8,
        '"nane" is not declared in input.schema. Did you mean "name"?',
    ),
    "undeclared, not near": (
        file("name: string", "{{name}}\n{{zzz}}"),
        7,
        '"zzz" is not declared in input.schema. Declare it, with its type.',
    ),
    "undeclared field": (
        file("a(array):\n  text: string", "{{#each a}}\n{{txt}}\n{{/each}}"),
        8,
        '"txt" is not declared in input.schema. Did you mean "text"?',
    ),
    "a field outside its list": (
        file("a(array):\n  text: string", "{{#each a}}{{text}}{{/each}}\n{{text}}"),
        8,
        '"text" is not declared',
    ),
    "a list as a value": (
        file("a(array):\n  b: string", "{{#if a}}\n{{a}}\n{{/if}}"),
        8,
        '"a" is a list; write {{#each a}} with its fields, then {{/each}}.',
    ),
    "each of no list": (
        file("a: string", "\n{{#each a}}x{{/each}}"),
        7,
        '"a" is of the type string, not a list; use {{#if a}}.',
    ),
    "unused": (
        file("a: string\n\nlater: string"),
        6,
        'the variable "later" is declared and never used; use it or delete it.',
    ),
    "unused, a name within another": (
        file("input_a: string\ninput: string", "{{input_a}}"),
        5,
        'the variable "input" is declared and never used',
    ),
    "in the template": (file("a: string", "{{a}}\n{{/if}}"), 7, "{{/if}} closes nothing"),
}


@pytest.mark.parametrize("name", MISTAKES)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_mistakes_name_file_line_and_what_to_do(name: str, line_end: str) -> None:
    text, line, message = MISTAKES[name]
    error = error_of(text.replace("\n", line_end))
    assert error.startswith(f"prompts/x.prompt:{line}: ")
    assert message in error


def test_lines_are_those_of_the_declaration_also_in_short_forms() -> None:
    text = "---\ndescription: x\ninput: {schema: {a: string,\n  b: string}}\n---\n{{a}}"
    assert error_of(text).startswith('prompts/x.prompt:4: the variable "b" is declared and never used')


def test_a_front_matter_that_holds_itself_is_refused() -> None:
    assert "has the type" in error_of("---\ninput: &i\n  schema: &s\n    a: *s\n---\n{{a}}")


@settings(max_examples=300)
@given(st.text(alphabet="-\n:[]{}&*!|>'\"# ainput schema", max_size=80))
def test_any_front_matter_is_read_or_refused_in_one_sentence(text: str) -> None:
    try:
        parse_prompt(f"---\n{text}\n---\nx", "x.prompt")
    except PromptError as error:
        assert str(error).startswith("x.prompt:")  # noqa: PT017 - most texts are refused, some are not


# --- values ----------------------------------------------------------------------------------------------------------

WRONG_VALUES = {
    "missing": ({"name": None}, 'The prompt "x" needs a value for "name"; pass name=...'),
    "unknown": ({"nam": "x"}, 'The prompt "x" has no variable "nam". Did you mean "name"?'),
    "unknown, not near": ({"zzz": "x"}, 'has no variable "zzz". Its variables are: name, times, warmth, loud, gifts.'),
    "string": ({"name": 3}, "name = 3 must be of the type string."),
    "integer": ({"times": 1.0}, "times = 1.0 must be of the type integer."),
    "integer, not boolean": ({"times": True}, "times = True must be of the type integer."),
    "number": ({"warmth": "1"}, "warmth = '1' must be of the type number."),
    "boolean": ({"loud": 1}, "loud = 1 must be of the type boolean."),
    "list": ({"gifts": "tea"}, "gifts = 'tea' must be a list of objects with what, price."),
    "an object for a list": ({"gifts": {"what": "tea", "price": 1}}, "must be a list of objects with what, price."),
    "object": ({"gifts": ["tea"]}, 'object 1 of gifts has no field "what"; add it.'),
    "field": ({"gifts": [{"what": "a", "price": 1}, {"what": "b"}]}, 'object 2 of gifts has no field "price"; add it.'),
    "type of a field": ({"gifts": [{"what": "a", "price": "1"}]}, "gifts[1].price = '1' must be of the type integer."),
}


@pytest.mark.parametrize("name", WRONG_VALUES)
def test_wrong_values_are_named(name: str) -> None:
    changes, message = WRONG_VALUES[name]
    values = {key: value for key, value in {**VALUES, **changes}.items() if value is not None}
    with pytest.raises(PromptError) as caught:
        parse_prompt(WHOLE, "x.prompt").messages(**values)
    assert message in str(caught.value)


# --- by name, and overriding -----------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "prompts").mkdir()
    return Project(tmp_path)


def put(project: Project, name: str, text: str | bytes) -> Path:
    path = project.root / "prompts" / f"{name}.prompt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_every_shipped_prompt_loads() -> None:
    names = [path.name.removesuffix(".prompt") for path in (builtin_root() / "prompts").glob("*.prompt")]
    assert {"answer", "condense-question"} <= set(names)
    for name in names:
        prompt = load_prompt(name)
        assert prompt.origin == "builtin"
        assert prompt.description


def test_a_projects_prompt_takes_the_place_of_the_built_in_one(project: Project) -> None:
    put(project, "answer", file("question: string", "Q {{question}}"))
    prompt = load_prompt("answer", project)
    assert prompt.origin == "project"
    # It is given all that the built-in one is given, and uses what it likes.
    assert prompt.messages(question="q", fence="f", hits=[]) == [Message("user", "Q q")]
    assert load_prompt("builtin:answer", project).origin == "builtin"


def test_a_replacement_may_use_some_of_the_fields_only(project: Project) -> None:
    put(
        project,
        "answer",
        file("question: string\nhits(array):\n  text: string", "{{question}}{{#each hits}}{{text}}{{/each}}"),
    )
    hits = [{"n": 1, "heading": "h", "text": "t"}]
    assert load_prompt("answer", project).messages(question="q", fence="f", hits=hits) == [Message("user", "qt")]


def test_a_replacement_that_needs_more_is_refused_at_load(project: Project) -> None:
    path = put(project, "answer", file("question: string\nquestions: string", "{{question}}{{questions}}"))
    with pytest.raises(PromptError) as caught:
        load_prompt("answer", project)
    assert str(caught.value) == (
        f'{path}:5: the variable "questions" is not given to this prompt. Did you mean "question"?'
    )
    put(project, "answer", file("question: string\nzzz: string", "{{question}}{{zzz}}"))
    with pytest.raises(PromptError, match=r':5: the variable "zzz" is not given .* It gets: question, fence, hits\.'):
        load_prompt("answer", project)


@pytest.mark.parametrize(
    ("schema", "template", "message"),
    [
        ("question: integer", "{{question}}", '"question" is given to this prompt as string; declare it so.'),
        ("hits: string", "{{hits}}", '"hits" is given to this prompt as a list with n, heading, text; declare it so.'),
        (
            "hits(array):\n  score: number",
            "{{#each hits}}{{score}}{{/each}}",
            '"hits" is given to this prompt as a list with',
        ),
        ("fence(array):\n  a: string", "{{#each fence}}{{a}}{{/each}}", '"fence" is given to this prompt as string'),
    ],
)
def test_a_replacement_that_declares_another_type_is_refused_at_load(
    project: Project, schema: str, template: str, message: str
) -> None:
    put(project, "answer", file(schema, template))
    with pytest.raises(PromptError) as caught:
        load_prompt("answer", project)
    assert ":4: the variable " in str(caught.value)
    assert message in str(caught.value)


def test_a_prompt_of_a_new_name_may_declare_what_it_likes(project: Project) -> None:
    put(project, "mine", file("anything: string", "{{anything}}"))
    assert load_prompt("mine", project).messages(anything="x") == [Message("user", "x")]


def test_a_mark_at_the_beginning_of_the_file_is_no_part_of_it(project: Project) -> None:
    put(project, "mine", b"\xef\xbb\xbf" + WHOLE.replace("\n", "\r\n").encode())
    assert load_prompt("mine", project).hash == parse_prompt(WHOLE, "mine.prompt").hash


def test_a_file_that_is_no_utf_8_is_refused(project: Project) -> None:
    path = put(project, "mine", "---\n---\nGrüße".encode("latin-1"))
    with pytest.raises(PromptError) as caught:
        load_prompt("mine", project)
    assert str(caught.value).startswith(f"{path} cannot be read: ")
    assert str(caught.value).endswith("Save it as UTF-8 text.")


def test_an_unknown_name_tells_where_was_searched_and_what_is_near(project: Project) -> None:
    with pytest.raises(ProjectError) as caught:
        load_prompt("anwser", project)
    assert str(project.root / "prompts") in str(caught.value)
    assert str(builtin_root() / "prompts") in str(caught.value)
    assert 'Did you mean "answer"?' in str(caught.value)
