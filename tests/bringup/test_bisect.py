"""The first layer, element and value that differ from the machine are named."""

import numpy as np
import pytest

import accel
from accel.bringup.bisect import bisect
from accel.config import AcceleratorConfig
from accel.host.runner import run
from accel.sim.functional.machine import Machine
from tests.support.host.fake_core import CYCLES, FakeCore
from tests.support.networks.small import Chain, images, two_convolutions

CONFIG = AcceleratorConfig(bank_words=1024)
PROGRAM = accel.compile(two_convolutions(), config=CONFIG).code
INPUTS = {"x": images(3)}


class SpoiltCore(FakeCore):
    """A core that spoils a byte of memory when it has run so many layers."""

    def __init__(self, after, bank, byte, config=CONFIG):
        super().__init__(config)
        self.after, self.place = after, (0, bank, byte)

    def _run(self, *arguments):
        outcome = super()._run(*arguments)
        if self.ran == self.after:
            self.memory[self.place] ^= 0x41
        return outcome


def place_of(tensor, index):
    """Bank and byte of an element."""
    place, rows = PROGRAM.placement(tensor), CONFIG.rows
    y, x, channel = index
    position = y * place.layout.width + x
    words = position * place.layout.channel_words(rows)
    return place.bank, (place.address + words) * rows + channel


def test_a_right_core_is_equal_in_all_layers():
    done = []
    found = bisect(PROGRAM, FakeCore(CONFIG), INPUTS, lambda n, what: done.append((n, what)))
    assert found.equal and found.difference is None
    assert (found.samples, found.layers) == (3, len(PROGRAM.commands))
    sizes = sum(PROGRAM.graph.tensor(command.output).size for command in PROGRAM.commands)
    assert found.elements == 3 * sizes
    assert done[0] == (0, PROGRAM.commands[0].name)
    assert done[-1][0] == 3 * len(PROGRAM.commands)


def test_counters_that_are_not_the_models_are_told_and_no_difference():
    found = bisect(PROGRAM, FakeCore(CONFIG), INPUTS)
    assert [name for name, _, _ in found.cycles] == [c.name for c in PROGRAM.commands]
    assert all(counted == CYCLES for _, counted, _ in found.cycles)


@pytest.mark.parametrize(("number", "index"), [(0, (0, 0, 0)), (1, (2, 3, 1))])
@pytest.mark.parametrize("sample", [0, 2])
def test_the_first_element_that_differs_is_named(number, index, sample):
    layers, command = len(PROGRAM.commands), PROGRAM.commands[number]
    bank, byte = place_of(command.output, index)
    core = SpoiltCore(sample * layers + number + 1, bank, byte)
    found = bisect(PROGRAM, core, INPUTS).difference
    right = run(PROGRAM, Machine(PROGRAM), INPUTS, [command.output])[command.output]
    expected = int(right[(sample, *index)])
    assert (found.sample, found.number, found.layer) == (sample, number, command.name)
    assert (found.tensor, found.index) == (command.output, index)
    assert (found.expected, found.value) == (expected, np.int8(expected) ^ 0x41)
    assert (found.differing, found.chunk_bytes) == (1, 0)
    assert (found.bank, found.address * CONFIG.rows + found.byte) == (bank, byte)


def test_weights_that_have_changed_in_memory_are_told():
    chunk = PROGRAM.chunks[1]
    core = SpoiltCore(1, chunk.bank, (chunk.address + len(chunk.data) // 4 - 3) * CONFIG.rows)
    found = bisect(PROGRAM, core, INPUTS).difference
    assert (found.number, found.chunk_bytes) == (1, 1)


def test_sums_that_are_kept_are_compared_as_sums():
    config = AcceleratorConfig(bank_words=1024, weight_steps=64)
    code = accel.compile(Chain((1, 2, 2, 64)).fully_connected(5).graph(), config=config).code
    assert any(command.descriptor.keep_sums for command in code.commands)
    inputs = {"x": np.random.default_rng(1).integers(-128, 128, (1, 2, 2, 64)).astype(np.int8)}
    assert bisect(code, FakeCore(config), inputs).equal
    place = code.placement(code.commands[0].output)
    core = SpoiltCore(1, place.bank, place.address * config.rows + 1, config)
    found = bisect(code, core, inputs).difference
    assert found.number == 0 and found.value == found.expected ^ 0x4100
