"""A channel that is not exact is counted, measured and named, or refused: never silent."""

import numpy as np
import pytest

import accel
from accel.compiler.diagnostics import CannotCompile
from accel.compiler.frontends.onnx.reader import read
from accel.compiler.graph.interpreter import run
from accel.compiler.ir.command import Inexact
from accel.compiler.program.disassembly import write_listing
from accel.compiler.program.program_file import load_program
from accel.config import AcceleratorConfig
from tests.support.networks.inexact_channel import CONFIG, around_every_step, network
from tests.support.networks.small import Chain


@pytest.fixture(scope="module")
def program():
    return accel.compile(read(network().bytes(), "steps.onnx"), config=CONFIG)


@pytest.mark.parametrize("executor", ["machine", "reference"])
def test_a_run_measures_what_the_compiler_counted(program, executor):
    x = around_every_step()
    result = program.run(x, executor)
    graph = program.code.graph
    differing = int((result.output != run(graph, x)[graph.outputs[0]]).sum())
    (deviation,) = result.report.inexact
    assert (deviation.layer, deviation.channel) == ("fully_connected_0", 0)
    assert deviation.sums == 127 * 255 * 200 + 255 + 1
    assert deviation.elements == len(x)
    assert deviation.differing_elements == differing
    # The inputs go to all sums at which a code begins, so to those that are wrong.
    assert 0 < deviation.differing < 40
    assert differing == (deviation.differing if executor == "machine" else 0)
    assert deviation.as_dict()["rate"] == differing / len(x)


def test_without_a_run_nothing_is_measured(program):
    (deviation,) = program.report().inexact
    assert deviation.elements == deviation.differing_elements == 0
    assert deviation.as_dict()["rate"] is None


def test_listing_and_program_file_name_it(program, tmp_path):
    (deviation,) = program.report().inexact
    count = f"channel 0 at {deviation.differing} of {deviation.sums:,} sums"
    assert f"not exact: fully_connected_0, {count}" in write_listing(program.code)
    program.save(tmp_path / "program.bin")
    (layer,) = load_program(tmp_path / "program.bin").commands
    expected = Inexact(channel=0, differing=deviation.differing, sums=deviation.sums)
    assert layer.inexact == (expected,)
    assert accel.open(tmp_path / "program.bin").report().inexact == (deviation,)


def test_it_can_be_refused():
    what = r"operator 0 \(QLinearMatMul\): output channels \[0\] cannot be requantized exactly"
    with pytest.raises(CannotCompile, match=what):
        accel.compile(read(network().bytes(), "steps.onnx"), config=CONFIG, exact=True)


def test_networks_that_are_proved_name_nothing():
    program = accel.compile(Chain().convolution().graph(), config=AcceleratorConfig())
    result = program.run(np.zeros((2, 5, 6, 4), np.int8))
    assert result.report.inexact == ()
    assert result.report.as_dict()["inexact"] == []
    assert "not exact" not in write_listing(program.code)
