"""A network with a channel that no division makes exact, and inputs that find every sum it is wrong
at."""

import numpy as np

from accel.config import AcceleratorConfig
from tests.support.networks.onnx.operators import Model

CONFIG = AcceleratorConfig(sum_bits=26)
STEP = 2.0**13.4  # sums to a code
TERMS = 200


def network() -> Model:
    """A matrix product whose sums are ``x[0] + 127 * (x[1] + ... + x[200])``: any up to
    millions."""
    m = Model((TERMS + 1,), np.uint8, np.random.default_rng(0), np.uint8)
    x = [m.constant("x_scale", 1, np.float32), m.constant("x_zero_point", 0, np.uint8)]
    w = [
        m.constant("w", np.array([[1], *[[127]] * TERMS]), np.int8),
        m.constant("w_scale", 1, np.float32),
        m.constant("w_zero_point", 0, np.int8),
    ]
    y = [m.constant("y_scale", STEP, np.float32), m.constant("y_zero_point", 0, np.uint8)]
    m.add("QLinearMatMul", ["x", *x, *w, *y], ["y"])
    return m


def around_every_step() -> np.ndarray:
    """Inputs, uint8 ``[N, 201]``, whose sums are those where a code may begin, and some around."""
    halves = (np.arange(255) + 0.5) * STEP
    sums = np.rint(halves)[:, np.newaxis].astype(int) + np.arange(-3, 4)
    found = np.zeros((sums.size, TERMS + 1), np.uint8)
    for row, total in zip(found, sums.ravel(), strict=True):
        whole, row[0] = divmod(total, 127)
        count, rest = divmod(whole, 255)
        row[1 : 1 + count] = 255
        row[1 + count] = rest
    return found
