"""The ONNX project's own tests of single operators: each is passed, or refused for a reason.

A test's inputs but the first become constants, and a first dimension other than 1 becomes the
batch. Operators of float32 are run between QuantizeLinear and DequantizeLinear, where the answer
may lie a step beside the runtime's.
"""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from accel.compiler.frontends import UnsupportedModel
from accel.compiler.frontends.onnx.reader import read
from accel.compiler.graph.interpreter import in_file_shape, run
from tests.support.oracles.onnx import onnx_runtime
from tests.support.shared import DATA

FOLDER = DATA / "onnx_node_tests"
NAMES = sorted(path.name for path in FOLDER.glob("*")) if FOLDER.exists() else []
FLOAT = TensorProto.FLOAT
STEP = 1 / 64
WEIGHTED = ("Conv", "Gemm", "MatMul", "Concat", "PRelu")


class NodeTest:
    """A test's model with constants for all inputs but the first, the input and the output."""

    def __init__(self, folder: Path) -> None:
        model = onnx.load(folder / "model.onnx")
        data = folder / "test_data_set_0"
        arrays = []
        for path in sorted(data.glob("input_*.pb"), key=lambda p: int(p.stem.split("_")[1])):
            arrays.append(numpy_helper.to_array(onnx.load_tensor(path)))
        self.output = numpy_helper.to_array(onnx.load_tensor(data / "output_0.pb"))
        self.input, self.constants = arrays[0], {}
        for value, array in zip(list(model.graph.input)[1:], arrays[1:], strict=True):
            self.constants[value.name] = array
            model.graph.input.remove(value)
        self.model, self.name = model, model.graph.input[0].name
        first = model.graph.input[0].type.tensor_type.shape.dim
        if len(first) and first[0].dim_value != 1:
            first[0].Clear()
            first[0].dim_param = "N"
            for output in model.graph.output:
                output.type.tensor_type.ClearField("shape")

    @property
    def floating(self) -> bool:
        graph = self.model.graph
        quantizes = any("Quantize" in n.op_type or "QLinear" in n.op_type for n in graph.node)
        return self.input.dtype == np.float32 and not quantizes

    def bytes(self) -> bytes:
        tensors = [numpy_helper.from_array(a, name) for name, a in self.constants.items()]
        self.model.graph.initializer.extend(tensors)
        return self.model.SerializeToString()

    def between_conversions(self) -> bytes:
        """The model with its input and its output quantized, and weights as well."""
        graph = self.model.graph
        constants = {"step": np.float32(STEP), "zero": np.int8(0)}
        before, after = [], []
        names = {self.name: "input_numbers", graph.output[0].name: "output_numbers"}
        self._convert(self.name, "input", before, names[self.name])
        for name, array in self.constants.items():
            weights = graph.node[0].op_type in WEIGHTED and name == graph.node[0].input[1]
            constants[name] = array
            if weights:
                names[name] = f"{name}_numbers"
                self._convert(name, name, before, names[name])
        self._convert("output_numbers", "output", after, graph.output[0].name)
        for node in graph.node:
            for ports in (node.input, node.output):
                for index, name in enumerate(ports):
                    ports[index] = names.get(name, name)
        nodes = [*before, *graph.node, *after]
        tensors = [numpy_helper.from_array(a, name) for name, a in constants.items()]
        output = helper.make_tensor_value_info(graph.output[0].name, FLOAT, None)
        whole = helper.make_graph(nodes, "wrapped", graph.input[:1], [output], tensors)
        opsets = [helper.make_opsetid("", max(13, self.model.opset_import[0].version))]
        return helper.make_model(whole, opset_imports=opsets, ir_version=10).SerializeToString()

    @staticmethod
    def _convert(source: str, stem: str, nodes: list, output: str) -> None:
        make = helper.make_node
        nodes.append(make("QuantizeLinear", [source, "step", "zero"], [f"{stem}_codes"]))
        nodes.append(make("DequantizeLinear", [f"{stem}_codes", "step", "zero"], [output]))


def outcome(name: str) -> str:
    """What became of a test; raises ``AssertionError`` where the answer is wrong."""
    case = NodeTest(FOLDER / name)
    floating = case.floating
    data = case.between_conversions() if floating else case.bytes()
    try:
        graph = read(data, name)
    except UnsupportedModel as error:
        return f"refused: {error.reasons[0]}"
    output = graph.outputs[0]
    answer = in_file_shape(graph, output, run(graph, case.input)[output])
    if not floating:
        np.testing.assert_array_equal(answer, case.output)
        return "passed"
    runs = [onnx_runtime(data, {case.name: sample[np.newaxis]}, "NONE")[0] for sample in case.input]
    expected = np.concatenate(runs)
    assert answer.shape == expected.shape
    beside = np.abs(answer - expected) / STEP
    assert beside.max(initial=0) <= 1
    count = int(np.count_nonzero(beside))
    return f"passed, {count} of {beside.size} a step beside" if count else "passed"


@pytest.mark.parametrize("name", NAMES)
def test_the_answer_is_right_or_there_is_a_reason_for_none(name):
    assert outcome(name).startswith(("passed", "refused: "))


def test_what_is_refused_is_known(golden):
    if not NAMES:
        pytest.skip("shared data onnx_node_tests is not here")
    lines = [f"{name}: {outcome(name)}"[:160] for name in NAMES]
    golden("onnx_nodes.txt", "\n".join(lines) + "\n")
