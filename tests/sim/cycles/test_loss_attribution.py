"""Every cycle has a cause: the parts of each layer are none below zero and sum to its cycles."""

from fractions import Fraction

import pytest

import accel
from accel.config import AcceleratorConfig
from accel.sim.cycles.loss_attribution import PARTS, attribute
from tests.support.shared import shared

WIDE = {"rows": 8, "columns": 16, "requantizers": 4, "weight_steps": 2048, "bank_words": 65536}
CONFIGS = {
    "4x4": {"bank_words": 65536, "weight_steps": 4096},
    "8x16": WIDE,
    "8x4": WIDE | {"columns": 4, "requantizers": 1},
}
NETWORKS = ("kws01_dscnn_int8", "ic01_resnet_int8")


@pytest.mark.parametrize("size", CONFIGS)
@pytest.mark.parametrize("network", NETWORKS)
def test_the_parts_sum_exactly_to_the_cycles(network, size):
    config = AcceleratorConfig(**CONFIGS[size])
    program = accel.compile(shared(f"models/mlperf_tiny/{network}.tflite"), config=config)
    parts = attribute(program.code, program.cycles)
    for slots, layer in zip(parts, program.cycles, strict=True):
        assert tuple(slots) == PARTS
        assert min(slots.values()) >= 0
        assert sum(Fraction(n, config.peak_macs) for n in slots.values()) == layer.cycles
    assert sum(slots["ideal"] for slots in parts) == program.code.macs
    report = program.report()
    assert report.lost["ideal"] == program.code.macs / config.peak_macs
    assert sum(report.lost.values()) == pytest.approx(report.cycles_model)


def test_each_loss_is_found_where_it_is():
    path = shared("models/mlperf_tiny/kws01_dscnn_int8.tflite")
    layers = accel.compile(path, config=AcceleratorConfig(**WIDE)).report().layers
    for layer in layers:
        assert (layer.lost["depthwise"] > 0) == layer.name.startswith("depthwise")
        assert (layer.lost["other"] > 0) == layer.name.startswith("average_pool")
    # A 1x1 kernel over 64 channels loses only the 3 rows of 16 tiles that 125 positions leave.
    assert layers[2].lost["edges"] == 4 * 64 * 3 * 16 / 128
    assert layers[2].lost["padding"] == layers[2].lost["first"] == 0
