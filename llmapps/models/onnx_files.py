"""Which files an embedding is computed from: the weights as they were fetched, or the fast form made of them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from llmapps.models.weights import weight_paths

FAST = "int8-per-token-1"
"""Names what `llmapps.models.quantize` does to the numbers; to be changed when it changes the vectors."""

SHIPPED = "shipped"
"""Nothing is done to them: the file as it was fetched."""


@dataclass(frozen=True, slots=True)
class OnnxFiles:
    """What an embedding is computed from.

    Attributes:
        name: of the model, in the catalog.
        encoder: the file that onnxruntime loads; tokenizer: the `tokenizer.json`.
        recipe: how the encoder was made of the weights, `FAST` or `SHIPPED`; a part of the index identity.
    """

    name: str
    encoder: Path
    tokenizer: Path
    recipe: str


def fast_path(weights: Path) -> Path:
    """Where the fast form of a file of weights lies: next to it."""
    return weights.with_name(f"{weights.stem}.{FAST}.onnx")


def fastest_files(name: str) -> OnnxFiles:
    """The files of a model whose weights are here; makes the fast form if need be (0.3 s), or warns that it cannot."""
    weights, tokenizer = weight_paths(name)
    fast = fast_path(weights)
    try:
        if not fast.is_file():
            from llmapps.models.quantize import make_fast  # noqa: PLC0415 - only this once, it brings onnx

            make_fast(weights, fast)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in there, the shipped file works
        warnings.warn(
            f"The fast form of {weights.name} cannot be made ({type(error).__name__}: {error}). The file is used as it "
            "is: half as fast, and with an index identity of its own. Check that the folder "
            f"{weights.parent} can be written, and try `pip install --force-reinstall onnx`.",
            RuntimeWarning,
            stacklevel=2,
        )
        return OnnxFiles(name, weights, tokenizer, SHIPPED)
    return OnnxFiles(name, fast, tokenizer, FAST)
