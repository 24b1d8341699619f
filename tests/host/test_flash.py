"""The driver runs from flash only what it compiled, and says what it found there instead."""

import re

import numpy as np
import pytest

from accel.api import compile
from accel.config import FLASH, AcceleratorConfig
from accel.host.driven_core import DrivenCore
from accel.host.driver import Driver
from accel.host.flash import FlashRefused
from accel.host.runner import run
from accel.protocol import FlashStatus, Opcode
from tests.support.host.fake_core import FakeCore
from tests.support.networks.small import Chain, images

CONFIG = AcceleratorConfig(bank_words=256, flash_lanes=4)


def network(channels: int = 16):
    """Two convolutions, the second of which does not fit into memory."""
    return Chain().convolution(16).convolution(channels).graph()


PROGRAM = compile(network(), config=CONFIG)
IMAGE = PROGRAM.code.flash


def core_with(flash: bytes) -> FakeCore:
    core = FakeCore(CONFIG)
    core.flash = flash
    return core


def test_the_program_does_not_fit_without_a_flash():
    assert any(chunk.bank == FLASH for chunk in PROGRAM.code.chunks)
    in_flash = [chunk for chunk in PROGRAM.code.chunks if chunk.bank == FLASH]
    for chunk in in_flash:
        assert IMAGE[chunk.address :].startswith(chunk.data)
    assert len(IMAGE) == in_flash[-1].address + len(in_flash[-1].data) + 4


def test_a_program_in_flash_runs_and_only_the_rest_is_loaded():
    core = core_with(IMAGE + b"something else")
    inputs = images(3)
    answer = run(PROGRAM.code, DrivenCore(PROGRAM.code, core), inputs)
    expected = PROGRAM.run(inputs, "machine").outputs
    for name, array in expected.items():
        np.testing.assert_array_equal(answer[name], array)
    for chunk in PROGRAM.code.chunks:
        assert (chunk.data[:200] in core.sent) == (chunk.bank != FLASH)


def test_what_is_copied_while_layers_work_is_not_loaded():
    chain = Chain((1, 8, 8, 4))
    for channels in (24, 24, 8, 8, 4):
        chain.convolution(channels)
    program = compile(chain.graph(), config=CONFIG.replace(bank_words=448))
    code, core = program.code, FakeCore(program.config)
    core.flash = code.flash
    pairs = zip(code.chunks, code.transfers, strict=True)
    assert {chunk.bank for chunk, copy in pairs if copy} > {FLASH}
    inputs = np.random.default_rng(3).integers(-128, 128, (2, 8, 8, 4), np.int8)
    expected = program.run(inputs, "reference").outputs
    for stepped in (False, True):
        driven = DrivenCore(code, core)
        driven.stepped = stepped
        answer = run(code, driven, inputs)
        for name, array in expected.items():
            np.testing.assert_array_equal(answer[name], array)
    for chunk in code.chunks:
        assert (chunk.data[:200] in core.sent) == (chunk.bank != FLASH and not chunk.prefetched)


def spoilt(position: int, value: bytes) -> bytes:
    return IMAGE[:position] + value + IMAGE[position + len(value) :]


OTHER = compile(network(12), config=CONFIG).code.flash
OTHER_CORE = compile(network(), config=CONFIG.replace(sum_bits=26)).code.flash
QUAD = (
    " (or its quad-enable bit is not set: set it, with `iceprog -Q` or `openFPGALoader -b BOARD "
    "--enable-quad`, or use a core with --set flash_lanes=2)"
)
FOUND = {
    "does not answer: there is no chip, or one of another kind": b"",
    f"is erased{QUAD}": b"\xff" * 64,
    f"holds no program, but bytes 00 01 02 03 04 05 06 07{QUAD}": bytes(range(64)),
    f"holds a program of format version 7, not 4{QUAD}": spoilt(8, b"\x07"),
    f"holds a program for another core{QUAD}": OTHER_CORE,
    "holds a program that is damaged or cut off: its CRC is wrong": spoilt(50, b"\x5a"),
    "holds another program, or another version of this one": OTHER,
}


@pytest.mark.parametrize("found", FOUND)
def test_what_is_there_instead_is_said(found):
    core = core_with(FOUND[found])
    remedy = (
        "write the program there, with `accel program DIR --board BOARD --flash` where DIR has the "
        "program.bin of `accel compile`, and try again"
    )
    message = re.escape(f"Core's flash {found}; {remedy}")
    with pytest.raises(FlashRefused, match=f"^{message}$"):
        DrivenCore(PROGRAM.code, core)
    assert core.layers == 0


def test_what_was_found_before_the_flash_was_written_is_not_believed():
    core = core_with(OTHER)
    Driver(core, CONFIG).check_flash()
    assert core.found == FlashStatus.OK
    core.flash = IMAGE
    DrivenCore(PROGRAM.code, core)
    assert core.sent.count(bytes([Opcode.CHECK, 0, 0, 0, 0, 0])) == 2


def test_a_core_that_finds_nothing_valid_runs_nothing():
    core = core_with(IMAGE)
    driven = DrivenCore(PROGRAM.code, core)
    core.found = FlashStatus.WRONG_CRC
    with pytest.raises(FlashRefused, match="holds nothing that the core runs"):
        run(PROGRAM.code, driven, images(1))


def test_bytes_are_read_from_any_address_in_frames_of_words():
    core = core_with(IMAGE)
    driver = Driver(core, CONFIG)
    for address, count in ((0, 4), (7, 1), (33, 30)):
        assert driver.read_flash(address, count) == IMAGE[address : address + count]
