"""Products, minima and slopes for each channel, from what the core has: sums, divisions and
tables."""

from dataclasses import replace

import numpy as np
import pytest

from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import CannotCompile
from accel.compiler.graph.interpreter import run
from accel.compiler.operators import OPERATORS, Binary
from accel.compiler.operators.minimum import Minimum
from accel.compiler.operators.mul import Mul
from accel.compiler.operators.prelu import Prelu
from accel.compiler.pipeline import lower
from accel.config import AcceleratorConfig
from accel.host.runner import run as run_core
from accel.sim.functional.machine import Machine
from tests.support.networks.small import CODES, Chain
from tests.support.networks.tflite.operators import per_tensor, random_inputs

CONFIG = AcceleratorConfig(rows=4, columns=4)
CONFIGS = (
    CONFIG,
    AcceleratorConfig(rows=8, columns=4, requantizers=2),
    AcceleratorConfig(rows=3, columns=5),
)


def assert_same(graph, config, inputs=None):
    code = compile_graph(graph, config)
    inputs = random_inputs(graph, 3) if inputs is None else inputs
    answers = run_core(code, Machine(code), inputs)
    for name, expected in run(graph, inputs).items():
        np.testing.assert_array_equal(answers[name], expected)
    return code


def of_two(shapes, q, operator="mul", attributes=None, contract="tflm"):
    """A node of two inputs; ``q`` are the quantizations of both and of the output."""
    chain = Chain(shapes[0])
    for name, shape, own in zip("xz", shapes, q, strict=False):
        chain.tensors[name] = replace(
            chain.tensors["x"], name=name, shape=tuple(shape), quantization=own
        )
    chain.last = chain.tensors["x"]
    chain.add(operator, attributes or Mul(), np.broadcast_shapes(*shapes), constants=("z",), q=q[2])
    return chain.graph(inputs=("x", "z")).replace(contract=contract)


ALL = np.arange(-128, 128).astype(np.int8)
EVERY_PAIR = ((1, 16, 16, 1), (1, 1, 1, 256))  # of 256 codes each
# Zero points of both operands: tables and planes differ where they do.
ZEROS = ((-128, -128), (127, -128), (0, 0), (-3, 5), (-128, 0), (100, -77), (127, 127))


@pytest.mark.parametrize(
    "zeros, contract",
    [
        *((zeros, "tflm") for zeros in ZEROS),
        *((z, c) for z in ZEROS[:2] for c in ("single", "onnx")),
    ],
    ids=str,
)
def test_a_product_is_exact_for_all_pairs_of_codes(zeros, contract):
    scales = (0.05, 1 / 256, 0.011)
    q = [per_tensor(scale, zero) for scale, zero in zip(scales, (*zeros, -9), strict=True)]
    graph = of_two(EVERY_PAIR, q, contract=contract)
    inputs = {"x": ALL.reshape(EVERY_PAIR[0]), "z": ALL.reshape(EVERY_PAIR[1])}
    assert_same(graph, AcceleratorConfig(bank_words=1 << 18), inputs)


@pytest.mark.parametrize("activation", ["relu", "relu6", "relu_n1_to_1"])
def test_a_fused_activation_of_a_product_is_a_clamp(activation):
    q = (per_tensor(0.05, -20), per_tensor(0.06, 7), per_tensor(0.09, 3))
    graph = of_two(((1, 2, 3, 40), (1, 2, 3, 40)), q, attributes=Mul(activation=activation))
    assert_same(graph, CONFIG)


SHAPES = (
    ((1, 5, 6, 7), (1, 5, 6, 7)),
    ((1, 5, 6, 7), (1, 1, 1, 7)),
    ((1, 1, 1, 7), (1, 5, 6, 7)),
    ((1, 5, 6, 7), (1, 5, 6, 1)),
    ((1, 5, 6, 1), (1, 1, 1, 7)),
    ((1, 5, 1, 7), (1, 1, 6, 7)),
    ((1, 7), (1, 5, 6, 7)),
    ((1, 9), (1, 9)),
)
PAIRS = {"mul": Mul(), "minimum": Minimum()}


@pytest.mark.parametrize("operator", PAIRS)
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_operands_broadcast(shapes, operator):
    q = (CODES,) * 3
    if operator == "mul":
        q = (per_tensor(0.05, 3), per_tensor(1 / 256, -128), per_tensor(0.03, -9))
    graph = of_two(shapes, q, operator, PAIRS[operator])
    for config in CONFIGS:
        assert_same(graph, config)


@pytest.mark.parametrize("height, strips", [(1, 1), (5, 1), (9, 2)])
def test_planes_that_would_fill_memory_are_computed_in_strips(height, strips):
    q = (per_tensor(0.05, 3), per_tensor(1 / 256, -128), per_tensor(0.03, -9))
    graph = of_two(((1, height, 20, 12), (1, 1, 1, 12)), q)
    code = assert_same(graph, CONFIG.replace(bank_words=4096))
    sums = [command for command in code.commands if command.name.endswith("_sum")]
    assert len(sums) == strips
    assert max(code.memory.activation_words) <= 4096 // 2


def test_a_square_is_a_table():
    chain = Chain().convolution()
    chain.add("mul", Mul(), constants=("t0",), q=per_tensor(2.0, -128))
    code = assert_same(chain.graph(), CONFIG)
    assert [command.name for command in code.commands] == ["n0", "n1"]


def test_a_core_of_narrow_weights_says_so():
    with pytest.raises(CannotCompile) as caught:
        lower(of_two(SHAPES[0], (CODES,) * 3), CONFIG.replace(format="int8_int4"))
    assert str(caught.value) == (
        "small: n0 (MUL): a product of two activations needs weights of -128..16 (the core is "
        "built for int8 x int4); use a core of a wider format"
    )


def by_channel(operator, attributes, constant, scale=0.02, zero=0):
    """A node of one input of all codes in each channel, and a constant for each channel."""
    data = np.array(constant, np.int8)
    chain = Chain((1, 256, len(data)))
    chain.tensors["c"] = replace(
        chain.tensors["x"],
        name="c",
        shape=data.shape,
        quantization=per_tensor(scale, zero),
        data=data,
    )
    return chain.add(operator, attributes, constants=("c",)).graph()


@pytest.mark.parametrize(
    "operator, attributes, constant",
    [
        ("mul", Mul(), [-128, -1, 0, 1, 127]),
        ("mul", Mul(activation="relu"), [50, -50, 7]),
        ("prelu", Prelu(), [-60, -5, 0, 5, 49, 50]),
        ("prelu", Prelu(), [-60, 0, 20, 51, 90, 127]),  # some alphas above 1
    ],
)
def test_a_constant_for_each_channel(operator, attributes, constant):
    graph = by_channel(operator, attributes, constant)
    codes = np.broadcast_to(ALL[None, :, None], (1, 256, len(constant)))
    code = assert_same(graph, CONFIG, codes)
    assert not any(command.descriptor.lookup_tables for command in code.commands)


def test_operators_of_two_activations_all_have_a_way():
    shapes = SHAPES[0]
    for name, operator in OPERATORS.items():
        if isinstance(operator, Binary):
            assert_same(of_two(shapes, (CODES,) * 3, name, operator.attributes()), CONFIG)
