"""The driver takes from a network's ends what it can, the core gets what is between."""

from dataclasses import replace

import numpy as np
import pytest

from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import CannotCompile
from accel.compiler.graph.host_partition import inside, partition
from accel.compiler.graph.interpreter import run
from accel.compiler.operators import OPERATORS
from accel.compiler.operators.arg_max import MOST_CLASSES, ArgMax
from accel.compiler.operators.average_pool2d import AveragePool2d
from accel.compiler.operators.dequantize import Dequantize
from accel.compiler.operators.maximum import Maximum
from accel.compiler.operators.pad import Pad
from accel.compiler.operators.quantize import Quantize
from accel.compiler.operators.reshape import Reshape
from accel.compiler.operators.softmax import Softmax
from accel.config import AcceleratorConfig
from accel.host.runner import run as run_core
from accel.sim.functional.machine import Machine
from tests.support.networks.small import SHAPE, Chain
from tests.support.networks.tflite.operators import per_tensor, random_inputs


def names(nodes):
    return tuple(node.name for node in nodes)


def parts(graph):
    found = partition(graph)
    return names(found.before), names(found.core), names(found.after)


def network():
    """Floats in, pooled codes out."""
    pool = AveragePool2d(size=(5, 6), stride=(1, 1))
    chain = Chain(SHAPE, "float32").add("quantize", Quantize()).convolution()
    return chain.add("average_pool2d", pool, (1, 1, 1, 4))


def test_conversions_and_softmax_are_the_drivers():
    chain = network().add("reshape", Reshape(), (1, 4))
    chain.add("softmax", Softmax(beta=1.0), q=per_tensor(1 / 256, -128))
    chain.add("dequantize", Dequantize(), dtype="float32")
    found = partition(chain.graph())
    assert parts(chain.graph()) == (("n0",), ("n1", "n2"), ("n3", "n4", "n5"))
    assert (found.inputs, found.outputs) == (("t0",), ("t2",))


def test_a_reshape_at_the_end_is_the_drivers_and_one_inside_is_not():
    ending = network().add("reshape", Reshape(), (1, 4))
    assert parts(ending.graph()) == (("n0",), ("n1", "n2"), ("n3",))
    inside = Chain((1, 30, 4)).add("reshape", Reshape(), (1, 5, 6, 4)).convolution()
    inside.add("reshape", Reshape(), (1, 6, 5, 4)).convolution()
    assert parts(inside.graph()) == (("n0",), ("n1", "n2", "n3"), ())


def test_what_the_core_writes_and_the_driver_too_needs_leaves_it():
    graph = Chain().convolution().convolution().graph(outputs=("t1", "t0"))
    assert set(partition(graph).outputs) == {"t0", "t1"}


def test_a_conversion_between_two_layers_is_the_cores():
    graph = Chain().convolution().add("quantize", Quantize()).convolution().graph()
    assert parts(graph) == ((), ("n0", "n1", "n2"), ())


def test_a_network_that_the_driver_can_compute_needs_no_core():
    graph = Chain((1, 4), "float32").add("quantize", Quantize()).graph()
    found = partition(graph)
    assert (found.core, found.inputs, found.outputs) == ((), (), ())
    assert len(found.before) + len(found.after) == 1


@pytest.mark.parametrize("outputs", [("t1",), ("t0", "t1")])
def test_every_node_has_one_place(outputs):
    graph = Chain().convolution().add("quantize", Quantize()).graph(outputs)
    found = partition(graph)
    assert sorted((*found.before, *found.core, *found.after), key=id) == sorted(graph, key=id)
    assert all(OPERATORS[node.operator].host for node in (*found.before, *found.after))


def test_constants_are_no_inputs():
    assert partition(Chain().convolution().graph()).inputs == ("x",)


def indexed(axis=3, channels=4, **attributes):
    shape = tuple(size for i, size in enumerate((1, 5, 6, channels)) if i != axis)
    chain = Chain(SHAPE).convolution(channels)
    return chain.add("arg_max", ArgMax(axis=axis, **attributes), shape, dtype="int32")


def after(chain):
    chain.tensors["t1"] = replace(chain.tensors["t1"], quantization=None)
    return names(partition(chain.graph()).after)


def test_the_index_of_a_channel_is_the_cores_where_it_can_and_else_the_drivers():
    assert after(indexed()) == ()
    assert after(indexed(axis=1)) == ("n1",)
    assert after(indexed(channels=MOST_CLASSES)) == ()
    assert after(indexed(channels=MOST_CLASSES + 1)) == ("n1",)
    assert after(indexed(driver=True)) == ("n1",)


def test_the_index_of_what_the_driver_computes_is_the_drivers():
    chain = Chain(SHAPE).convolution()
    chain.add("softmax", Softmax(beta=1.0), q=per_tensor(1 / 256, -128))
    chain.add("arg_max", ArgMax(axis=3), SHAPE[:3], dtype="int32")
    chain.tensors["t2"] = replace(chain.tensors["t2"], quantization=None)
    assert names(partition(chain.graph()).after) == ("n1", "n2")


def test_an_index_on_the_core_that_does_not_fit_is_left_to_the_driver():
    chain = indexed(channels=32)
    chain.tensors["t1"] = replace(chain.tensors["t1"], quantization=None)
    for words, expected in ((16384, ()), (1536, ("n1",))):
        code = compile_graph(chain.graph(), AcceleratorConfig(bank_words=words))
        assert names(code.partition.after) == expected
        inputs = random_inputs(chain.graph(), 3)
        answer = run_core(code, Machine(code), inputs)["t1"]
        np.testing.assert_array_equal(answer, run(chain.graph(), inputs)["t1"])
        assert answer.dtype == np.int32


SOFT = per_tensor(1 / 256, -128)


def softened(chain):
    return chain.add("softmax", Softmax(beta=1.0), q=SOFT)


def segments(graph):
    found = partition(graph).segments
    return [(names(one.driver), names(one.core), one.inputs, one.outputs) for one in found]


def test_what_only_the_driver_can_compute_parts_the_core():
    graph = softened(Chain().convolution()).convolution().graph()
    first, second = segments(graph)
    assert first == ((), ("n0",), ("x",), ("t0",))
    assert second == (("n1",), ("n2",), ("t1",), ("t2",))
    assert [node.name for node in inside(graph)] == ["n1"]


def test_the_core_computes_as_much_as_it_can_before_the_driver_is_asked():
    """Branches do not wait for each other's nodes of the driver, and ask for them together."""
    chain = softened(Chain().convolution())
    first, chain.last = chain.last, chain.tensors["x"]
    softened(chain.convolution())
    chain.add("maximum", Maximum(), constants=(first.name,), q=SOFT)
    assert segments(chain.graph()) == [
        ((), ("n0", "n2"), ("x",), ("t0", "t2")),
        (("n1", "n3"), ("n4",), ("t1", "t3"), ("t4",)),
    ]


def test_what_moves_codes_between_two_nodes_of_the_driver_is_the_drivers():
    """Else it would take a run of the core, and cross twice."""
    chain = softened(Chain((1, 30, 4)).fully_connected(4, rows=True))
    chain.add("reshape", Reshape(), (1, 15, 8)).add("reshape", Reshape(), (1, 30, 4), q=SOFT)
    softened(chain).fully_connected(4)
    assert [one[:2] for one in segments(chain.graph())] == [
        ((), ("n0",)),
        (("n1", "n2", "n3", "n4"), ("n5",)),
    ]


def test_what_makes_more_codes_of_what_the_driver_computes_is_the_cores():
    chain = softened(Chain().convolution())
    pad = Pad(amounts=((0, 0), (1, 1), (1, 1), (0, 0)), value=-128)
    chain.add("pad", pad, (1, 7, 8, 4)).convolution()
    assert [one[:2] for one in segments(chain.graph())] == [((), ("n0",)), (("n1",), ("n2", "n3"))]


def test_an_operator_of_the_driver_inside_is_refused_without_the_host():
    graph = softened(Chain().convolution()).convolution().graph().replace(host=False)
    with pytest.raises(CannotCompile, match=r"n1 \(SOFTMAX\): cannot be computed by the core"):
        compile_graph(graph, AcceleratorConfig())
    ending = softened(Chain().convolution()).graph().replace(host=False)
    assert names(compile_graph(ending, AcceleratorConfig()).partition.after) == ("n1",)
