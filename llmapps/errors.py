"""Every error that llmapps raises, as one tree.

    LlmappsError                      exit code 2: usage, or nothing could be done
    ├── SettingsError                 a setting, its file or its environment variable is wrong
    ├── ProjectError                  a project or a unit of it cannot be found or made
    ├── ModelError
    │   ├── ModelSpecError            no such provider or model; the text is not "provider:name"
    │   ├── MissingPackageError       the provider needs a package that is not installed
    │   ├── WeightsError              weights are absent, broken or cannot be fetched
    │   └── ProviderError             a provider failed: kind, retryable, hint
    ├── PromptError                   a prompt file or the values given to it are wrong
    ├── DocumentError                 one document cannot be read (the others go on)
    ├── NotesError                    the notes are missing or hold nothing that can be read
    ├── NotesIndexError               the index cannot be used
    │   ├── IndexIdentityError        it was made with another embedding
    │   └── IndexBusyError            somebody else is writing (exit code 3)
    └── QuestionError                 the question is empty or does not fit into the context

A message says what happened, with which value, and what to do next, and is shown to the user as it stands.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Literal, get_args

FailureKind = Literal[
    "unreachable",
    "timeout",
    "rate_limited",
    "quota",
    "auth",
    "model_not_found",
    "context_overflow",
    "bad_request",
    "server",
    "malformed",
    "truncated",
    "empty",
    "cancelled",
]
"""Why a provider failed; see `ProviderError`."""

FAILURE_KINDS: tuple[FailureKind, ...] = get_args(FailureKind)


class LlmappsError(Exception):
    """Something that a user can be told in one sentence; the command line shows it without a traceback."""

    exit_code = 2


class SettingsError(LlmappsError):
    """A setting, the file it stands in or its environment variable is wrong."""


class ProjectError(LlmappsError):
    """A project, or a unit of one (a prompt, a course), cannot be found or made."""


class ModelError(LlmappsError):
    """A model cannot be used."""


class ModelSpecError(ModelError):
    """A model spec names no known provider or model, or is not of the form "provider:name"."""


class MissingPackageError(ModelError):
    """A provider needs a Python package that is not installed; the message holds the pip line."""


class WeightsError(ModelError):
    """Weights are absent, broken, or cannot be fetched or stored."""


class ProviderError(ModelError):
    """A model provider failed.

    Attributes:
        kind: what went wrong, one of `FAILURE_KINDS`.
        retryable: whether the same call may succeed later without any change.
        provider: the provider's name, such as "ollama".
        model: the model's name at that provider.
        hint: what the user can do now, one sentence.
        partial_text: what a stream had delivered before it failed, else "".
    """

    def __init__(  # noqa: PLR0913 - what a caller needs to decide what to do, each by name
        self,
        message: str,
        *,
        kind: FailureKind,
        provider: str,
        model: str = "",
        hint: str = "",
        retryable: bool = False,
        partial_text: str = "",
    ) -> None:
        super().__init__(f"{message} {hint}".strip())
        self.kind = kind
        self.retryable = retryable
        self.provider = provider
        self.model = model
        self.hint = hint
        self.partial_text = partial_text


class PromptError(LlmappsError):
    """A prompt file is wrong, or the values given to it do not fit."""


class DocumentError(LlmappsError):
    """One document cannot be read; the message is the reason, without the path."""


class NotesError(LlmappsError):
    """The notes are missing or hold nothing that can be read."""


class NotesIndexError(LlmappsError):
    """The index of the notes cannot be used."""


class IndexIdentityError(NotesIndexError):
    """The index was made with another embedding or other prefixes."""


class IndexBusyError(NotesIndexError):
    """Somebody else is writing the index."""

    exit_code = 3


class QuestionError(LlmappsError):
    """The question is empty, or does not fit into the model's context."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence such as `Did you mean "ollama"?`, or "" when nothing known is near.

    >>> did_you_mean("olama", ["ollama", "openai"])
    'Did you mean "ollama"?'
    >>> did_you_mean("zzz", ["ollama"])
    ''
    """
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f'Did you mean "{near[0]}"?' if near else ""
