"""Tests of permissions that also run as root, whom no permission holds back: as the user nobody, then."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65534


@contextmanager
def as_ordinary_user() -> Iterator[Path]:
    """A folder that belongs to a user who is not root, as whom the block is run."""
    if os.name == "nt":
        pytest.skip("Windows has other permissions")
    folder = Path(tempfile.mkdtemp(prefix="llmapps-test-"))
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(folder, NOBODY, NOBODY)
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
            os.setegid(0)
        for path in [folder, *folder.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(folder)
