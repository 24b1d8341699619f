"""Products of two activations on the core: one factor becomes the weights of a layer's chunk."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import CannotCompile
from accel.compiler.graph import interpreter
from accel.compiler.operators.batch_matmul import BatchMatmul
from accel.config import AcceleratorConfig
from accel.host.runner import run
from accel.sim.functional.layer import IllegalProgram
from accel.sim.functional.machine import Machine
from tests.support.networks.small import Chain
from tests.support.networks.tflite.operators import SEEDS, per_tensor, random_inputs
from tests.support.rtl.bench import Outcome, RtlBench

CONFIGS = (
    AcceleratorConfig(rows=4, columns=4),
    AcceleratorConfig(rows=8, columns=16, requantizers=2, family="ecp5"),
    AcceleratorConfig(rows=2, columns=8),
    AcceleratorConfig(rows=8, columns=8, requantizers=2),
)
ZEROS = ((0, 0), (-128, 0), (0, -128), (-128, -128), (5, -3), (127, 127), (-127, 1))


def products(first, second, zeros=(5, -3), contract="tflm", scale=None, **flips):
    """A network that is a product of two inputs of these shapes, without the sample's dimension."""
    chain = Chain((1, *first))
    q = [per_tensor(0.02, zeros[0]), per_tensor(0.01, zeros[1])]
    for name, shape, own in zip("xz", (first, second), q, strict=True):
        chain.tensors[name] = replace(
            chain.tensors["x"], name=name, shape=(1, *shape), quantization=own
        )
    chain.last = chain.tensors["x"]
    rows, depth = first[-1:-3:-1] if flips.get("transpose_first") else first[-2:]
    columns = second[-2] if flips.get("transpose_second") else second[-1]
    before = np.broadcast_shapes(first[:-2], second[:-2])
    scale = scale or 0.02 * 0.01 * 5500 * depth**0.5 / 60
    shape = (1, *before, rows, columns)
    attributes = BatchMatmul(**flips)
    chain.add("batch_matmul", attributes, shape, constants=("z",), q=per_tensor(scale, -7))
    return chain.graph(inputs=("x", "z")).replace(contract=contract)


def on_core(code):
    """Whether the core computes all of it."""
    return not code.partition.driver


def assert_exact(graph, config, seed=3):
    """The machine's answers are the reference's, of samples with different weights."""
    code = compile_graph(graph, config)
    inputs = random_inputs(graph, 4, seed)
    answers = run(code, Machine(code), inputs)
    for name, expected in interpreter.run(graph, inputs).items():
        np.testing.assert_array_equal(answers[name], expected)
    return code


@st.composite
def drawn(draw):
    """A product of matrices of any small shapes, stored either way, with matrices before them."""
    rows, depth, columns = (draw(st.integers(1, most)) for most in (20, 20, 36))
    flips = [draw(st.booleans()), draw(st.booleans())]
    before = draw(st.sampled_from(((), (1,), (2,), (3,))))
    first, second = (
        (*(draw(st.sampled_from((before, (1,) * len(before))))), *(pair[::-1] if flip else pair))
        for pair, flip in zip(((rows, depth), (depth, columns)), flips, strict=True)
    )
    zeros = [draw(st.sampled_from((-128, -127, -1, 0, 3, 127))) for _ in range(2)]
    names = ("transpose_first", "transpose_second")
    return products(first, second, zeros, **dict(zip(names, flips, strict=True)))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.rows}x{c.columns}")
def test_products_of_any_shape_are_exact_on_the_core(config):
    reached = set()

    @settings(max_examples=25, deadline=None)
    @given(drawn(), SEEDS)
    def check(graph, seed):
        code = assert_exact(graph, config, seed)
        assert on_core(code)
        reached.add(len(code.commands))

    check()
    assert len(reached) > 5


@pytest.mark.parametrize("first, second", ZEROS)
@pytest.mark.parametrize("config", CONFIGS[:2], ids=lambda c: f"{c.rows}x{c.columns}")
def test_zero_points_of_both_factors_are_subtracted(first, second, config):
    assert on_core(assert_exact(products((9, 10), (10, 17), (first, second)), config))


@pytest.mark.parametrize("contract", ["single", "onnx"])
def test_each_contract_is_kept(contract):
    assert_exact(products((6, 8), (8, 5), contract=contract), CONFIGS[0])


@pytest.mark.parametrize("shape", [(24, 24), (40, 40), (36, 24), (3, 20, 24)])
def test_an_input_is_multiplied_by_itself(shape):
    """All of the first layers read the one input; those of computed weights are not cut."""
    chain = Chain((1, *shape))
    chain.tensors["x"] = replace(chain.tensors["x"], quantization=per_tensor(0.02, 4))
    flips = BatchMatmul(transpose_second=shape[-2] != shape[-1])
    out = (1, *shape[:-1], shape[-2])
    chain.add("batch_matmul", flips, out, constants=("x",), q=per_tensor(0.2, -90))
    for config in CONFIGS[:2]:
        assert on_core(assert_exact(chain.graph(), config))


def test_rtl_has_the_reference_s_answers_in_the_modelled_cycles():
    """Two matrices each, so that a chunk is written again in every run."""
    config = AcceleratorConfig(bank_words=4096)
    for flips in ({}, {"transpose_first": True, "transpose_second": True}):
        shapes = ((2, 5, 6), (2, 6, 9)) if not flips else ((2, 6, 5), (2, 9, 6))
        graph = products(*shapes, zeros=(-128, 7), **flips)
        code, outcome = compile_graph(graph, config), Outcome()
        assert on_core(code)
        RtlBench(config).run(code, random_inputs(graph, 3, 1), outcome)
        assert outcome.right, outcome.faults


@pytest.mark.parametrize("word, allowed", [(0, False), (-1, True)], ids=["descriptor", "weights"])
def test_nothing_of_a_chunk_but_its_weights_is_written(word, allowed):
    code = compile_graph(products((6, 8), (8, 5)), CONFIGS[0])
    machine = Machine(code)
    (number,) = machine.rewritten
    chunk = code.chunks[number]
    end = (chunk.address + chunk.size // 4) if word else chunk.address + 1
    machine.image[chunk.bank, (end - 1) * 4] ^= 1
    inputs = random_inputs(code.graph, 1)
    if allowed:
        run(code, machine, inputs)
        return
    with pytest.raises(IllegalProgram, match="more of a chunk than its weights"):
        run(code, machine, inputs)


@pytest.mark.parametrize(
    "config, shapes",
    [
        (AcceleratorConfig(rows=16, columns=2, requantizers=2), ((6, 8), (8, 5))),  # half a word
        (AcceleratorConfig(rows=3, columns=5), ((6, 8), (8, 5))),
        (AcceleratorConfig(format="int8_int4"), ((6, 8), (8, 5))),
        (AcceleratorConfig(sum_bits=18), ((6, 8), (8, 5))),
        (AcceleratorConfig(bank_words=256, weight_steps=256), ((6, 8), (8, 40))),  # its program
    ],
    ids=["16x2", "3x5", "int4 weights", "sums", "memory"],
)
def test_what_a_core_is_not_made_for_is_the_driver_s_and_exact(config, shapes):
    graph = products(*shapes)
    code = compile_graph(graph, config)
    assert not code.commands
    inputs = random_inputs(graph, 2)
    answers = run(code, Machine(code), inputs)
    for name, expected in interpreter.run(graph, inputs).items():
        np.testing.assert_array_equal(answers[name], expected)


def test_without_the_driver_the_core_computes_a_product():
    chain = Chain((1, 6, 7)).fully_connected(8, rows=True)
    chain.tensors["z"] = replace(chain.tensors["x"], name="z", shape=(1, 8, 5))
    chain.add("batch_matmul", BatchMatmul(), (1, 6, 5), constants=("z",), q=per_tensor(9.0, 2))
    graph = chain.fully_connected(3, rows=True).graph(inputs=("x", "z")).replace(host=False)
    assert on_core(assert_exact(graph, CONFIGS[0]))
    with pytest.raises(CannotCompile, match="only by the driver"):
        compile_graph(graph, AcceleratorConfig(rows=3, columns=5))
