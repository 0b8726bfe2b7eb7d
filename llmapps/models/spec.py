"""Model specs: the text "provider:name", parsed once into a value."""

from __future__ import annotations

from dataclasses import dataclass

from llmapps.errors import ModelSpecError


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model as the user names it, such as "ollama:llama3.2:1b" (provider "ollama", name "llama3.2:1b")."""

    provider: str
    name: str

    @classmethod
    def parse(cls, text: str) -> ModelSpec:
        """Split on the first colon only, as names of models hold colons too.

        >>> ModelSpec.parse("ollama:llama3.2:1b")
        ModelSpec(provider='ollama', name='llama3.2:1b')

        Raises:
            ModelSpecError: there is no colon, or nothing on one side of it.
        """
        provider, colon, name = text.strip().partition(":")
        if not colon or not provider.strip() or not name.strip():
            raise ModelSpecError(
                f'"{text}" is not a model: write "provider:name", such as "ollama:llama3.2" or "llamacpp:qwen2.5-coder-1.5b".'
            )
        return cls(provider.strip().lower(), name.strip())

    def __str__(self) -> str:
        return f"{self.provider}:{self.name}"
