"""The tree of errors: drawn as it is, and told as promised."""

from __future__ import annotations

import inspect
import re

import pytest

from llmapps import errors
from llmapps.errors import FAILURE_KINDS, LlmappsError, ProviderError, did_you_mean


def tree(cls: type[LlmappsError], depth: int = 0) -> list[tuple[int, str]]:
    """Depth and name of a class and all below it that this module defines, in the order of their definition."""
    below = [sub for sub in cls.__subclasses__() if sub.__module__ == errors.__name__]
    return [(depth, cls.__name__), *(entry for sub in below for entry in tree(sub, depth + 1))]


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = re.findall(r"^    ((?:│   |    )*)(?:[├└]── )?(\w+Error)\b", errors.__doc__ or "", re.MULTILINE)
    depths = [(0 if name == "LlmappsError" else len(indent) // 4 + 1, name) for indent, name in drawn]
    assert len(depths) > 10
    assert depths == tree(LlmappsError)


def test_every_error_of_the_module_is_in_the_tree() -> None:
    defined = {name for name, cls in inspect.getmembers(errors, inspect.isclass) if cls.__module__ == errors.__name__}
    assert defined == {name for _, name in tree(LlmappsError)}


def test_exit_codes_are_two_except_for_somebody_else_is_writing() -> None:
    codes = {name: getattr(errors, name).exit_code for _, name in tree(LlmappsError)}
    assert {name for name, code in codes.items() if code != 2} == {"IndexBusyError"}
    assert codes["IndexBusyError"] == 3


def test_a_provider_error_says_what_happened_and_then_what_to_do() -> None:
    error = ProviderError(
        "Ollama is not running.", kind="unreachable", provider="ollama", hint="Start it.", retryable=True
    )
    assert str(error) == "Ollama is not running. Start it."
    assert error.kind in FAILURE_KINDS
    assert (error.provider, error.model, error.retryable, error.partial_text) == ("ollama", "", True, "")


def test_a_provider_error_without_a_hint_ends_with_its_message() -> None:
    assert str(ProviderError("It failed.", kind="server", provider="openai")) == "It failed."


@pytest.mark.parametrize(
    ("word", "expected"),
    [("opnai", 'Did you mean "openai"?'), ("xyzzy", ""), ("", ""), ("openai", 'Did you mean "openai"?')],
)
def test_did_you_mean_names_the_nearest_or_nothing(word: str, expected: str) -> None:
    assert did_you_mean(word, ["ollama", "openai", "fake"]) == expected
