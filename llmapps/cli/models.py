"""`llmapps models`: the weights that can be had, and those that are here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from llmapps.cli.output import emit, emit_json, say

app = typer.Typer(help="Weights on this machine: list, pull, remove.", no_args_is_help=True)


@app.command("list")
def list_models(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show the models that run on this machine without a server, and which are here."""
    rows = _rows()
    if as_json:
        emit_json(rows)
        return
    from llmapps.models.downloads.progress import format_size

    lines = [("MODEL", "KIND", "SIZE", "HERE", "LICENCE", "WHAT FOR")]
    lines += [
        (
            row["model"],
            row["kind"],
            format_size(row["size"]),
            "yes" if row["here"] else "no",
            row["licence"],
            row["about"],
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        emit("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


@app.command()
def pull(
    name: Annotated[
        str, typer.Argument(help='A name from `llmapps models list`, or "llamacpp:hf.co/OWNER/REPO:QUANT".')
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before a big download.")] = False,
) -> None:
    """Fetch weights, so that the model works without a network. Prints the path of the file."""
    from llmapps.cli.progress import ConfirmedDownload, TerminalDownload
    from llmapps.models.weights import ensure_gguf, ensure_weights

    wanted = weights_name(name)
    ensure = ensure_gguf if wanted.startswith("hf.co/") else ensure_weights
    emit(str(ensure(wanted, progress=TerminalDownload() if yes else ConfirmedDownload())))


@app.command()
def remove(name: Annotated[str, typer.Argument(help="A name from `llmapps models list`.")]) -> None:
    """Delete weights from this machine."""
    from llmapps.models.downloads.progress import format_size
    from llmapps.models.weights import remove_weights

    wanted = weights_name(name)
    say(f"Removed {wanted}: {format_size(remove_weights(wanted))} are free again.")


def weights_name(text: str) -> str:
    """The name of weights that a user means: one of the catalog, its model spec, or hf.co/OWNER/REPO[:QUANT].

    Raises:
        ModelSpecError: there are no such weights; for models of other providers, says how they are had.
    """
    from llmapps.errors import ModelSpecError, did_you_mean
    from llmapps.models.catalog import CATALOG

    provider, colon, rest = text.partition(":")
    hub_name = rest if provider == "llamacpp" else text
    if hub_name.startswith("hf.co/"):
        return hub_name
    for weights in CATALOG.values():
        if text in (weights.name, weights.spec):
            return weights.name
    if provider == "ollama" and rest:
        raise ModelSpecError(f"Ollama keeps its own models: use `ollama pull {rest}` and `ollama rm {rest}`.")
    if colon and provider not in ("llamacpp", "onnx"):
        raise ModelSpecError(f'"{text}" has no weights to keep here: only models of llamacpp: and onnx: have.')
    known = [spelling for weights in CATALOG.values() for spelling in (weights.name, weights.spec)]
    hint = did_you_mean(text, known) or f"There are: {', '.join(CATALOG)}; and hf.co/OWNER/REPO:QUANT."
    raise ModelSpecError(f'There are no weights called "{text}". {hint}')


def _rows() -> list[dict[str, Any]]:
    """The catalog, then what was pulled from the hub; `path` is None when it is not here."""
    from llmapps.models.catalog import CATALOG
    from llmapps.models.weights import installed_weights

    here = installed_weights()
    rows = []
    for name, weights in CATALOG.items():
        about = {"kind": weights.kind, "size": weights.size, "licence": weights.licence, "about": weights.about}
        rows.append(_row(weights.spec, here.pop(name, None), about))
    for name, path in here.items():
        about = {"kind": "chat", "size": path.stat().st_size, "licence": "see the hub", "about": "pulled from the hub"}
        rows.append(_row(f"llamacpp:{name}", path, about))
    return rows


def _row(model: str, path: Path | None, about: dict[str, Any]) -> dict[str, Any]:
    return {"model": model, **about, "here": path is not None, "path": str(path) if path else None}
