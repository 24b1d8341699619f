import dataclasses

import numpy as np
import pytest
import tflite
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler.frontends.tflite.reader import read
from accel.compiler.frontends.tflite.tensors import unpack_int4
from accel.compiler.graph.samples import per_sample
from accel.compiler.ir.graph import InvalidGraph
from accel.compiler.operators.conv2d import Conv2d
from accel.compiler.tflite_export.writer import pack_int4, write
from tests.support.networks.single_operators import SINGLE_OPERATOR_GRAPHS
from tests.support.networks.tflite.operators import conv2d_graphs, networks


def same(a, b):
    """Graphs, tensors and data equal in every field."""
    if dataclasses.is_dataclass(a):
        return type(a) is type(b) and all(
            same(getattr(a, field.name), getattr(b, field.name)) for field in dataclasses.fields(a)
        )
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if hasattr(a, "items"):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@settings(max_examples=150)
@given(st.one_of(*SINGLE_OPERATOR_GRAPHS.values(), networks(dilated=True)))
def test_a_written_graph_reads_as_itself(graph):
    """With the numbers that its operators have in the file, and as one of samples."""
    nodes = [dataclasses.replace(node, number=index) for index, node in enumerate(graph)]
    read_again = read(write(graph), f"{graph.name}.tflite")
    assert same(read_again, per_sample(graph.replace(nodes=tuple(nodes)))[0])


@settings(max_examples=20)
@given(networks())
def test_constant_data_are_aligned(graph):
    data = write(graph)
    model = tflite.Model.GetRootAs(data, 0)
    assert tflite.Model.ModelBufferHasIdentifier(data, 0)
    start = np.frombuffer(data, np.uint8).ctypes.data
    for index in range(1, model.BuffersLength()):
        assert (model.Buffers(index).DataAsNumpy().ctypes.data - start) % 16 == 0


@given(st.lists(st.integers(-8, 7), max_size=9))
def test_int4_values_are_packed_low_nibble_first(values):
    packed = np.frombuffer(pack_int4(np.array(values, np.int8)), np.uint8)
    assert len(packed) == (len(values) + 1) // 2
    assert unpack_int4(packed, len(values)).tolist() == values
    if len(values) > 1:
        assert packed[0] == (values[0] & 15) + 16 * (values[1] & 15)


@settings(max_examples=1)
@given(conv2d_graphs(dilated=False))
def test_other_padding_is_an_error(graph):
    attributes = Conv2d(padding=((3, 0), (0, 0)))
    node = dataclasses.replace(graph.nodes[0], attributes=attributes)
    message = r"^conv2d_0 \(CONV_2D\): padding \(\(3, 0\), \(0, 0\)\) is neither SAME nor VALID"
    with pytest.raises(InvalidGraph, match=message):
        write(graph.replace(nodes=(node,)))
