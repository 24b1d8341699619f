"""A PAD disappears where the convolution after it can pad by itself, and only there."""

import numpy as np
import pytest

from accel.compiler.graph.fold_pad import fold_pad
from accel.compiler.graph.interpreter import run
from accel.compiler.graph.verify import verify
from accel.compiler.operators.pad import Pad
from accel.compiler.operators.reshape import Reshape
from tests.support.networks.small import CODES, SHAPE, SUMS, Chain, images

ZERO = CODES.zero_point[0]  # of the input
NONE = ((0, 0), (0, 0))


def padded(top=(1, 0), left=(0, 2), value=ZERO, channels=(0, 0), own=NONE, depthwise=False):
    """A PAD, and a 3x3 convolution that pads by ``own``."""
    amounts = ((0, 0), top, left, channels)
    shape = tuple(n + sum(pair) for n, pair in zip(SHAPE, amounts, strict=True))
    chain = Chain().add("pad", Pad(amounts=amounts, value=value), shape)
    return chain.convolution(padding=own, depthwise=depthwise)


def operators(graph):
    return [node.operator for node in graph]


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("top", [(0, 0), (1, 2), (2, 0)])
@pytest.mark.parametrize("left", [(0, 1), (2, 2)])
def test_folding_changes_no_answer(top, left, depthwise):
    graph = padded(top, left, depthwise=depthwise).graph()
    folded = fold_pad(graph)
    verify(folded)
    assert operators(folded) == operators(graph)[1:]
    (node,) = folded
    assert node.attributes.padding == (top, left)
    assert node.inputs[0] == "x"
    np.testing.assert_array_equal(run(folded, images(5))["t1"], run(graph, images(5))["t1"])


def test_the_convolutions_own_padding_is_added():
    graph = padded((1, 0), (0, 1), own=((0, 1), (1, 1))).graph()
    (node,) = fold_pad(graph)
    assert node.attributes.padding == ((1, 1), (1, 2))
    np.testing.assert_array_equal(
        run(fold_pad(graph), images(5))["t1"], run(graph, images(5))["t1"]
    )


def test_tensors_that_nobody_uses_go_with_it():
    graph = padded().graph()
    assert set(graph.tensors) - set(fold_pad(graph).tensors) == {"t0"}


def two_readers():
    chain = padded()
    chain.last = chain.tensors["t0"]
    return chain.convolution(padding=NONE).graph(outputs=("t1", "t2"))


def another_operator():
    shape = (1, 6, 6, 4)
    chain = Chain().add("pad", Pad(amounts=((0, 0), (1, 0), (0, 0), (0, 0)), value=ZERO), shape)
    return chain.add("reshape", Reshape(), (1, 36, 4)).graph()


STAYS = {
    "another value than zero": lambda: padded(value=ZERO + 1).graph(),
    "channels padded": lambda: padded(channels=(0, 1)).graph(),
    "more padding than the kernel reaches": lambda: padded(top=(3, 0)).graph(),
    "more with the convolution's own": lambda: padded(top=(0, 2), own=((0, 1), (0, 0))).graph(),
    "an output of the network": lambda: padded().graph(outputs=("t0", "t1")),
    "two readers": two_readers,
    "another operator after it": another_operator,
    "no PAD": lambda: Chain().convolution().graph(),
}


@pytest.mark.parametrize("case", STAYS)
def test_elsewhere_it_stays(case):
    graph = STAYS[case]()
    assert operators(fold_pad(graph)) == operators(graph)
    assert set(fold_pad(graph).tensors) == set(graph.tensors)


def test_two_of_them_are_folded_one_after_the_other():
    amounts = ((0, 0), (1, 1), (1, 1), (0, 0))
    zero = SUMS.zero_point[0]
    graph = padded().add("pad", Pad(amounts=amounts, value=zero), (1, 6, 8, 4))
    graph = graph.convolution(padding=NONE).graph()
    folded = fold_pad(graph)
    assert operators(folded) == ["conv2d", "conv2d"]
    np.testing.assert_array_equal(run(folded, images(3))["t3"], run(graph, images(3))["t3"])
