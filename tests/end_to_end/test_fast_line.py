"""A serial line at a third of the core's clock, in RTL: bytes follow each other without a pause.

Words that come during a run find their way into memory.
"""

import os

import numpy as np
import pytest

import accel
from accel.host.driver import Driver
from accel.host.runner import run
from accel.sim.compare import assert_same
from tests.end_to_end.test_digits import DIGITS
from tests.support.networks.small import images, two_convolutions

if os.name != "posix":
    pytest.skip("has no pseudo-terminals", allow_module_level=True)

from accel.sim.board.serial_line import FastHarness
from tests.support.host.serial_board import SerialCore

CONFIG = accel.AcceleratorConfig(family="ice40up")

# What compiles the same RTL stays in one process.
pytestmark = pytest.mark.xdist_group("fast_line")


class Fast(SerialCore):
    """A core at the other end of such a line."""

    def __init__(self):
        super().__init__(CONFIG, FastHarness)


def test_samples_are_exact_and_nothing_is_sent_again():
    program = accel.compile(two_convolutions(), config=CONFIG)
    driven = program.session.driven(Fast())
    answer = run(program.code, driven, images(3))
    assert_same(answer, program.session.execute("machine", images(3)).tensors)
    assert driven.driver.retries == 0
    assert driven.total.cycles == sum(layer.cycles for layer in program.session.cycles)


@pytest.mark.parametrize("bank", [0, 1])
def test_words_that_come_during_a_run_that_shares_their_bank_are_all_written(bank):
    """The driver's bytes leave one directly after the other, so none may wait for long."""
    program = accel.compile(DIGITS / "digits_int8.tflite", config=CONFIG)
    code, core = program.code, Fast()
    driven = program.session.driven(core)
    images_ = np.load(DIGITS / "test_images.npz")["x"][:1]
    sample = {i.tensor: i.pack(images_, CONFIG.rows)[0] for i in code.inputs}
    (name,) = code.stored_tensors()[-1:]
    driver: Driver = driven.driver
    words = np.random.default_rng(bank).integers(0, 256, (200, CONFIG.rows), np.uint8)
    for lanes in (3, 4):
        for piece in code.pieces:
            driven.send(sample, piece)
        first = code.entries[0]
        begun = driver.begin_run(
            first.bank,
            first.address,
            cycles=10**6,
            result=driven.words(name),
            shared_banks=(bank,),
        )
        driver.write(bank, 12_000, words.tobytes(), lanes)
        result = driver.end_run(begun, driven.words(name))
        expected = program.session.execute("machine", images_, (name,)).tensors[name]
        found = code.unpack(name, np.frombuffer(result.data, np.uint8)[None])
        np.testing.assert_array_equal(found, expected)
        kept = words.copy()
        kept[:, lanes:] = 0
        assert driver.read(bank, 12_000, len(words)) == kept.tobytes()
    assert driver.retries == 0
