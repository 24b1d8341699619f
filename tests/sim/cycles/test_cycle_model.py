"""The model's cycles are those that compiled RTL counts, of every kind of layer and from every
memory.

The cores are such as other tests compile, too.
"""

from dataclasses import asdict

import numpy as np
import pytest

from accel.compiler.compile import compile_graph
from accel.compiler.frontends import load
from accel.config import FLASH, AcceleratorConfig
from accel.sim.cycles.cycle_model import LayerCycles, predict
from tests.campaigns.random_rtl import Batch, run_batch
from tests.end_to_end.test_digits import DIGITS
from tests.end_to_end.test_flash import SIZES
from tests.support.networks.small import Chain
from tests.support.rtl.bench import RtlBench

SEED = 15
DIGITS_INT8 = DIGITS / "digits_int8.tflite"


def chain(channels=6):
    """A dense layer, a depthwise one, and one that sums all values."""
    return Chain().convolution(channels).convolution(depthwise=True).fully_connected(7).graph()


@pytest.mark.parametrize("size", [(2, 2), (4, 4), (3, 5), (4, 8), (8, 2)])
def test_the_array_works_for_all_steps_of_all_tiles(size):
    config = AcceleratorConfig(rows=size[0], columns=size[1], bank_words=4096, weight_steps=2048)
    program = compile_graph(chain(), config)
    found = predict(program)
    assert len(found) == len(program.chunks)
    for command, layer in zip(program.commands, found, strict=True):
        tiles = command.descriptor.tiles(config.rows)
        assert layer.busy == command.groups * tiles * command.steps
        assert layer.busy + layer.waiting_weights + layer.waiting_drain < layer.cycles
        assert min(layer.waiting_weights, layer.waiting_drain) >= 0
        assert layer.as_dict() == asdict(layer)


def waiting(program) -> LayerCycles:
    return sum_of(predict(program))


def sum_of(layers) -> LayerCycles:
    return LayerCycles(*np.sum([list(asdict(layer).values()) for layer in layers], axis=0).tolist())


def test_more_requantizers_let_results_leave_sooner_and_nothing_else():
    """A layer of one tap a group waits for its drain."""
    graph = Chain((1, 8, 8, 4)).convolution(8).graph()
    slow, quick = (
        waiting(compile_graph(graph, AcceleratorConfig(requantizers=n, bank_words=4096)))
        for n in (1, 4)
    )
    assert slow.busy == quick.busy
    assert slow.waiting_drain >= quick.waiting_drain
    assert slow.cycles > quick.cycles


def test_a_program_in_flash_waits_for_its_weights():
    graph = load(DIGITS_INT8)
    config = AcceleratorConfig(bank_words=8192, flash_lanes=1)
    small = config.replace(bank_words=1024)
    in_memory, in_flash = (compile_graph(graph, c) for c in (config, small))
    assert all(chunk.bank != FLASH for chunk in in_memory.chunks)
    assert any(chunk.bank == FLASH for chunk in in_flash.chunks)
    assert waiting(in_flash).waiting_weights > 2 * waiting(in_memory).waiting_weights


def test_more_lanes_of_a_flash_are_quicker():
    graph = load(DIGITS_INT8)
    config = AcceleratorConfig(bank_words=1024, flash_lanes=1)
    cycles = [
        waiting(compile_graph(graph, config.replace(flash_lanes=data_lines))).cycles
        for data_lines in (1, 2, 4)
    ]
    assert cycles == sorted(set(cycles), reverse=True)


@pytest.mark.parametrize(("core", "count"), [("3x5", 20), ("2x16 ecp5", 20)])
def test_random_layers_take_the_cycles_that_rtl_counts(core, count):
    outcome = run_batch(Batch(core, SEED, 0), count)
    assert outcome.faults == []
    assert outcome.counts["counters"] >= 8 * outcome.counts["run"] > 8 * count / 2


def test_layers_from_flash_and_what_is_copied_meanwhile_take_the_cycles_that_rtl_counts():
    outcome = RtlBench(SIZES["4x4, 4 lanes"]).hold(load(DIGITS_INT8), SEED)
    assert outcome.faults == []
    assert outcome.reached["from flash"]
    assert outcome.reached["copy"]
