"""A small streaming network, forward and backward in NumPy, and with integers as a TFLite graph.

A step takes ``FRAMES`` frames of 40 features. One layer makes ``CHANNELS`` values of them, a
depthwise and a pointwise one look at ``NEAR`` steps, and the last at ``FAR`` of theirs: what it
says rests on the ``NEAR + FAR - 1`` steps before it. In training all steps of a sound are computed
at once, ``[sounds, steps, ...]``; as a graph it takes one step at a time, and what later steps need
is its state.
"""

from dataclasses import dataclass

import numpy as np

from accel.compiler.ir.graph import Graph, Quantization, State, Tensor
from accel.compiler.operators.concatenation import Concatenation
from accel.compiler.operators.conv2d import Conv2d
from accel.compiler.operators.depthwise_conv2d import DepthwiseConv2d
from accel.compiler.operators.fully_connected import FullyConnected
from accel.compiler.operators.logistic import Logistic
from accel.compiler.operators.reshape import Reshape
from accel.compiler.operators.slice import Slice
from accel.digits.assembly import Assembly, activation_quantization

FRAMES, FEATURES, CHANNELS, NEAR, FAR = 3, 40, 24, 4, 16
LOUDEST = 26.0  # of the front end's features
INPUT = Quantization(scale=(float(np.float32(LOUDEST / 255)),), zero_point=(-128,))
PROBABILITY = Quantization(scale=(1 / 256,), zero_point=(-128,))
LAYERS = ("first", "near", "mixed", "last")

Params = dict[str, tuple[np.ndarray, np.ndarray]]  # weights and biases of each layer


@dataclass(frozen=True, eq=False)
class Values:
    """What each layer gives for all steps; ``logits`` is ``[sounds, steps]``."""

    first: np.ndarray
    near: np.ndarray
    mixed: np.ndarray
    logits: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        return 1 / (1 + np.exp(-self.logits))


def initial_params(random: np.random.Generator) -> Params:
    shapes = {
        "first": (CHANNELS, FRAMES * FEATURES),
        "near": (NEAR, CHANNELS),
        "mixed": (CHANNELS, CHANNELS),
        "last": (FAR, CHANNELS),
    }
    fan_in = {"near": NEAR, "last": FAR * CHANNELS}
    params = {}
    for name, shape in shapes.items():
        weights = random.normal(scale=np.sqrt(2 / fan_in.get(name, shape[1])), size=shape)
        params[name] = weights, np.zeros(1 if name == "last" else CHANNELS)
    return params


def _before(x: np.ndarray, count: int) -> np.ndarray:
    """With the zeros before the first step that a state begins with."""
    return np.pad(x, ((0, 0), (count, 0), (0, 0)))


def forward(params: Params, x: np.ndarray) -> Values:
    """Of features ``[sounds, steps, FRAMES * FEATURES]``, 1.0 at their loudest."""
    steps = x.shape[1]
    weights, bias = params["first"]
    first = np.maximum(x @ weights.T + bias, 0)
    weights, bias = params["near"]
    held = _before(first, NEAR - 1)
    near = sum(held[:, k : k + steps] * weights[k] for k in range(NEAR)) + bias
    weights, bias = params["mixed"]
    mixed = np.maximum(near @ weights.T + bias, 0)
    weights, bias = params["last"]
    held = _before(mixed, FAR - 1)
    logits = sum(held[:, k : k + steps] @ weights[k] for k in range(FAR)) + bias
    return Values(first, near, mixed, logits)


def gradients(params: Params, x: np.ndarray, labels: np.ndarray, share: np.ndarray) -> Params:
    """Of the cross entropy of all steps, each with its ``share`` in it."""
    values, steps = forward(params, x), x.shape[1]
    slopes: Params = {}
    d_logits = (values.probabilities - labels) * share

    held = _before(values.mixed, FAR - 1)
    d_held = np.zeros_like(held)
    d_last = np.empty((FAR, CHANNELS))
    for k in range(FAR):
        d_last[k] = np.einsum("nt,ntc->c", d_logits, held[:, k : k + steps])
        d_held[:, k : k + steps] += d_logits[..., np.newaxis] * params["last"][0][k]
    slopes["last"] = d_last, d_logits.sum(keepdims=True)[0]

    d_mixed = (d_held[:, FAR - 1 :] * (values.mixed > 0)).reshape(-1, CHANNELS)
    slopes["mixed"] = d_mixed.T @ values.near.reshape(-1, CHANNELS), d_mixed.sum(axis=0)

    d_near = (d_mixed @ params["mixed"][0]).reshape(values.near.shape)
    held = _before(values.first, NEAR - 1)
    d_held = np.zeros_like(held)
    d_weights = np.empty((NEAR, CHANNELS))
    for k in range(NEAR):
        d_weights[k] = np.einsum("ntc,ntc->c", d_near, held[:, k : k + steps])
        d_held[:, k : k + steps] += d_near * params["near"][0][k]
    slopes["near"] = d_weights, d_near.sum(axis=(0, 1))

    d_first = (d_held[:, NEAR - 1 :] * (values.first > 0)).reshape(-1, CHANNELS)
    slopes["first"] = d_first.T @ x.reshape(-1, x.shape[2]), d_first.sum(axis=0)
    return slopes


def quantize(params: Params, calibration: np.ndarray, name: str) -> Graph:
    """The streaming network in int8; ranges come from the features of sounds, as `forward` has
    them."""
    values = forward(params, calibration)
    row = (1, 1, 1, CHANNELS)
    one = params["first"]
    scaled = {**params, "first": (one[0] / LOUDEST, one[1])}  # of features as they are
    graph = Assembly("features", (1, FRAMES, FEATURES), INPUT)
    graph.node("row", "reshape", Reshape(), (1, FRAMES * FEATURES), INPUT)

    relu, q = FullyConnected(activation="relu"), activation_quantization(values.first)
    names = graph.constants("first", scaled["first"], "int8")
    graph.node("first", "fully_connected", relu, (1, CHANNELS), q, names)
    graph.node("now", "reshape", Reshape(), row, q)

    _remember(graph, "steps", NEAR)
    weights, bias = params["near"]
    names = graph.constants("near", (weights[np.newaxis, :, np.newaxis], bias), "int8")
    whole = ((0, 0), (0, 0))
    q = activation_quantization(values.near)
    graph.node("near", "depthwise_conv2d", DepthwiseConv2d(padding=whole), row, q, names)
    weights, bias = params["mixed"]
    names = graph.constants("mixed", (weights[:, np.newaxis, np.newaxis], bias), "int8")
    q = activation_quantization(values.mixed)
    mixed = Conv2d(padding=whole, activation="relu")
    graph.node("mixed", "conv2d", mixed, row, q, names)

    _remember(graph, "past", FAR)
    graph.node("all", "reshape", Reshape(), (1, FAR * CHANNELS), q)
    weights, bias = params["last"]
    names = graph.constants("last", (weights.reshape(1, -1), bias), "int8")
    q = activation_quantization(values.logits)
    graph.node("last", "fully_connected", FullyConnected(), (1, 1), q, names)
    graph.node("probability", "logistic", Logistic(), (1, 1), PROBABILITY)
    return graph.graph(name)


def _remember(graph: Assembly, name: str, count: int) -> None:
    """Let the next node read the last row after those of the ``count - 1`` steps before it."""
    now, q = graph.last.name, graph.quantization
    kept = (1, count - 1, 1, CHANNELS)
    graph.add(Tensor(name=f"{name}/before", shape=kept, dtype="int8", quantization=q))
    together = (1, count, 1, CHANNELS)
    graph.node(f"{name}/all", "concatenation", Concatenation(axis=1), together, q, (now,))
    newest = Slice(starts=(0, 1, 0, 0), sizes=kept, steps=(1, 1, 1, 1))
    graph.node(f"{name}/kept", "slice", newest, kept, q)
    (zero,) = q.zero_point
    initial = np.full(kept, zero, np.int8)
    read, written = f"{name}/before", f"{name}/kept"
    graph.states.append(State(name=name, read=read, written=written, initial=initial))
    graph.last = graph.tensors[f"{name}/all"]
