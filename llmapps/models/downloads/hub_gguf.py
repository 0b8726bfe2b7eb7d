"""GGUF models by their names on the hub, hf.co/OWNER/REPO or hf.co/OWNER/REPO:QUANT, as Ollama writes them, too."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from llmapps.errors import ModelSpecError, WeightsError
from llmapps.models.catalog import HubSource, WeightFile
from llmapps.models.downloads.failures import SourceFailed
from llmapps.models.downloads.hub import Hub

PREFIX = "hf.co/"
DEFAULT_QUANT = "Q4_K_M"
_PART = r"[A-Za-z0-9][\w.-]*"
_NAME = re.compile(rf"{re.escape(PREFIX)}({_PART}/{_PART})(?::({_PART}))?")


@dataclass(frozen=True, slots=True)
class HubGguf:
    """A repository on the hub and which of its files is meant; an empty quant leaves the choice to us."""

    repository: str
    quant: str = ""

    @classmethod
    def parse(cls, name: str) -> HubGguf:
        """The parts of a name.

        >>> HubGguf.parse("hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q8_0")
        HubGguf(repository='bartowski/Llama-3.2-1B-Instruct-GGUF', quant='Q8_0')

        Raises:
            ModelSpecError: it is not of that form.
        """
        match = _NAME.fullmatch(name)
        if match is None:
            raise ModelSpecError(
                f'"{name}" is not a GGUF model on the hub: write "hf.co/OWNER/REPO" or "hf.co/OWNER/REPO:QUANT", such '
                'as "hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M".'
            )
        return cls(match[1], match[2] or "")

    @property
    def folder(self) -> str:
        """Where its files lie, below the weights folder."""
        return PREFIX + self.repository

    def __str__(self) -> str:
        return self.folder + (f":{self.quant}" if self.quant else "")


def remembered_file(wanted: HubGguf, weights_folder: Path) -> WeightFile | None:
    """The file that this name meant when it was first fetched, so that a model works offline ever after."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        choice = json.loads(_choices(wanted, weights_folder).read_text(encoding="utf-8"))[wanted.quant]
        return WeightFile(hub=HubSource(**choice.pop("hub")), wheels=(), **choice)
    return None


def remember_file(wanted: HubGguf, file: WeightFile, weights_folder: Path) -> None:
    """Notes which file the name means."""
    path = _choices(wanted, weights_folder)
    choices: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        choices = json.loads(path.read_text(encoding="utf-8"))
    choices[wanted.quant] = {key: value for key, value in asdict(file).items() if key != "wheels"}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(choices, indent=1), encoding="utf-8")


def find_on_hub(wanted: HubGguf) -> WeightFile:
    """The file that the name means, found out by asking the hub for the repository's files.

    Raises:
        WeightsError: the hub cannot be asked, there is no such repository, or no such file in it.
    """
    try:
        with Hub() as hub:
            listing = hub.list_files(wanted.repository)
    except SourceFailed as failure:
        raise WeightsError(
            f"{wanted} cannot be looked up: {failure}. Check the name, set HF_TOKEN if the repository is private, or "
            "give the path of a .gguf file on this machine."
        ) from failure
    found = {entry["rfilename"]: entry for entry in listing if entry["rfilename"].lower().endswith(".gguf")}
    chosen = choose_gguf(list(found), wanted)
    lfs = found[chosen].get("lfs") or {}
    return WeightFile(
        file=f"{wanted.folder}/{PurePosixPath(chosen).name}",
        sha256=str(lfs.get("sha256") or ""),
        size=int(lfs.get("size") or found[chosen]["size"]),
        hub=HubSource(wanted.repository, chosen),
        wheels=(),
    )


def choose_gguf(files: list[str], wanted: HubGguf) -> str:
    """The one file of a repository that is meant: that of the quant, by default Q4_K_M, else the only one.

    Raises:
        WeightsError: there is none, several fit, or it is split into parts.
    """
    models = sorted(file for file in files if re.fullmatch(r"[^\\:]+", file) and "mmproj" not in file.lower())
    quant = wanted.quant or DEFAULT_QUANT
    named = re.compile(rf"(?:^|[-._]){re.escape(quant.removesuffix('.gguf'))}(?:[-.]|$)", re.IGNORECASE)
    fitting = [file for file in models if named.search(PurePosixPath(file).stem)]
    exact = [file for file in fitting if PurePosixPath(file).name == wanted.quant]
    fitting = exact or fitting or (models if not wanted.quant and len(models) == 1 else [])
    offer = ", ".join(PurePosixPath(file).name for file in models[:20]) or "no GGUF file at all"
    if not fitting:
        raise WeightsError(f"{wanted.folder} has no file for {quant}. It has {offer}. Name one after a colon.")
    if any(re.search(r"-\d{5}-of-\d{5}\.gguf$", file) for file in fitting):
        raise WeightsError(
            f"{fitting[0]} of {wanted.folder} is split into parts, which cannot be used. Choose a smaller quant."
        )
    if len(fitting) > 1:
        raise WeightsError(
            f"{len(fitting)} files of {wanted.folder} are {quant}: {', '.join(fitting)}. Name one after a colon."
        )
    return fitting[0]


def _choices(wanted: HubGguf, weights_folder: Path) -> Path:
    return weights_folder / wanted.folder / "choices.json"
