"""LSTM cells over the steps of a sequence, with states that outlive an inference."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...numeric.rounding import CONTRACTS, quantize_multiplier
from ...numeric.runtimes.lstm_tflm import (
    GATE_SCALE,
    OUT_SCALE,
    Cell,
    Gate,
    clip_code,
    scale_power,
    sequence,
)
from ..ir.graph import Graph, Node, Tensor
from ._kinds import HostOnly
from ._operator import affine, check_activation, input_tensor, output_tensor, require, support
from ._recurrent import check_bias, check_state, check_sums, check_weights

GATES = ("input", "forget", "cell", "output")
WEIGHTS, RECURRENT, BIASES, HIDDEN, CELL = 1, 5, 9, 13, 14  # the first input of each kind
POWERS = range(-40, 3)  # of two, of scales of cell states of which tanh keeps within 32 bits


@dataclass(frozen=True, kw_only=True)
class Lstm:
    """What its inputs do not say. These are the sequence, the weights of its features, those of the
    hidden state and the biases, each for the gates in ``GATES``, then hidden state and cell state.
    Its outputs are the sequence of hidden states, and both states as they are left.

    Steps are along the first dimension of the file where ``time_major``, else along the second; the
    other one is a batch, of which each row has states of its own. ``cell_clip`` is the greatest
    magnitude of a cell state, if it is above 0.
    """

    time_major: bool
    cell_clip: float


def check(node: Node, graph: Graph) -> None:
    a: Lstm = node.attributes
    counts = (len(node.inputs), len(node.outputs))
    require(counts == (15, 3), node, f"must have 15 inputs and 3 outputs, not {counts}")
    source, hidden, state = (input_tensor(node, graph, index) for index in (0, HIDDEN, CELL))
    output = output_tensor(node, graph)
    for tensor in (source, output):
        check_activation(node, tensor)
    shape = _file_shape(source.shape)
    require(len(shape) == 3, node, f"has an input of shape {shape}, not of 3 dimensions")
    batch = shape[1] if a.time_major else shape[0]
    units, features = input_tensor(node, graph, WEIGHTS).shape[0], shape[2]
    wanted = (*shape[:2], units)
    got = _file_shape(output.shape)
    require(got == wanted, node, f"has an output of shape {got}, not {wanted}")
    for number, gate in enumerate(GATES):
        weights, recurrent, bias = _of_gate(node, graph, number)
        check_weights(node, weights, f"weights of the {gate} gate", (units, features), "int8")
        what = f"recurrent weights of the {gate} gate"
        check_weights(node, recurrent, what, (units, units), "int8")
        check_bias(node, bias, units)
    left = [graph.tensor(name) for name in node.outputs[1:]]
    check_state(node, hidden, left[0], "hidden state", batch * units, ("int8",))
    check_state(node, state, left[1], "cell state", batch * units, ("int16",))
    q, scale = affine(state), affine(hidden).scale
    fits = scale_power(q.scale) in POWERS and _scales_down(q.scale)
    what, why = f"has a cell state of scale {q.scale!r}", "which leaves 32 bits"
    support(fits, node, what, why, "convert it with a cell state of scale 2**-11 or near")
    what = f"has a hidden state of scale {scale!r}"
    support(_scales_down(scale), node, what, why, "quantize it to 1/128 or near")
    for gate, one in zip(GATES, _cell(node, graph).gates, strict=True):
        own, other = f"sums of the {gate} gate", np.zeros(1)
        check_sums(node, own, one.weights, one.bias, affine(source), one.from_input[1])
        check_sums(node, own, one.recurrent, other, affine(hidden), one.from_hidden[1])


def _scales_down(scale: float) -> bool:
    """Whether a product of two gates' answers becomes no greater in codes of a scale."""
    return quantize_multiplier(OUT_SCALE * OUT_SCALE / scale)[1] <= 0


def _file_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without the sample axis that the file does not have."""
    return shape[1:] if len(shape) == 4 and shape[0] == 1 else shape


def _of_gate(node: Node, graph: Graph, number: int) -> list[Tensor]:
    return [input_tensor(node, graph, first + number) for first in (WEIGHTS, RECURRENT, BIASES)]


def _cell(node: Node, graph: Graph) -> Cell:
    a: Lstm = node.attributes
    source, hidden, state = (affine(input_tensor(node, graph, n)) for n in (0, HIDDEN, CELL))
    multiplier = CONTRACTS[graph.contract].multiplier
    gates = []
    for number in range(len(GATES)):
        weights, recurrent, bias = _of_gate(node, graph, number)
        gates.append(
            Gate(
                weights=weights.values.astype(np.int64),
                recurrent=recurrent.values.astype(np.int64),
                bias=bias.values.astype(np.int64),
                from_input=multiplier(source.scale, affine(weights).scale, GATE_SCALE),
                from_hidden=multiplier(hidden.scale, affine(recurrent).scale, GATE_SCALE),
            )
        )
    return Cell(
        gates=gates,
        cell_scale=state.scale,
        hidden_scale=hidden.scale,
        hidden_zero=hidden.zero_point,
        clip=clip_code(a.cell_clip, state.scale),
    )


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """``EvalLstm`` of TFLite Micro."""
    a: Lstm = node.attributes
    source = input_tensor(node, graph)
    samples, shape = len(inputs[0]), _file_shape(source.shape)
    batch, steps = shape[:2][::-1] if a.time_major else shape[:2]
    x = inputs[0].astype(np.int64).reshape(samples, *shape)
    x = np.swapaxes(x, 1, 2) if a.time_major else x
    x = x.reshape(samples * batch, steps, -1) - affine(source).zero_point
    hidden, state = (
        inputs[index].astype(np.int64).reshape(samples * batch, -1) for index in (HIDDEN, CELL)
    )
    rescale = CONTRACTS[graph.contract].rescale
    found, hidden, state = sequence(x, hidden, state, _cell(node, graph), rescale)
    found = found.reshape(samples, batch, steps, -1)
    found = np.swapaxes(found, 1, 2) if a.time_major else found
    shapes = [(samples, *graph.tensor(name).shape[1:]) for name in node.outputs]
    made: list[np.ndarray] = [found.astype(np.int8), hidden.astype(np.int8)]
    made.append(state.astype(np.int16))
    return [values.reshape(shape) for values, shape in zip(made, shapes, strict=True)]


OPERATOR = HostOnly(attributes=Lstm, check=check, reference=reference)
