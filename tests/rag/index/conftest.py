"""Notes with an index, for the tests of the index."""

from __future__ import annotations

from pathlib import Path

import pytest
from standins.notes_folder import NotesFolder

from llmapps.rag.index import plan


@pytest.fixture
def folder(tmp_path: Path) -> NotesFolder:
    """Notes in a folder of the test, embedded by `fake:hashed`."""
    return NotesFolder(tmp_path)


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as settled at once, so that a test need not wait two seconds to see what is then not read again."""
    monkeypatch.setattr(plan, "_SETTLED_NS", -(10**12))
