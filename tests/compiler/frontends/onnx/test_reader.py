"""ONNX files are read whole or refused, in bounded time and memory."""

import re

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from accel.compiler.frontends import FRONTENDS, UnsupportedModel, load
from accel.compiler.frontends.onnx.header import recognizes
from accel.compiler.frontends.onnx.reader import read, spellings
from accel.compiler.ir.graph import Graph
from accel.compiler.operators import OPERATORS
from tests.support.networks.onnx.edits import INT8, edited, reasons, small_model
from tests.support.shared import shared


def test_the_small_model_is_right():
    graph = read(small_model().SerializeToString(), "small.onnx")
    assert graph.name == "small"
    assert graph.contract == "onnx"
    assert [node.operator for node in graph] == [
        "quantize",
        "reshape",  # of one channel, which moves nothing
        "conv2d",
        "transpose",
        "dequantize",
    ]
    conv = graph.nodes[2]
    assert (conv.name, conv.source, conv.attributes.activation) == ("conv2d_4", "Conv", "relu")
    assert graph.tensor(conv.inputs[1]).shape == (2, 3, 3, 1)
    assert graph.tensor(conv.inputs[1]).quantization.scale == (0.5, 0.25)
    assert graph.tensor(conv.inputs[2]).data.tolist() == [10, -10]
    assert graph.inputs == ("x",)
    assert graph.outputs == ("y",)
    assert graph.tensor("y").shape == (1, 2, 5, 5)


def test_what_onnx_spells_are_operators_of_ours():
    assert set(FRONTENDS["onnx"].operators.values()) - {""} <= set(OPERATORS)


def test_spellings_are_in_order():
    names = spellings(small_model().SerializeToString())
    assert names[:5] == ["QuantizeLinear", *["DequantizeLinear"] * 3, "Conv"]
    assert spellings(b"\x08\x08garbage") == []


def test_initializers_may_be_inputs():
    def change(model):
        value = helper.make_tensor_value_info("w", INT8, [2, 1, 3, 3])
        model.graph.input.append(value)

    assert read(edited(change), "m.onnx").inputs == ("x",)


def test_nodes_may_come_in_any_order():
    def change(model):
        nodes = list(model.graph.node)[::-1]
        del model.graph.node[:]
        model.graph.node.extend(nodes)

    operators = [node.operator for node in read(edited(change), "m.onnx")]
    assert operators == ["quantize", "reshape", "conv2d", "transpose", "dequantize"]


def test_other_contracts_are_refused(tmp_path):
    path = tmp_path / "small.onnx"
    onnx.save(small_model(), path)
    assert load(path, "onnx").contract == "onnx"
    message = (
        "small.onnx: cannot be held to the contract 'tflm', which no ONNX runtime has; use onnx"
    )
    with pytest.raises(UnsupportedModel, match=f"^{re.escape(message)}$"):
        load(path, "tflm")


def test_constants_cannot_take_more_memory_than_there_is():
    def change(model):
        node = helper.make_node("ConstantOfShape", ["sizes"], ["huge"])
        model.graph.node.append(node)
        sizes = np.array([2**20, 2**20], np.int64)
        model.graph.initializer.append(numpy_helper.from_array(sizes, "sizes"))

    (reason,) = reasons(edited(change))
    assert reason.startswith("operator 8 (ConstantOfShape): needs constants of more than ")


@pytest.mark.parametrize("operator", ["Tile", "Expand"])
@pytest.mark.parametrize("sizes", [(1, 2**57), (0, 2**57)])
def test_repetitions_are_counted_before_they_are_made(operator, sizes):
    """Also where another size of 0 leaves no element of the product."""

    def change(model):
        names = ["ones" if operator == "Expand" else "one", "sizes"]
        model.graph.node.append(helper.make_node(operator, names, ["huge"]))
        for name, array in {
            "sizes": np.array(sizes, np.int64),
            "one": np.ones((0, 2), np.float32),
            "ones": np.ones((1, 1), np.float32),
        }.items():
            model.graph.initializer.append(numpy_helper.from_array(array, name))

    (reason,) = reasons(edited(change))
    assert reason.startswith(f"operator 8 ({operator}): ")


def test_constants_that_double_are_stopped():
    def change(model):
        names = ["w_s"]
        for step in range(60):
            names.append(f"twice_{step}")
            model.graph.node.append(
                helper.make_node("Concat", [names[-2], names[-2]], [names[-1]], axis=0)
            )

    (reason,) = reasons(edited(change))
    assert "needs constants of more than" in reason


def check_is_graph_or_message(data: bytes) -> None:
    try:
        assert isinstance(read(data, "fuzz.onnx"), Graph)
    except UnsupportedModel as error:
        assert error.reasons


def test_truncated_files_are_refused():
    data = small_model().SerializeToString()
    for length in range(len(data)):
        check_is_graph_or_message(data[:length])


def test_a_truncated_real_file_is_refused():
    data = shared("models/onnx_ortq/ic01_qdq_s8s8_pc.onnx").read_bytes()
    (message,) = reasons(data[: len(data) // 2])
    assert message.startswith("is a damaged ONNX file (")


@settings(max_examples=300)
@given(st.data())
def test_damaged_files_give_a_graph_or_a_message(data):
    model = bytearray(small_model().SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(model) - 4))
        value = data.draw(st.sampled_from((0, 1, 0x7F, 0x80, 0xFF)) | st.integers(0, 255))
        width = data.draw(st.sampled_from((1, 4)))
        model[at : at + width] = bytes([value] * width)
    check_is_graph_or_message(bytes(model))


@pytest.mark.parametrize(
    ("header", "is_onnx"),
    [
        (b"\x08\x07", True),  # one field, and the file ends with it
        (b"\x08\x07\x12\x02ab", True),
        (b"\x08\x07\x12\x40", True),  # the second field is longer than the header
        (b"\x08\x00", False),  # no version
        (b"\x12\x02ab\x08\x07", False),  # the version is not the first
        (b"", False),
    ],
)
def test_a_file_is_told_by_its_first_fields(header, is_onnx):
    assert recognizes(header) is is_onnx
