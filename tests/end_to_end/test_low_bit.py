"""Networks of one and two bits, of FINN's TFC and CNV classes: every layer is qonnx's,
everywhere."""

import contextlib
from pathlib import Path

import numpy as np
import pytest

import accel
from accel.compiler.diagnostics import CannotCompile
from accel.compiler.frontends.onnx.reader import read
from accel.compiler.graph.accumulation_order import order_sensitive
from accel.compiler.program.program import CoreProgram
from accel.isa import Isa
from tests.support.networks.onnx.low_bit import (
    Network,
    assert_qonnx,
    convolutional,
    differing,
    layer,
    quantized_tensors,
    residual,
)
from tests.support.oracles.agreement import assert_cycles

FOLDER = Path(__file__).resolve().parents[2] / "examples/low_bit"
NETWORKS = ("tfc_w1a1", "tfc_w1a2", "tfc_w2a2", "cnv_w2a2")
SAMPLES = 40
EXECUTORS = {"machine": SAMPLES, "rtl": 10}


def images(name: str) -> np.ndarray:
    with np.load(FOLDER / "test_images.npz") as archive:
        x = archive["x"]
    return x[:, np.newaxis] if name.startswith("cnv") else x.reshape(len(x), -1)


@pytest.mark.xdist_group("icebreaker")
@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_is_qonnxs_on_every_executor(name):
    path = FOLDER / f"{name}.onnx"
    data, x = path.read_bytes(), images(name)[:SAMPLES]
    program = accel.compile(path, board="icebreaker")
    graph = program.code.source
    assert order_sensitive(graph) == ()
    wanted = assert_qonnx(graph, data, x)
    names = tuple(n for n in quantized_tensors(data) if program.code.has(n))
    assert len(names) >= 4
    with contextlib.closing(program):
        for executor, samples in EXECUTORS.items():
            few = {tensor: array[:samples] for tensor, array in wanted.items()}
            execution = program.session.execute(executor, x[:samples], names)
            assert differing(graph, execution.tensors, few) == dict.fromkeys(names, 0)
            if executor == "rtl":
                assert_cycles(program.code, execution.layers)


def wide(seed: int) -> Network:
    """Sums of millions, whose steps float32 makes uneven."""
    n = Network((512,), seed)
    n.quant("q", 8, np.float32(0.0173))
    n.weights("w", (512, 16))
    n.quant("wq", 8, n.random.uniform(0.01, 0.03, (1, 16)), source="w", narrow=1)
    n.add("MatMul", "m", "wq")
    n.batchnorm("bn", 16, 20.0)
    n.quant("a", 8, np.float32(0.0311))
    return n


@pytest.mark.parametrize("kind", ["max", "average", "global", "residual"])
def test_layers_of_every_kind_are_the_references_on_the_core(kind):
    n = residual() if kind == "residual" else convolutional(kind)
    program = accel.compile(read(n.bytes(), "n.onnx"), board="icebreaker")
    x = n.inputs(20)
    machine, expected = (program.run(x, executor) for executor in ("machine", "reference"))
    assert not machine.report.inexact
    np.testing.assert_array_equal(machine.output, expected.output)


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("mode", ["ROUND", "FLOOR", "CEIL", "HALF_UP", "HALF_DOWN"])
def test_every_width_and_rounding_is_proved(bits, mode):
    n = layer(bits, bits, 2.0 ** (2 - bits), 2.0 ** (1 - bits), seed=bits, rounding_mode=mode)
    program = accel.compile(read(n.bytes(), "n.onnx"), board="icebreaker", exact=True)
    x = n.inputs(20)
    machine, expected = (program.run(x, executor) for executor in ("machine", "reference"))
    np.testing.assert_array_equal(machine.output, expected.output)


def test_channels_that_are_not_exact_are_counted_and_refused_where_all_must_be():
    n = wide(1)
    graph = read(n.bytes(), "n.onnx")
    config = accel.configuration("icebreaker", sum_bits=24)
    result = accel.compile(graph, config=config).run(n.inputs(20))
    assert 0 < len(result.report.inexact) < 16
    assert all(0 < d.differing < 100 and d.sums > 10**6 for d in result.report.inexact)
    (told,) = order_sensitive(graph)
    assert 0 < told.sums < 0.02 * told.of
    with pytest.raises(CannotCompile, match="cannot be requantized exactly; allow the closest"):
        accel.compile(graph, config=config, exact=True)


def test_roundings_whose_steps_differ_are_refused():
    graph = read(layer(rounding_mode="DOWN").bytes(), "n.onnx")
    with pytest.raises(CannotCompile, match="use the rounding_mode ROUND, FLOOR or CEIL"):
        accel.compile(graph, board="icebreaker")


def weight_bytes(code: CoreProgram) -> int:
    isa = Isa(code.config)
    overhead = sum(
        isa.descriptor_words + len(c.channels) * c.descriptor.parameter_words(isa)
        for c in code.commands
    )
    return code.size_bytes - overhead * code.config.rows


@pytest.mark.parametrize(("format", "times"), [("int8_int4", 2), ("int8_ternary", 4)])
@pytest.mark.parametrize("name", ["tfc_w1a1", "tfc_w2a2"])
def test_cores_of_narrow_weights_run_them_in_less_memory(name, format, times):
    path, x = FOLDER / f"{name}.onnx", images(name)[:SAMPLES]
    one, other = (
        accel.compile(path, config=accel.configuration("icebreaker", format=format))
        for format in ("int8", format)
    )
    np.testing.assert_array_equal(one.run(x).output, other.run(x).output)
    # The last layer's 10 channels take 12 columns.
    assert weight_bytes(one.code) == times * weight_bytes(other.code) == 3 * 64 * 64 + 12 * 64
