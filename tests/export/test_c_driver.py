"""The exported C driver compiles strictly, is small, and answers as the machine whatever the line
does; what is wrong at the other end it names."""

import os
import re
import shutil
import subprocess

import numpy as np
import pytest

from accel.api import compile
from accel.config import AcceleratorConfig
from accel.sim.rtl.compiled import CompiledCore
from tests.compiler.memory.test_pieces import large_input
from tests.host import test_flash as flash
from tests.support.host import c_driver
from tests.support.host.fake_core import FakeCore, Line
from tests.support.networks.small import images

from .conftest import CONFIG, SHORT

if os.name != "posix":
    pytest.skip("the example is for POSIX systems", allow_module_level=True)

from tests.support.host.serial_board import SerialHarness

FOUND = 22  # bytes to the core before the program
LOADED = FOUND + 9320 + 9 * 15 + 3 * 15  # some chunks take two frames
KIND = ((10,), np.int8)


@pytest.fixture(scope="module")
def executable(exported):
    return c_driver.compiled(exported, "uart", *SHORT)


@pytest.mark.skipif(shutil.which("size") is None, reason="binutils are not here")
def test_the_driver_is_small(exported):
    """The must of the driver is 8 KB, the aim for its code 4; nodes outside of the core included
    it is still below 8."""
    driver, nodes = (c_driver.text_bytes(exported, name) for name in ("accel", "accel_nodes"))
    assert driver["code"] <= 4096
    assert driver["text"] + nodes["text"] <= 8192


@pytest.mark.xdist_group("serial")
def test_answers_over_uarts_with_a_spoilt_frame_equal_the_machine(digits, exported):
    """In RTL: of the second sample a byte of the input is another one on the line."""
    program, samples, expected = digits
    ready = c_driver.compiled(exported)
    core = CompiledCore(program.config, SerialHarness)
    spoilt = LOADED + 400
    line = Line(lost={spoilt}, extra={spoilt: b"\x5a"})
    found, ended = c_driver.infer(core, ready, samples, KIND, to_core=line)
    assert ended.code == 0, ended.errors
    assert (found == expected).all()
    said = f"3 samples, {program.report().cycles} cycles each, [1-5] sent again\n"
    assert re.fullmatch(said, ended.errors)  # more than once where the simulation is slow


FAULTS = {
    "a chunk's byte is lost": ({FOUND + 700}, {}),
    "a byte comes from nowhere": (set(), {FOUND + 700: b"\x07"}),
    "a header's byte is another one": ({FOUND + 3}, {FOUND + 3: b"\xff"}),
    "bytes of an input are lost": ({LOADED + 30, LOADED + 31}, {}),
    "RUN is lost in part": ({LOADED + 215}, {}),
    "several of a sample": ({LOADED + 15, LOADED + 1700}, {LOADED + 2000: b"\xe0"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_spoilt_on_the_way_to_the_core_is_sent_again(fault, digits, executable):
    _, samples, expected = digits
    core = FakeCore(CONFIG)
    core.to_core = Line(*FAULTS[fault])
    found, ended = c_driver.infer(core, executable, samples, KIND)
    assert ended.code == 0, ended.errors
    assert (found == expected).all()
    assert " 0 sent again" not in ended.errors
    assert core.ran == 3  # nothing ran twice


@pytest.mark.parametrize("at", [2, 30, 60, 130, 170], ids=str)
def test_answers_that_are_spoilt_are_asked_for_again(at, digits, executable):
    """Acknowledgements, the identity, and results."""
    _, samples, expected = digits
    core = FakeCore(CONFIG)
    core.to_host = Line(lost={at})
    found, ended = c_driver.infer(core, executable, samples, KIND)
    assert ended.code == 0, ended.errors
    assert (found == expected).all()
    assert " 0 sent again" not in ended.errors
    assert core.ran == 3


def test_over_spi_a_byte_comes_for_each_that_goes(digits, exported):
    _, samples, expected = digits
    core = FakeCore(CONFIG)
    core.to_core = Line(lost={LOADED + 40}, extra={LOADED + 40: b"\x00"})
    found, ended = c_driver.infer(core, c_driver.compiled(exported, "spi", *SHORT), samples, KIND)
    assert ended.code == 0, ended.errors
    assert (found == expected).all()
    assert " 0 sent again" not in ended.errors


def test_another_core_is_named(digits, executable):
    core = FakeCore(CONFIG.replace(sum_bits=26))
    _, ended = c_driver.infer(core, executable, digits[1], KIND)
    assert ended.code == 1
    assert ended.errors.startswith("open: the core was built with other options than the program")
    assert "found: protocol 4, 4x4 array, weights of 8 bits" in ended.errors


def test_a_line_that_is_dead_is_named_after_a_while(digits, executable):
    core = FakeCore(CONFIG)
    core.to_core = Line(lost=range(10**6))
    _, ended = c_driver.infer(core, executable, digits[1], KIND)
    assert ended.code == 1
    assert ended.errors.startswith("open: the core does not answer: check the cable, the rate")
    assert core.ran == 0


def test_a_line_that_dies_is_named(digits, executable):
    core = FakeCore(CONFIG)
    core.to_core = Line(lost=range(LOADED + 300, 10**6))
    found, ended = c_driver.infer(core, executable, digits[1], KIND)
    assert ended.code == 1
    assert "run: the core does not answer" in ended.errors
    assert (found == digits[2][:1]).all()


@pytest.fixture(scope="module")
def streamed(exported, tmp_path_factory):
    """A program that is read from a flash."""
    folder = tmp_path_factory.mktemp("streamed")
    c_driver.export(flash.PROGRAM, folder)
    return c_driver.compiled(folder, "uart", *SHORT)


IN_FLASH = {
    "holds no program for this core": flash.OTHER_CORE,
    "holds a program that is damaged": flash.IMAGE[:200] + b"\x55" + flash.IMAGE[201:],
    "holds another program": flash.OTHER,
    "does not answer": b"",
}


def test_a_program_in_flash_runs(streamed):
    samples = images(2)
    expected = flash.PROGRAM.run(samples).output
    found, ended = c_driver.infer(
        flash.core_with(flash.IMAGE), streamed, samples, (expected.shape[1:], np.int8)
    )
    assert ended.code == 0, ended.errors
    assert (found == expected).all()


@pytest.mark.parametrize("said", IN_FLASH)
def test_what_is_in_flash_instead_is_named(said, streamed):
    core = flash.core_with(IN_FLASH[said])
    _, ended = c_driver.infer(core, streamed, images(1), ((1,), np.int8))
    assert ended.code == 1
    assert ended.errors.startswith(f"load: the core's flash {said}")
    assert core.ran == 0


@pytest.mark.xdist_group("fast_line")
def test_inputs_that_arrive_in_bands_of_rows_are_sent_during_the_run(exported, tmp_path):
    """In RTL, on a core that waits for them and whose memory is too small for the whole."""
    config = AcceleratorConfig(bank_words=1024, flash_lanes=4)
    with compile(large_input(), config=config) as program:
        assert any(piece.during for piece in program.code.pieces)
        c_driver.export(program, tmp_path)
        shape = program.code.graph.tensor("x").shape[1:]
        samples = np.random.default_rng(3).integers(-128, 128, (1, *shape)).astype(np.int8)
        expected = program.run(samples).output
        core = CompiledCore(config, image=len(program.code.flash))
        if program.code.flash:
            core.burn(program.code.flash)
        kind = (expected.shape[1:], np.int8)
        found, ended = c_driver.infer(core, c_driver.compiled(tmp_path), samples, kind)
    assert ended.code == 0, ended.errors
    assert (found == expected).all()


def test_nothing_in_the_driver_is_left_to_a_compiler(exported):
    """All conversions are written out, also where chars have no sign."""
    warnings = ("-funsigned-char", "-Wcast-align=strict", "-Wshadow", "-Wconversion", "-Wvla")
    sources = sorted(exported.glob("accel*.c"))
    command = [c_driver.compiler(), *c_driver.FLAGS, *warnings, "-fsyntax-only", *sources]
    subprocess.run(command, check=True)


def test_answers_of_a_system_of_32_bits_are_the_same(digits, exported):
    trial = subprocess.run(
        [c_driver.compiler(), "-m32", "-x", "c", "-", "-o", exported / "trial"],
        input=b"#include <stdio.h>\nint main(void) { return 0; }\n",
        capture_output=True,
        check=False,
    )
    if trial.returncode:
        pytest.skip("there are no libraries of 32 bits here")
    narrow = c_driver.compiled(exported, "uart", "-m32", *SHORT)
    found, ended = c_driver.infer(FakeCore(CONFIG), narrow, digits[1], KIND)
    assert ended.code == 0, ended.errors
    assert (found == digits[2]).all()


def test_undefined_behaviour_does_not_happen(digits, exported):
    """Compiled with the sanitizers, a run has nothing to say."""
    flags = ("-fsanitize=undefined,address", "-fno-sanitize-recover=all", "-O1", *SHORT)
    try:
        ready = c_driver.compiled(exported, "uart", *flags)
    except AssertionError:
        pytest.skip("the compiler has no sanitizers here")
    _, samples, expected = digits
    core = FakeCore(CONFIG)
    core.to_core = Line(lost={LOADED + 30})
    found, ended = c_driver.infer(core, ready, samples, KIND)
    assert ended.code == 0, ended.errors
    assert (found == expected).all()
