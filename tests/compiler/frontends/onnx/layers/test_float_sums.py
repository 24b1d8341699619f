"""Layers at the network's end that ONNX Runtime computes in float32: no code differs."""

import numpy as np
import pytest

import accel
from accel.compiler.frontends.onnx.reader import read
from accel.config import AcceleratorConfig
from tests.support.networks.onnx import float_sums
from tests.support.oracles.onnx import session

DRAWS = 12
SAMPLES = 12


@pytest.mark.parametrize("kind", ["convolution", "transposed", "product"])
def test_layers_at_the_end_are_added_up_in_the_runtimes_order(kind, seed=1, draws=DRAWS):
    by_driver = 0
    for index in range(draws):
        random = np.random.default_rng([seed, index])
        d = getattr(float_sums, kind)(random)
        data, inputs = d.bytes(), d.inputs()
        graph = read(data, "m.onnx")
        by_driver += any(node.operator.startswith("float_") for node in graph)
        running = session(data, "ALL")
        count = len(next(iter(inputs.values())))
        parts = [
            running.run(None, {name: x[i : i + d.batch] for name, x in inputs.items()})[0]
            for i in range(0, count, d.batch)
        ]
        expected = np.concatenate(parts)
        with accel.compile(graph, config=AcceleratorConfig()) as program:
            (found,) = program.run(inputs, "machine").outputs.values()
        assert (found == expected).all(), (kind, index, int((found != expected).sum()))
    assert by_driver > draws // 3
