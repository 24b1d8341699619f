"""Functions of codes and of pairs of codes become copies with a post-op, and join other layers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler import operators
from accel.compiler.graph.interpreter import run
from accel.compiler.ir.layer import PostOp, Region
from accel.compiler.ir.tensor_layout import Alias, TensorLayout
from accel.compiler.lowering.lookup_tables import (
    copy_layer,
    fuse_pair,
    lower_binary,
    lower_unary,
)
from accel.compiler.operators import UnsupportedOperator
from accel.compiler.operators._kinds import by_pair_table
from accel.compiler.operators.add import Add
from accel.compiler.operators.logistic import Logistic
from accel.compiler.operators.maximum import Maximum
from accel.compiler.operators.minimum import Minimum
from accel.compiler.operators.mul import Mul
from accel.compiler.operators.prelu import Prelu
from accel.compiler.operators.sub import Sub
from accel.compiler.schedule.select import schedule
from accel.config import AcceleratorConfig
from accel.numeric.elementwise.lookup_tables import of_unary
from tests.support.networks.convolutions import (
    combinations,
    combine,
    convolutions,
    convolve,
    execute,
    images,
    pack,
)
from tests.support.networks.small import Chain
from tests.support.networks.tflite.operators import per_tensor

CONFIG = AcceleratorConfig(rows=4, columns=4)
CODES = np.arange(-128, 128).astype(np.int8)


def pair(operator, attributes, shapes=((1, 256, 256),) * 2, contract="tflm"):
    """A graph of one operator of two activations, its node, and how the two are stored."""
    chain = Chain(shapes[0])
    chain.tensors["z"] = replace(chain.tensors["x"], name="z", shape=shapes[1])
    shape = np.broadcast_shapes(*shapes)
    q = per_tensor(0.5, -7) if operator in ("maximum", "minimum") else per_tensor(0.9, 3)
    chain.add(operator, attributes, shape, constants=("z",), q=q)
    graph = chain.graph(inputs=("x", "z")).replace(contract=contract)
    aliases = tuple(Alias(n, TensorLayout(1, *graph.tensor(n).shape[1:])) for n in ("x", "z"))
    return graph, graph.nodes[0], aliases


KINDS = {"add": Add(), "sub": Sub(), "maximum": Maximum()}
ALL_PAIRS = dict(zip("xz", np.meshgrid(CODES, CODES, indexing="ij"), strict=True))


@pytest.mark.parametrize("operator", KINDS)
@pytest.mark.parametrize("copied", [0, 1])
@pytest.mark.parametrize("contract", ["tflm", "single"])
def test_a_pair_is_a_copy_of_either_one_combined_with_the_other(operator, copied, contract):
    graph, node, aliases = pair(operator, KINDS[operator], contract=contract)
    (copy,) = lower_binary(node, graph, aliases, copied, CONFIG)
    assert copy.replace(post_op=None).is_copy_in_place
    assert (copy.source, copy.post_op.residual) == (("x", "z"), ("z", "x"))[copied]
    assert copy.post_op.maximum == (operator == "maximum")
    expected = run(graph, {name: codes[None] for name, codes in ALL_PAIRS.items()})["t0"][0]
    found = combine(copy.post_op, *(ALL_PAIRS[n] for n in ("xz", "zx")[copied]))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("operator, attributes", [("mul", Mul()), ("minimum", Minimum())])
def test_what_is_no_sum_is_refused_if_there_is_no_other_way(operator, attributes, monkeypatch):
    graph, node, aliases = pair(operator, attributes)
    alone = {operator: replace(operators.OPERATORS[operator], lower_pair=by_pair_table)}
    monkeypatch.setattr(operators, "OPERATORS", alone)
    with pytest.raises(UnsupportedOperator, match=r"no rounded sum of a function of each operand$"):
        lower_binary(node, graph, aliases, 0, CONFIG)


def test_a_fused_activation_is_the_clamp():
    graph, node, aliases = pair("add", Add(activation="relu6"))
    (copy,) = lower_binary(node, graph, aliases, 0, CONFIG)
    assert (copy.post_op.low, copy.post_op.high) == (3, 10)
    graph, node, aliases = pair("maximum", Maximum())
    (copy,) = lower_binary(node, graph, aliases, 0, CONFIG)
    assert (copy.post_op.low, copy.post_op.high) == (-128, 127)


def test_a_function_of_one_code_is_a_copy_through_a_table():
    graph = Chain((1, 256, 1)).add("logistic", Logistic(), q=per_tensor(1 / 256, -128)).graph()
    alias = Alias("root", TensorLayout(1, 256, 1))
    (copy,) = lower_unary(graph.nodes[0], graph, alias)
    assert (copy.source, copy.post_op.residual) == ("root", None)
    x = CODES.reshape(1, 1, 256, 1)
    np.testing.assert_array_equal(convolve(copy, x)[0], run(graph, x[0])["t0"])


def test_a_function_that_differs_from_channel_to_channel_has_no_one_table():
    chain = Chain((1, 4, 2))
    q = per_tensor(0.02, 0)
    alpha = np.array([-100, 90], np.int8)
    chain.tensors["a"] = replace(
        chain.tensors["x"], name="a", shape=(2,), quantization=q, data=alpha
    )
    graph = chain.add("prelu", Prelu(), constants=("a",)).graph()
    what = "differs from channel to channel and rises and falls in channel 0$"
    with pytest.raises(UnsupportedOperator, match=what):
        lower_unary(graph.nodes[0], graph, Alias("x", TensorLayout(1, 4, 2)))


@settings(max_examples=150)
@given(convolutions(), st.data())
def test_what_is_fused_computes_what_two_did(c, data):
    """On the machine too, with clamps of the earlier layer that change some codes, and without."""
    c = c.replace(output="t", region=Region(0, 0, *c.output_shape[:2]))
    if data.draw(st.booleans()):
        low, high = np.quantile(convolve(c, images(c)), (0.3, 0.7)).astype(int).tolist()
        c = c.replace(rule=replace(c.rule, low=low, high=high))
    copy = data.draw(combinations(copy_layer("copy", "after", "t", "y", c.output_shape)))
    one = fuse_pair(c, copy)
    clamped = (c.rule.low, c.rule.high) != (-128, 127)
    if one is None:
        assert clamped
        assert copy.post_op.maximum
        return
    assert (one.name, one.node, one.source, one.output) == ("layer+copy", "after", "x", "y")
    x = images(c)
    before = np.random.default_rng(1).integers(-128, 128, (2, *c.output_shape)).astype(np.int8)
    expected = combine(copy.post_op, convolve(c, x), before)
    np.testing.assert_array_equal(convolve(one, x, before), expected)
    config = CONFIG.replace(weight_steps=7680)
    answer = execute(schedule(one, config), one, pack(x, 4), config, before)
    np.testing.assert_array_equal(answer, expected)


@pytest.mark.parametrize("bounds", [(-128, 60), (-20, 127), (-20, 60), (5, 5)])
@pytest.mark.parametrize("second", [None, "z"])
def test_an_earlier_clamp_is_in_the_table_of_every_code(bounds, second):
    """Of all 256 codes, and with a table in which no two of them have the same entry."""
    entries = CODES.astype(int) * -700_001
    earlier = copy_layer("a", "a", "x", "t", (16, 4, 4))
    earlier = earlier.replace(rule=replace(earlier.rule, low=bounds[0], high=bounds[1]))
    other = np.arange(256) * 900_000 if second else np.array([33_333_333])
    copy = copy_layer("b", "b", "t", "y", (16, 4, 4))
    copy = copy.replace(post_op=PostOp(residual=second, lookup_tables=(entries, other)))
    x = CODES.reshape(1, 16, 4, 4)
    before = np.roll(x, 3)
    codes = convolve(earlier, x)
    assert (codes != x).any()
    expected = combine(copy.post_op, codes, before)
    one = fuse_pair(earlier, copy)
    np.testing.assert_array_equal(convolve(one, x, before), expected)
    answer = execute(schedule(one, CONFIG), one, pack(x, 4), CONFIG, before)
    np.testing.assert_array_equal(answer, expected)


PLAIN = copy_layer("a", "a", "x", "t", (2, 2, 4))
AFTER = copy_layer("b", "b", "t", "y", (2, 2, 4)).replace(post_op=PostOp(residual="z"))
UNFIT = {
    "no combination": (PLAIN, AFTER.replace(post_op=None)),
    "another one before": (PLAIN.replace(post_op=PostOp()), AFTER),
    "another tensor": (PLAIN.replace(output="u"), AFTER),
    "another shape": (PLAIN.replace(output_shape=(2, 2, 8)), AFTER),
    "a part": (PLAIN, AFTER.replace(region=Region(0, 0, 1, 2))),
    "more than a copy": (PLAIN, AFTER.replace(bias=np.ones(4, np.int64))),
    "weights": (PLAIN, AFTER.replace(weights=-AFTER.weights)),
    "a window": (PLAIN, AFTER.replace(padding=(1, 0))),
}


@pytest.mark.parametrize("case", UNFIT)
def test_only_copies_of_all_that_the_layer_before_computes_are_fused(case):
    assert fuse_pair(PLAIN, AFTER) is not None
    assert fuse_pair(*UNFIT[case]) is None


def test_of_unary_is_what_is_stored():
    table = np.roll(CODES, 5).astype(int)
    post_op = PostOp(lookup_tables=of_unary(table))
    np.testing.assert_array_equal(combine(post_op, CODES.astype(int), CODES), table)
