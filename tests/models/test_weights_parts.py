"""Downloads in parts that are killed, run twice at once, or run out of disk; in processes of their own, by real pip."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from standins.wheel_index import build_wheel, build_wheels, index_environment, made_bytes, tiny_weights

from llmapps.errors import WeightsError
from llmapps.models.catalog import CATALOG, WheelPart
from llmapps.models.downloads.failures import SourceFailed
from llmapps.models.downloads.partial import PartialFile, unfinished_path
from llmapps.models.downloads.progress import SilentDownload
from llmapps.models.downloads.wheels import append_part
from llmapps.models.weights import ensure_weights, remove_weights

REPOSITORY = Path(__file__).resolve().parents[2]
PART_BYTES = 300_000


def _data(parts: int) -> bytes:
    """So many parts, the last of them smaller. Few, as each costs half a second of pip."""
    return made_bytes(parts * PART_BYTES - 1000)


@pytest.fixture
def offer(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], Path]:
    """Puts these bytes on the index, as the wheels of the tiny weights; the index's folder."""
    index = tmp_path / "index"
    for name, value in index_environment(index).items():
        monkeypatch.setenv(name, value)

    def offer(data: bytes) -> Path:
        weights = tiny_weights(data, part_bytes=PART_BYTES)
        monkeypatch.setitem(CATALOG, "tiny", weights)
        build_wheels(index, weights, data)
        return index

    return offer


def _start(data: bytes, *options: str | Path) -> subprocess.Popen[str]:
    """A process that fetches the tiny weights."""
    words = [sys.executable, "-m", "standins.download_process", str(len(data)), str(PART_BYTES), *map(str, options)]
    path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True, encoding="utf-8")


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _forget_wheels(index: Path, *numbers: int) -> None:
    """Takes wheels off the index: whoever wanted to fetch them again would fail."""
    for number in numbers:
        (index / f"tiny_part{number}-1.0-py3-none-any.whl").unlink()


def test_killed_after_two_parts_goes_on_with_the_third(offer: Callable[[bytes], Path], home: Path) -> None:
    index = offer(data := _data(4))
    with _start(data, "--stop-after", str(2 * PART_BYTES)) as process:
        assert [_line(process), _line(process)] == ["announced", "stopped"]
        process.kill()
    _forget_wheels(index, 1, 2)

    path = ensure_weights("tiny", offline=False)
    assert path.read_bytes() == data
    assert not list((home / "weights" / ".fetching").glob("*.wheels"))


def test_ctrl_c_keeps_the_finished_parts_and_frees_the_lock(offer: Callable[[bytes], Path], home: Path) -> None:
    index = offer(data := _data(2))

    class Impatient(SilentDownload):
        def advance(self, done_bytes: int, total_bytes: int) -> None:
            if done_bytes > PART_BYTES:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure_weights("tiny", offline=False, progress=Impatient())
    assert not list((home / "weights" / ".fetching").glob("*.wheels"))
    _forget_wheels(index, 1)
    assert ensure_weights("tiny", offline=False).read_bytes() == data


def test_two_processes_fetch_once(offer: Callable[[bytes], Path], home: Path, tmp_path: Path) -> None:
    index = offer(data := _data(1))
    go = tmp_path / "go"
    with _start(data, "--wait-for", go) as first:
        assert _line(first) == "announced"
        while not list((home / "weights" / ".fetching").glob("*.owner")):
            assert first.poll() is None
        with _start(data) as second:
            assert _line(second) == "announced"
            assert f"process {first.pid} on " in (note := _line(second).lower())
            assert "is fetching tiny.gguf already; waiting for it." in note
            with pytest.raises(WeightsError, match=rf"Process {first.pid} on .* is fetching tiny\.gguf now"):
                remove_weights("tiny")
            go.touch()
            assert _line(first) == "done"
            _forget_wheels(index, 1)
            assert _line(second) == "done"
    assert (home / "weights" / "tiny.gguf").read_bytes() == data


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit on the size of a file")
def test_a_disk_that_fills_up_keeps_what_is_there(offer: Callable[[bytes], Path], home: Path) -> None:
    index = offer(data := _data(2))
    with _start(data, "--most-bytes", "400000") as process:
        assert _line(process) == "announced"
        message = _line(process)
    assert message.startswith("error There is no room for tiny.gguf (File too large):")
    assert f"are free in {home / 'weights'}" in message
    assert unfinished_path(home / "weights", "tiny.gguf").stat().st_size == PART_BYTES
    _forget_wheels(index, 1)
    assert ensure_weights("tiny", offline=False).read_bytes() == data


def test_bytes_damaged_on_disk_are_not_built_upon(offer: Callable[[bytes], Path], home: Path) -> None:
    index = offer(data := _data(3))
    unfinished = unfinished_path(home / "weights", "tiny.gguf")
    unfinished.parent.mkdir(parents=True)
    with PartialFile(unfinished) as partial:
        for start in (0, PART_BYTES):
            partial.append(data[start : start + PART_BYTES])
            partial.checkpoint()
    with unfinished.open("r+b") as file:
        file.seek(PART_BYTES + 5)
        file.write(b"damaged")
    with PartialFile(unfinished) as partial:
        assert partial.size == PART_BYTES
    _forget_wheels(index, 1)
    assert ensure_weights("tiny", offline=False).read_bytes() == data


class TestPartialFile:
    def test_what_came_after_the_last_checkpoint_is_not_believed(self, tmp_path: Path) -> None:
        with PartialFile(tmp_path / "file") as partial:
            partial.append(b"one ")
            partial.checkpoint()
            partial.append(b"two")
        with PartialFile(tmp_path / "file") as partial:
            assert partial.size == 4
            partial.append(b"three")
            partial.checkpoint()
        with PartialFile(tmp_path / "file") as partial:
            assert partial.size == 9
        assert (tmp_path / "file").read_bytes() == b"one three"

    def test_a_torn_journal_line_is_ignored(self, tmp_path: Path) -> None:
        with PartialFile(tmp_path / "file") as partial:
            partial.append(b"one ")
            partial.checkpoint()
        with (tmp_path / "file.journal").open("a", encoding="utf-8") as journal:
            journal.write('{"size": 7, "sha2')
        with PartialFile(tmp_path / "file") as partial:
            assert partial.size == 4

    def test_without_a_journal_nothing_is_believed(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"from elsewhere")
        with PartialFile(tmp_path / "file") as partial:
            assert partial.size == 0

    def test_moves_into_place_over_what_is_there(self, tmp_path: Path) -> None:
        (tmp_path / "target").write_bytes(b"old")
        with PartialFile(tmp_path / "file") as partial:
            partial.append(b"new")
            partial.checkpoint()
            partial.move_to(tmp_path / "target")
        assert [path.name for path in tmp_path.iterdir()] == ["target"]
        assert (tmp_path / "target").read_bytes() == b"new"


_SOME_BYTES = made_bytes(100)


class TestParts:
    part = WheelPart("tiny-part1==1.0", "tiny_part1/data.bin", 100)

    @pytest.mark.parametrize("skip", [0, 40, 100])
    def test_begins_where_the_file_ends(self, tmp_path: Path, skip: int) -> None:
        wheel = build_wheel(tmp_path, self.part, _SOME_BYTES[:100])
        with PartialFile(tmp_path / "file") as partial:
            partial.append(_SOME_BYTES[:skip])
            append_part(self.part, wheel, partial, skip=skip)
            assert partial.size == 100
        assert (tmp_path / "file").read_bytes() == _SOME_BYTES[:100]

    def test_takes_it_out_of_a_folder_too(self, tmp_path: Path) -> None:
        zipfile.ZipFile(build_wheel(tmp_path, self.part, _SOME_BYTES[:100])).extractall(tmp_path / "contents")
        with PartialFile(tmp_path / "file") as partial:
            append_part(self.part, tmp_path / "contents", partial, skip=0)
        assert (tmp_path / "file").read_bytes() == _SOME_BYTES[:100]

    def test_all_or_nothing(self, tmp_path: Path) -> None:
        wheel = build_wheel(tmp_path, self.part, _SOME_BYTES[:100])
        wheel.write_bytes(wheel.read_bytes().replace(_SOME_BYTES[50:60], b"0123456789"))
        with PartialFile(tmp_path / "file") as partial:
            with pytest.raises(SourceFailed, match=r"the wheel of tiny-part1==1\.0 is broken \(Bad CRC-32"):
                append_part(self.part, wheel, partial, skip=0)
            assert partial.size == 0

    def test_another_size_or_another_member_is_refused(self, tmp_path: Path) -> None:
        wheel = build_wheel(tmp_path, self.part, _SOME_BYTES[:90])
        with PartialFile(tmp_path / "file") as partial:
            with pytest.raises(SourceFailed, match=r"holds 90 bytes of tiny_part1/data\.bin instead of 100"):
                append_part(self.part, wheel, partial, skip=0)
            with pytest.raises(SourceFailed, match=r"tiny-part1==1\.0 holds no file other\.bin"):
                append_part(WheelPart("tiny-part1==1.0", "other.bin", 100), wheel, partial, skip=0)
            assert partial.size == 0
