"""TFLite files of one operator with states of its own, as those of `drawn_operators`."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from tests.support.networks.tflite.drawn_values import Rng, codes, zero_point
from tests.support.networks.tflite.files import File

ABSENT, TANH = -1, 4
LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"


def variable(f: File, shape: tuple[int, ...], dtype: str, **q: float) -> int:
    """Add a variable tensor, which an operator updates."""
    index = f.tensor(shape, dtype, **q)
    f.graph.tensors[index].isVariable = True
    return index


def lstm(rng: Rng) -> File:
    """Of a batch of one or more, with time first or second, and a cell state of any scale."""
    f, sizes = File(), rng.integers(1, 7, 3).tolist()
    steps, features, units = sizes
    batch = int(rng.choice((1, 1, 1, 2)))
    major = bool(rng.random() < 0.5)
    first = (steps, batch) if major else (batch, steps)
    q = {"scale": float(np.float32(2.0 ** rng.uniform(-8, -4))), "zero_point": zero_point(rng)}
    state = {"scale": float(np.float32(2.0 ** rng.uniform(-8, -6)))}
    state["zero_point"] = int(rng.choice((0, zero_point(rng))))
    x = f.input((1, steps * batch * features), **q)
    x = f.operator(
        "RESHAPE", [x, f.constant((*first, features))], [f.tensor((*first, features), **q)]
    )
    w, recurrent = (
        [
            f.constant(codes(rng, (units, n), -127), "int8", scale=2.0 ** rng.uniform(-9, -5))
            for _ in range(4)
        ]
        for n in (features, units)
    )
    bias = [f.constant(rng.integers(-3000, 3000, units), scale=q["scale"] * 0.01) for _ in range(4)]
    near = 1 if rng.random() < 0.7 else float(rng.uniform(0.8, 1.3))
    kept = [
        variable(f, (batch, units), "int8", **state),
        variable(f, (batch, units), "int16", scale=2.0 ** int(rng.integers(-15, -7)) * near),
    ]
    y = f.tensor((*first, units), **state)
    inputs = [x, *w, *recurrent, *[ABSENT] * 3, *bias, *[ABSENT] * 2, *kept, *[ABSENT] * 4]
    fields = {"cellClip": float(rng.choice((0, 10, 0.5, 0.01))), "timeMajor": major}
    options = "UnidirectionalSequenceLSTMOptions"
    return f.ends(f.operator(LSTM, inputs, [y], options, fusedActivationFunction=TANH, **fields))


def svdf(rng: Rng) -> File:
    """With a state of int8 or int16 of any zero point, and sums that wrap around."""
    f, sizes = File(), rng.integers(1, 7, 4).tolist()
    features, units, rank, memory = sizes
    dtype, filters = str(rng.choice(("int8", "int16"))), units * rank
    q, state, time = (float(np.float32(2.0 ** rng.uniform(-8, -3))) for _ in range(3))
    x = f.input((1, features), scale=q, zero_point=zero_point(rng))
    w = state * 50 / (q * 5476 * np.sqrt(features)) * 2.0 ** rng.uniform(-2, 2)
    most = 127 if dtype == "int8" else int(rng.choice((2000, 32767)))
    weights = [
        f.constant(codes(rng, (filters, features), -127), "int8", scale=w),
        f.constant(rng.integers(-most, most + 1, (filters, memory)), dtype, scale=time),
        f.constant(rng.integers(-3000, 3000, units), scale=np.float32(state) * np.float32(time)),
    ]
    zero = int(rng.choice((0, zero_point(rng)))) if dtype == "int8" else 0
    kept = variable(f, (1, memory * filters), dtype, scale=state, zero_point=zero)
    scale = state * time * most * 50 * 2.0 ** rng.uniform(-3, 1)
    y = f.tensor((1, units), scale=scale, zero_point=zero_point(rng))
    fields = {"rank": rank, "fusedActivationFunction": int(rng.choice((0, 1, 3)))}
    return f.ends(f.operator("SVDF", [x, *weights, kept], [y], "SVDFOptions", **fields))


RECURRENT: Mapping[str, Callable[[Rng], File]] = MappingProxyType({LSTM: lstm, "SVDF": svdf})
