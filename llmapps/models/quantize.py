"""The fast form of the embedding model's file: made once on this machine, next to the weights, in half a second.

The file that is fetched holds 8-bit weights but computes with 32-bit floats, in a graph that no optimizer of
onnxruntime recognizes. This module reads its weights and writes the same transformer encoder anew, for one text at a
time:

    token ids -> embeddings -> 6 x (attention -> feed-forward) -> mean over the tokens -> unit vector

Three things make it fast (in milliseconds of one core for a text of 220 tokens; the shipped file in padded batches
and sentence-transformers on torch take 80; `tests/benchmarks/embed.py` measures again):

- Operators that onnxruntime has for just this (MultiHeadAttention, BiasGelu, LayerNormalization): 26 in floats.
- One text a run and one run a core: no padding, no mask, and the intermediate results fit into the core's cache.
  Hence a text's vector depends on nothing but the text.
- Products in 8-bit integers. The weights are taken as they are shipped; the activations are rounded to 8 bits token by
  token, each token with a scale of its own: 13.5. Only the values of the attention stay in floats: that costs 1 more,
  but rounding them made two thirds of all the error: 14.5.

The loss, on 2,000 abstracts and 400 questions of SciFact (train), against the original model in sentence-transformers:
cosine .9989 on average and .998 at least (the shipped file: .9994 and .9989), nDCG@10 .7346 against .7352 (+-.004).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from filelock import FileLock
from onnx import TensorProto, helper, numpy_helper

_LAYERS, _HEADS = 6, 12
_EPSILON = 1e-12  # of the layer normalizations, from the model's config.json
_MICROSOFT = "com.microsoft"  # onnxruntime's own operators; they are described in its docs/ContribOperators.md
_LOCK_TIMEOUT_S = 60.0

Array = np.ndarray[Any, Any]


def make_fast(source: Path, target: Path) -> None:
    """Writes the fast form of the file `source`, unless it is there: all at once, and one process at a time.

    Raises:
        OSError: it cannot be written, or another process has been making it for a minute (`filelock.Timeout`).
        KeyError: the source is not the model that this module knows.
    """
    with FileLock(f"{target}.lock", timeout=_LOCK_TIMEOUT_S):
        if target.is_file():
            return
        partial = target.with_name(f"{target.name}.making")
        try:
            partial.write_bytes(fast_model(source).SerializeToString())
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)


def fast_model(source: Path, *, unsigned: bool | None = None) -> onnx.ModelProto:
    """The encoder as a graph: `input_ids` (1, tokens) int64 in, `vectors` (1, 384) float32, unit rows, out.

    Args:
        source: the file as it was fetched.
        unsigned: whether to store the weights as unsigned integers: the same products, slower, but right on processors
            whose signed ones overflow; None: as this processor needs it.
    """
    weights = _read_weights(source)
    graph = _Graph(unsigned=overflows() if unsigned is None else unsigned)
    x = _embed_tokens(graph, weights)
    for layer in range(_LAYERS):
        x = _encode(graph, weights, layer, x)
    mean = graph.add("ReduceMean", x, graph.constant(np.array([1], np.int64)), keepdims=0)
    graph.add("LpNormalization", mean, axis=-1, p=2, result="vectors")
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["texts", "tokens"])
    vectors = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["texts", weights.width])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(_MICROSOFT, 1)]
    made = helper.make_graph(graph.nodes, "encoder", [ids], [vectors], graph.constants)
    return helper.make_model(made, opset_imports=opsets, ir_version=9)


def overflows() -> bool:
    """Whether this processor's product of unsigned by signed bytes overflows: that of x86 without VNNI does."""
    ones = np.full((1, 64), 255, np.uint8), np.full((64, 16), 127, np.int8)
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in zip("ab", ones, strict=True)
    ]
    product = helper.make_tensor_value_info("y", TensorProto.INT32, (1, 16))
    node = helper.make_node("MatMulInteger", ["a", "b"], ["y"])
    # The second factor is a constant, as weights are: only then is the fast product used.
    graph = helper.make_graph([node], "probe", inputs[:1], [product], [numpy_helper.from_array(ones[1], "b")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {"a": ones[0]})
    return bool((result != 64 * 255 * 127).any())


@dataclass(frozen=True, slots=True)
class _Linear:
    """A linear layer: `x @ (weights * scales) + bias`. weights: (inputs, outputs) int8; scales, bias: (outputs,)."""

    weights: Array
    scales: Array
    bias: Array


@dataclass(frozen=True, slots=True)
class _Weights:
    """The model's numbers by their names; linear layers by the name of their bias without ".bias"."""

    tensors: dict[str, Array]
    linear: dict[str, _Linear]

    @property
    def width(self) -> int:
        return int(self.tensors["inner.embeddings.LayerNorm.bias"].size)


def _read_weights(source: Path) -> _Weights:
    """The weights by name; those of linear layers have lost theirs, and are found through the bias that is added."""
    graph = onnx.load(source).graph
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    makers = {output: node for node in graph.node for output in node.output}
    linear = {}
    for node in graph.node:
        product = makers.get(node.input[0]) if node.op_type == "Add" else None
        if product is not None and product.op_type == "MatMul" and node.input[1].endswith(".bias"):
            name, bias = product.input[1], node.input[1]
            scales = tensors[f"{name}_scale"].reshape(-1)
            linear[bias.removesuffix(".bias")] = _Linear(tensors[f"{name}_q"], scales, tensors[bias])
    return _Weights(tensors, linear)


@dataclass(slots=True)
class _Graph:
    """A graph that is being written: each operation gets a fresh name for its result, and hands it back."""

    unsigned: bool
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, array: Array) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, operator: str, *inputs: str, domain: str = "", result: str = "", **attributes: Any) -> str:
        name = result or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], domain=domain, **attributes))
        return name

    def split(self, x: str, parts: int) -> list[str]:
        names = [f"t{len(self.nodes)}_{part}" for part in range(parts)]
        self.nodes.append(helper.make_node("Split", [x], names, axis=-1, num_outputs=parts))
        return names


def _embed_tokens(graph: _Graph, weights: _Weights) -> str:
    """The sum of each token's and its position's embedding, normalized. A text's tokens are all of type 0."""
    prefix = "inner.embeddings."
    ids = "input_ids"
    rows = graph.add("Gather", graph.constant(weights.tensors[f"{prefix}word_embeddings.weight_q"]), ids)
    scales = graph.add("Gather", graph.constant(weights.tensors[f"{prefix}word_embeddings.weight_scale"]), ids)
    words = graph.add("Mul", graph.add("Cast", rows, to=TensorProto.FLOAT), scales)
    table = weights.tensors[f"{prefix}position_embeddings.weight_q"].astype(np.float32)
    table = table * weights.tensors[f"{prefix}position_embeddings.weight_scale"]
    table = table + weights.tensors[f"{prefix}token_type_embeddings.weight"][0]
    length = graph.add("Shape", ids, start=1, end=2)
    positions = graph.add("Slice", graph.constant(table), graph.constant(np.array([0], np.int64)), length)
    return _normalize(graph, weights, f"{prefix}LayerNorm", graph.add("Add", words, positions))


def _encode(graph: _Graph, weights: _Weights, layer: int, x: str) -> str:
    """One layer of a transformer (Devlin et al. 2019, BERT): attention, feed-forward, each added to its input."""
    prefix = f"inner.encoder.layer.{layer}."
    query, key, value = (weights.linear[f"{prefix}attention.self.{part}"] for part in ("query", "key", "value"))
    queries, keys = graph.split(_add_bias(graph, *_int8_product(graph, x, [query, key])), 2)
    values = _add_bias(graph, *_float_product(graph, x, value))
    mixed = graph.add("MultiHeadAttention", queries, keys, values, domain=_MICROSOFT, num_heads=_HEADS)
    output = _int8_product(graph, mixed, [weights.linear[f"{prefix}attention.output.dense"]])
    x = _normalize(
        graph, weights, f"{prefix}attention.output.LayerNorm", graph.add("Add", _add_bias(graph, *output), x)
    )
    wide, bias = _int8_product(graph, x, [weights.linear[f"{prefix}intermediate.dense"]])
    active = graph.add("BiasGelu", wide, bias, domain=_MICROSOFT)
    output = _int8_product(graph, active, [weights.linear[f"{prefix}output.dense"]])
    return _normalize(graph, weights, f"{prefix}output.LayerNorm", graph.add("Add", _add_bias(graph, *output), x))


def _normalize(graph: _Graph, weights: _Weights, name: str, x: str) -> str:
    gain, bias = (graph.constant(weights.tensors[f"{name}.{part}"]) for part in ("weight", "bias"))
    return graph.add("LayerNormalization", x, gain, bias, axis=-1, epsilon=_EPSILON)


def _add_bias(graph: _Graph, product: str, bias: str) -> str:
    return graph.add("Add", product, bias)


def _float_product(graph: _Graph, x: str, linear: _Linear) -> tuple[str, str]:
    """The product in floats, and the bias that is still to be added."""
    table = linear.weights.astype(np.float32) * linear.scales
    return graph.add("MatMul", x, graph.constant(table)), graph.constant(linear.bias)


def _int8_product(graph: _Graph, x: str, linears: Sequence[_Linear]) -> tuple[str, str]:
    """The products with one or more linear layers side by side, and the bias that is still to be added.

    Each token (row of x) is divided by its own largest magnitude, rounded to 255 steps around 128, multiplied in
    integers, and the result is multiplied by that magnitude again.
    """
    table = np.concatenate([linear.weights for linear in linears], axis=1)
    scales = np.concatenate([linear.scales for linear in linears])
    bias = np.concatenate([linear.bias for linear in linears])
    step, zero = graph.constant(np.array(1 / 127, np.float32)), graph.constant(np.array(128, np.uint8))
    largest = graph.add("ReduceMax", graph.add("Abs", x), graph.constant(np.array([-1], np.int64)), keepdims=1)
    rounded = graph.add("QuantizeLinear", graph.add("Div", x, largest), step, zero)
    factors = [rounded, graph.constant(table), step, graph.constant(scales), zero]
    if graph.unsigned:
        factors[1] = graph.constant((table.astype(np.int16) + 128).astype(np.uint8))
        factors.append(graph.constant(np.full(scales.shape, 128, np.uint8)))
    product = graph.add("MatMulIntegerToFloat", *factors, domain=_MICROSOFT)
    return graph.add("Mul", product, largest), graph.constant(bias)
