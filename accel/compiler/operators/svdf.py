"""Dense layers of low rank whose answers over time are filtered, with a state of past answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...numeric.rounding import CONTRACTS, quantize_multiplier
from ...numeric.runtimes.svdf_tflm import Svdf as Rule
from ...numeric.runtimes.svdf_tflm import invocation, multipliers
from ..ir.graph import Graph, Node
from ._kinds import HostOnly
from ._operator import affine, check_activation, input_tensor, output_tensor, require, support
from ._recurrent import check_bias, check_state, check_sums, check_weights

MOST_BIAS_OFF = 1e-5  # of a bias' scale, beyond which TFLite Micro refuses


@dataclass(frozen=True, kw_only=True)
class Svdf:
    """``rank`` filters make each unit.

    Inputs are the features, weights of features and of time, the bias, and the state: past answers
    of each filter, the oldest first. Outputs are the units, and the state that is left.
    """

    rank: int


def check(node: Node, graph: Graph) -> None:
    a: Svdf = node.attributes
    counts = (len(node.inputs), len(node.outputs))
    require(counts == (5, 2), node, f"must have 5 inputs and 2 outputs, not {counts}")
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    for tensor in (source, output):
        check_activation(node, tensor)
    features, time, bias, state = (input_tensor(node, graph, index) for index in range(1, 5))
    for weights in (features, time):
        require(len(weights.shape) == 2, node, f"has weights {weights.name!r} of {weights.shape}")
    filters, memory = features.shape[0], time.shape[1]
    divides = a.rank > 0 and filters % a.rank == 0
    require(divides, node, f"has {filters} filters of rank {a.rank}, which does not divide them")
    units = filters // a.rank
    batch, size = source.shape[-2:] if len(source.shape) > 1 else (0, 0)
    kept = batch * filters * memory
    for tensor, what, wanted in (
        (source, "an input", size),
        (output, "an output", units),
        (state, "a state", filters * memory),
    ):
        shape = (batch, wanted) if batch == 1 else (1, batch, wanted)
        given = f"{what} {tensor.name!r} of shape {tensor.shape}, not {shape}"
        require(tensor.shape == shape, node, f"has {given}")
    check_state(node, state, graph.tensor(node.outputs[1]), "state", kept, ("int8", "int16"))
    check_weights(node, features, "weights of features", (filters, size), "int8")
    check_weights(node, time, "weights of time", (filters, memory), state.dtype)
    check_bias(node, bias, units)
    scale = bias.quantization.scale[0] if bias.quantization else 0.0
    made = float(np.float32(affine(state).scale) * np.float32(affine(time).scale))
    what = f"bias {bias.name!r} has scale {scale!r}, not {made!r}"
    why = "that of the state times that of the weights of time"
    require(abs(scale - made) < MOST_BIAS_OFF, node, what, why, "convert the model anew")
    rule = _rule(node, graph)
    shift = rule.to_state[1]
    check_sums(node, "sums of features", rule.features, np.zeros(1), affine(source), shift)
    what = f"has an output scale of {affine(output).scale!r}"
    support(rule.to_output[1] <= 0, node, what, "which is too small for its sums", "use a larger")


def _rule(node: Node, graph: Graph) -> Rule:
    features, time, bias, kept = (input_tensor(node, graph, index) for index in range(1, 5))
    state = affine(kept)
    source, output = affine(input_tensor(node, graph)), affine(output_tensor(node, graph))
    first, second = multipliers(
        source.scale, affine(features).scale, state.scale, affine(time).scale, output.scale
    )
    return Rule(
        features=features.values.astype(np.int64),
        time=time.values.astype(np.int64),
        bias=bias.values.astype(np.int64),
        bits=8 * np.dtype(kept.dtype).itemsize,
        to_state=quantize_multiplier(first),
        state_zero=state.zero_point,
        to_output=quantize_multiplier(second),
        output_zero=output.zero_point,
    )


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """``EvalIntegerSvdfReference`` of TFLite Micro."""
    rule, source = _rule(node, graph), input_tensor(node, graph)
    samples, rows = len(inputs[0]), len(inputs[0]) * source.shape[-2]
    x = inputs[0].astype(np.int64).reshape(rows, -1) - affine(source).zero_point
    state = inputs[4].astype(np.int64).reshape(rows, *rule.time.shape)
    rescale = CONTRACTS[graph.contract].rescale
    found, state = invocation(x, state, rule, rescale)
    shapes = [(samples, *graph.tensor(name).shape[1:]) for name in node.outputs]
    made = found.astype(np.int8), state.astype(inputs[4].dtype)
    return [values.reshape(shape) for values, shape in zip(made, shapes, strict=True)]


OPERATOR = HostOnly(attributes=Svdf, check=check, reference=reference)
