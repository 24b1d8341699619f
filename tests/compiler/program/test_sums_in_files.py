"""A program file says where the bytes of each 32-bit output lie."""

import numpy as np

import accel
from accel.compiler.compile import compile_graph
from accel.compiler.frontends.onnx.reader import read
from accel.compiler.program.program_file import load_program
from accel.config import AcceleratorConfig
from accel.host.runner import run
from accel.sim.functional.machine import Machine
from tests.support.networks.onnx.unquantized import drawn


def test_values_are_read_by_the_index_of_the_file(tmp_path):
    model = drawn(3, "MatMul")
    code = compile_graph(read(model.bytes(), "layer.onnx"), AcceleratorConfig(rows=8, columns=4))
    accel.Program(code).save(tmp_path / "program.bin")
    ((name, index),) = load_program(tmp_path / "program.bin").sums.items()
    machine, kept = Machine(code), {}

    class Core:
        def run(self, inputs, keep, passing=None):
            kept.update(machine.run(inputs, keep))
            return dict(kept)

    answer = run(code, Core(), model.inputs(), [name])[name]
    data = np.ascontiguousarray(kept[name][:, index])
    np.testing.assert_array_equal(data.view("<i4").reshape(answer.shape), answer)
