"""Every way in which Resize maps positions, and how images are resized by many copies."""

import numpy as np
import pytest

import accel
from accel.compiler.frontends.onnx.reader import read
from accel.compiler.graph.interpreter import run
from accel.config import AcceleratorConfig
from tests.support.networks.onnx.draw import Draw
from tests.support.networks.onnx.single_moves import COORDINATES, NEAREST
from tests.support.oracles.onnx import one_by_one

FACTORS = ((2, 3), (1.5, 0.5), (0.7, 2.6), (1, 0.4), (0.4, 4.2), (1.1, 1))
CROP = [0, 0, 0.1, 0.2, 1, 1, 0.8, 1]


def model(size: tuple[int, int], factors: tuple[float, float], **attributes: str) -> Draw:
    d = Draw(np.random.default_rng(1))
    x, _ = d.coded((2, *size), np.uint8)
    crops = "crop" in attributes.get("coordinate_transformation_mode", "")
    roi = d.constant(CROP, np.float32) if crops else ""
    scales = d.constant([1, 1, *factors], np.float32)
    d.whole(d.add("Resize", [x, roi, scales], **attributes), np.uint8)
    return d


@pytest.mark.parametrize("nearest", NEAREST)
@pytest.mark.parametrize("coordinates", COORDINATES)
def test_positions_are_the_runtimes(coordinates, nearest):
    for factors in FACTORS:
        modes = {"coordinate_transformation_mode": coordinates, "nearest_mode": nearest}
        d = model((5, 6), factors, **modes)
        data, inputs = d.bytes(), d.inputs()
        graph = read(data, "m.onnx")
        found, (answer,) = run(graph, inputs), one_by_one(data, inputs)
        assert (found[graph.outputs[0]] == answer).all()


@pytest.mark.parametrize(
    ("size", "factors"),
    [((6, 5), (8, 5)), ((41, 7), (0.05, 1)), ((23, 19), (1.7, 0.83)), ((3, 40), (7, 0.7))],
)
def test_the_core_copies_any_pattern(size, factors):
    d = model(size, factors)
    data, inputs = d.bytes(), {name: x[:4] for name, x in d.inputs().items()}
    config = AcceleratorConfig(bank_words=1 << 13)
    with accel.compile(read(data, "m.onnx"), config=config) as program:
        (found,) = program.run(inputs, "machine").outputs.values()
    (answer,) = one_by_one(data, inputs)
    assert (found == answer).all()
