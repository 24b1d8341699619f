"""Random models, written as files and read back, answer as TFLite Micro does, element by element.

A model is compiled for a random core. What the compiler refuses it must refuse by name, and rarely:
each test counts what reached the machine, and the counts add up to more than 300 models of one
operator.
"""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.api import Program
from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import CannotCompile
from accel.compiler.frontends.tflite.reader import read
from accel.compiler.operators import OPERATORS, OnCore
from accel.compiler.tflite_export.writer import write
from accel.config import AcceleratorConfig
from tests.support.networks.tflite import branches, elementwise, operators, shapes, windows
from tests.support.networks.tflite.operators import SEEDS, random_inputs
from tests.support.oracles.agreement import assert_layers
from tests.support.oracles.tflm import tflm

SAMPLES = 3
SIZES = (  # rows, columns, requantizers
    (4, 4, 1),
    (2, 2, 1),
    (4, 8, 1),
    (8, 16, 4),
    (8, 4, 2),
    (8, 8, 1),
    (8, 8, 2),
    (8, 8, 4),
    (3, 5, 1),
    (4, 4, 4),
    (6, 3, 3),
    (2, 1, 1),
)
RTL = AcceleratorConfig(family="ice40up")  # the default board's
RTL_INT4 = AcceleratorConfig(family="ice40up", format="int8_int4")


@st.composite
def within(draw, add, after):
    """An operator that the driver computes at a network's ends, inside of one."""
    b = draw(operators.images())
    operators.add_average_pool2d(b)
    add(b)
    after(b)
    return b.graph()


def add_transpose(b):
    branches.add_transpose(b, [b.last])


def add_arg_max(b):
    branches.add_index(b, [b.last])


# By operator: models, how many are tried, and how many must reach the machine at least.
ON_THE_CORE = {
    "conv2d": (windows.GRAPHS["conv2d"], 120, 110),
    "depthwise_conv2d": (operators.depthwise_conv2d_graphs(), 120, 110),
    "fully_connected": (operators.fully_connected_graphs(), 70, 65),
    "average_pool2d": (operators.average_pool2d_graphs(), 50, 45),
    "mean": (shapes.mean_graphs(), 50, 45),
    "pad": (operators.GRAPHS["pad"], 30, 27),
    "transpose_conv2d": (windows.GRAPHS["transpose_conv2d"], 30, 27),
    **{name: (elementwise.GRAPHS[name], 30, 15) for name in elementwise.BINARY},
    **{
        name: (elementwise.GRAPHS[name], 20, 15)
        for name in ("relu", "abs", "elu", "hard_swish", "leaky_relu", "logistic", "rsqrt", "tanh")
    },
    "prelu": (elementwise.GRAPHS["prelu"], 30, 18),
    "arg_max": (within(add_arg_max, lambda b: None), 30, 25),
    "resize_nearest": (shapes.GRAPHS["resize_nearest"], 20, 17),
    "reduce_max": (shapes.GRAPHS["reduce_max"], 30, 20),
    "gather": (shapes.GRAPHS["gather"], 20, 15),
    "pack": (shapes.GRAPHS["pack"], 20, 5),
    "unpack": (shapes.GRAPHS["unpack"], 20, 5),
    "space_to_depth": (shapes.GRAPHS["space_to_depth"], 20, 15),
    "depth_to_space": (shapes.GRAPHS["depth_to_space"], 20, 17),
    "quantize": (within(operators.add_quantize, operators.add_average_pool2d), 30, 25),
    "max_pool2d": (shapes.GRAPHS["max_pool2d"], 40, 30),
    "slice": (shapes.GRAPHS["slice"], 40, 35),
    "split": (shapes.GRAPHS["split"], 30, 25),
    "concatenation": (shapes.GRAPHS["concatenation"], 40, 30),
    "transpose": (within(add_transpose, operators.add_average_pool2d), 30, 25),
    "reshape": (within(operators.add_reshape, operators.add_fully_connected), 30, 25),
}


def formats(graph):
    """The formats whose range the weights keep."""
    dtypes = {tensor.dtype for tensor in graph.tensors.values()}
    wide = any(graph.tensor(n.inputs[1]).dtype == "int8" for n in graph if len(n.inputs) > 1)
    return ("int8",) if wide or "int4" not in dtypes else ("int8", "int8_int4", "int8_int4")


@st.composite
def compiled(draw, graphs):
    """A model's file and its program for a random core; of what is refused, the reasons."""
    graph = draw(graphs)
    rows, columns, requantizers = draw(st.sampled_from(SIZES))
    config = AcceleratorConfig(
        rows=rows,
        columns=columns,
        requantizers=requantizers,
        format=draw(st.sampled_from(formats(graph))),
        weight_steps=8192,
        sum_bits=26,
    )
    return (*attempt(graph, config), random_inputs(graph, SAMPLES, draw(SEEDS)))


def attempt(graph, config):
    file = write(graph)
    graph = read(file, "random.tflite")
    try:
        return file, Program(compile_graph(graph, config)), ()
    except CannotCompile as refusal:
        for reason in refusal.reasons:
            assert reason.place.split(" ")[0] in {node.name for node in graph}, reason
            assert reason.what
        return file, None, refusal.reasons


@pytest.mark.parametrize("operator", ON_THE_CORE)
def test_machine_equals_the_oracle(operator):
    graphs, examples, least = ON_THE_CORE[operator]
    count = Counter()

    @settings(max_examples=examples)
    @given(compiled(graphs))
    def check(case):
        file, program, reasons, inputs = case
        count["refused" if reasons else "reached"] += 1
        if program is not None:
            assert program.code.commands
            assert_layers(program, "machine", inputs, tflm(file, inputs, all_tensors=True))

    check()
    assert count["reached"] >= least
    assert count["refused"] <= examples - least


def test_models_of_one_operator_that_reach_the_machine_are_at_least_300():
    alone = ("conv2d", "depthwise_conv2d", "fully_connected", "average_pool2d", "pad")
    assert sum(ON_THE_CORE[operator][2] for operator in alone) >= 300
    assert set(ON_THE_CORE) == {
        name for name, operator in OPERATORS.items() if isinstance(operator, OnCore)
    } - {"function"} - {"mirror_pad", "sum"}  # TFLite has none; `test_single_operators` draws these
