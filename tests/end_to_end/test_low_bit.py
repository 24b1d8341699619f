"""Networks of one and two bits, of FINN's TFC and CNV classes: every layer is qonnx's, everywhere."""

import contextlib
from pathlib import Path

import numpy as np
import pytest

import accel
from accel.compiler.program import Program as Code
from accel.compiler.undecided import undecided
from accel.isa import Isa
from tests.agreement import assert_cycles
from tests.qonnx_networks import assert_qonnx, differing, quantized_tensors

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
    assert undecided(graph) == ()
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


def weight_bytes(code: Code) -> int:
    isa = Isa(code.config)
    overhead = sum(
        isa.descriptor_words + len(c.channels) * isa.records_of_group(c.fields)
        for c in code.commands
    )
    return code.size_bytes - overhead * code.config.rows


@pytest.mark.parametrize("name", ["tfc_w1a1", "tfc_w2a2"])
def test_a_core_of_narrow_weights_runs_them_in_half_the_memory(name):
    path, x = FOLDER / f"{name}.onnx", images(name)[:SAMPLES]
    wide, narrow = (
        accel.compile(path, config=accel.configuration("icebreaker", format=format))
        for format in ("int8", "int8_int4")
    )
    np.testing.assert_array_equal(wide.run(x).output, narrow.run(x).output)
    # The last layer's 10 channels take 12 columns.
    assert weight_bytes(wide.code) == 2 * weight_bytes(narrow.code) == 3 * 64 * 64 + 12 * 64
