"""What stands in the way of a network is said all at once, and views cost nothing."""

from dataclasses import replace

import numpy as np
import pytest

from accel.compiler.compile import compile_graph
from accel.compiler.diagnostics import LISTED, CannotCompile, grouped
from accel.compiler.graph.interpreter import run
from accel.compiler.ir.tensor_layout import Alias, TensorLayout
from accel.compiler.operators.abs import Abs
from accel.compiler.operators.add import Add
from accel.compiler.operators.average_pool2d import AveragePool2d
from accel.compiler.operators.logistic import Logistic
from accel.compiler.operators.max_pool2d import MaxPool2d
from accel.compiler.operators.maximum import Maximum
from accel.compiler.operators.reshape import Reshape
from accel.compiler.operators.softmax import Softmax
from accel.compiler.pipeline import lower
from accel.config import AcceleratorConfig
from accel.host.runner import run as run_core
from accel.sim.functional.machine import Machine
from tests.support.networks.small import SUMS, Chain, images
from tests.support.networks.tflite.operators import per_tensor

CONFIG = AcceleratorConfig(rows=4, columns=4)


def refused(graph, config=CONFIG):
    with pytest.raises(CannotCompile) as caught:
        lower(graph, config)
    return caught.value


def softmax_inside():
    chain = Chain().convolution()
    return chain.add("softmax", Softmax(beta=1.0), q=per_tensor(1 / 256, -128)).convolution()


def test_a_layer_is_named_as_its_node_and_tensors_have_their_storage():
    lowered = lower(Chain().convolution().convolution(channels=6).graph(), CONFIG)
    assert [(c.name, c.node, c.source, c.output) for c in lowered.commands] == [
        ("n0", "n0", "x", "t0"),
        ("n1", "n1", "t0", "t1"),
    ]
    expected = {
        "x": TensorLayout(5, 6, 4),
        "t0": TensorLayout(5, 6, 4),
        "t1": TensorLayout(5, 6, 6),
    }
    assert lowered.layouts == expected


def test_one_reason_is_one_line():
    error = refused(softmax_inside().graph().replace(host=False))
    assert str(error) == (
        "small: n1 (SOFTMAX): cannot be computed by the core, only by the driver between two runs "
        "of it; let it: leave out --no-host (Python's host=False); or end the network here"
    )
    assert error.model == "small"


def test_all_reasons_come_together_in_the_order_of_the_layers():
    chain = softmax_inside()
    chain.add("softmax", Softmax(beta=1.0), q=per_tensor(1 / 256, -128))
    graph = chain.convolution().graph().replace(host=False)
    error = refused(graph, CONFIG.replace(format="int8_int4"))
    places = [reason.place.split()[0] for reason in error.reasons]
    assert places == [
        "n1",
        "n3",
        "n0",
        "n2",
        "n4",
    ]  # operators, then what the core is too small for
    assert "only by the driver between" in error.reasons[1].what
    assert "are outside -8..7" in error.reasons[2].what
    lines = str(error).splitlines()
    assert lines[0] == "small: cannot be used, for 4 reasons:"  # one holds for two operators
    assert lines[1:] == [f"  {reason}" for reason in grouped(error.reasons)]


def test_what_is_refused_of_many_layers_of_a_node_is_said_once():
    pool = MaxPool2d(size=(3, 3), stride=(16, 1), padding=((1, 1), (1, 1)))
    graph = Chain().add("max_pool2d", pool, (1, 1, 6, 4)).graph()
    assert str(refused(graph, CONFIG)) == "small: n0 (MAX_POOL2D): a stride of 16 is more than 15"


def test_a_reason_of_many_layers_is_said_once():
    chain = Chain()
    for _ in range(LISTED + 2):
        chain.convolution()
    error = refused(chain.graph(), CONFIG.replace(format="int8_int4"))
    assert len(error.reasons) == LISTED + 2
    assert len(str(error).splitlines()) < LISTED + 2
    assert "  n0 (CONV2D) and n16 (CONV2D): weights of -127..125 are outside" in str(error)


def test_an_input_of_few_channels_is_folded_and_one_that_two_read_is_packed():
    thin = Chain((1, 5, 6, 1)).convolution()
    (made,) = lower(thin.graph(), CONFIG).inputs
    assert made.layout == TensorLayout(5, 6, 3)
    thin.last = thin.tensors["x"]
    thin.convolution()
    (made,) = lower(thin.graph(outputs=("t0", "t1")), CONFIG).inputs
    assert made.layout == TensorLayout(5, 4, 2)


TOO_LARGE = {
    "input": (
        Chain((1, 50, 50, 7)).convolution(1),
        (
            "its input takes 17,600 bytes, more than the 16,384 of a bank (50x50 positions of 7 "
            "channels, packed in words of 4)"
        ),
    ),
    "output": (
        Chain((1, 50, 50, 1)).convolution(5),
        (
            "its output takes 20,000 bytes, more than the 16,384 of a bank (50x50 positions of 5 "
            "channels in words of 4)"
        ),
    ),
    "weights": (
        Chain((1, 4, 4, 120)).convolution(3),
        (
            "1080 weights of an output channel are more than the 1024 that half of the weight "
            "buffer holds"
        ),
    ),
}


@pytest.mark.parametrize("case", TOO_LARGE)
def test_a_layer_too_large_for_the_core_is_refused_with_the_numbers(case):
    chain, message = TOO_LARGE[case]
    error = refused(chain.graph(), CONFIG.replace(bank_words=4096, wide_sums=0))
    assert str(error) == f"small: n0 (CONV2D): {message}"


def test_an_input_that_would_not_fit_is_not_folded():
    chain = Chain((1, 12, 12, 5)).convolution(1)
    for words, folded in ((16384, True), (512, False)):
        (made,) = lower(chain.graph(), CONFIG.replace(bank_words=words)).inputs
        assert (made.layout == TensorLayout(12, 12, 15)) == folded
        assert made.layout.words(CONFIG.rows) <= words


def reshaped(shape, *after):
    chain = Chain().convolution().add("reshape", Reshape(), shape)
    for layer in after:
        layer(chain)
    return chain


def test_a_reshape_is_a_view_of_what_it_reads():
    chain = reshaped((1, 6, 5, 4), Chain.convolution)
    lowered = lower(chain.graph(), CONFIG)
    assert lowered.aliases["t1"] == Alias("t0", TensorLayout(5, 6, 4))
    assert [command.source for command in lowered.commands] == ["x", "t0"]


def pooled(chain):
    height, width = chain.last.shape[1:3]
    chain.add("average_pool2d", AveragePool2d(size=(height, width), stride=(1, 1)), (1, 1, 1, 8))


def test_a_reshape_that_would_move_values_copies_them_by_the_words_of_the_core():
    chain = Chain((1, 4, 4, 6)).convolution(channels=6).add("reshape", Reshape(), (1, 4, 3, 8))
    pooled(chain)
    copies = [f"n1_apart{index}" for index in range(3)] + [f"n1_{index}" for index in range(4)]
    for size, moved in ((4, copies), (2, [])):
        config = AcceleratorConfig(rows=size, columns=size)
        names = [command.name for command in lower(chain.graph(), config).commands]
        assert names == ["n0", *moved, "n2"]


def test_a_reshape_of_too_many_copies_is_the_drivers_or_refused():
    chain = Chain((1, 1, 4, 37)).add("abs", Abs()).add("reshape", Reshape(), (1, 37, 4))
    graph = chain.add("abs", Abs()).graph()
    assert [n.name for n in lower(graph, CONFIG).parts.segments[1].driver] == ["n1"]
    assert str(refused(graph.replace(host=False))) == (
        "small: n1 (RESHAPE): cannot be computed by the core, only by the driver between two runs "
        "of it (shape (1, 4, 37) to (1, 37, 4) takes 41 copies, more than 32); let it: leave out "
        "--no-host (Python's host=False); or end the network here"
    )


VIEWS = {
    "other positions": reshaped((1, 6, 5, 4), Chain.convolution),
    "other channels, whole words": reshaped((1, 3, 5, 8), Chain.convolution),
    "positions in a row": reshaped((1, 30, 4), lambda c: c.fully_connected(5, rows=True)),
    "rows of other channels": reshaped((1, 10, 12), lambda c: c.fully_connected(5, rows=True)),
    "all values": reshaped((1, 120), lambda c: c.fully_connected(5)),
    "pieces of channels": reshaped((1, 5, 6, 2, 2), lambda c: c.add("abs", Abs())),
    "channels as positions": reshaped((1, 5, 24, 1), lambda c: c.add("abs", Abs())),
    "channels of other positions": reshaped((1, 20, 6), lambda c: c.fully_connected(5, rows=True)),
    "positions as channels": reshaped((1, 15, 8), lambda c: c.fully_connected(5, rows=True)),
    "all as channels": reshaped((1, 120), lambda c: c.add("abs", Abs())),
    "twice": reshaped(
        (1, 120), lambda c: c.add("reshape", Reshape(), (1, 6, 5, 4)), Chain.convolution
    ),
}


@pytest.mark.parametrize("case", VIEWS)
def test_the_layer_after_a_view_reads_the_values_of_its_shape(case):
    graph = VIEWS[case].graph()
    code = compile_graph(graph, CONFIG)
    (name,) = graph.outputs
    answer = run_core(code, Machine(code), images(3))
    np.testing.assert_array_equal(answer[name], run(graph, images(3))[name])


def test_a_view_that_is_an_output_stays_until_the_end():
    chain = reshaped((1, 6, 5, 4), Chain.convolution, Chain.convolution)
    chain = with_(chain, "t1")  # would take the view's place
    graph = chain.graph(outputs=("t1", "t4"))
    code = compile_graph(graph, CONFIG)
    answers = run_core(code, Machine(code), images(3))
    for name, expected in run(graph, images(3)).items():
        np.testing.assert_array_equal(answers[name], expected)


def test_a_row_of_values_is_read_in_the_shape_in_which_it_is_stored():
    """As taps of a window: a position has few words, but there is no end of positions."""
    chain = Chain((1, 8, 8, 32)).convolution(32).add("reshape", Reshape(), (1, 2048))
    lowered = lower(
        chain.fully_connected(4).graph(), CONFIG.replace(weight_steps=4096, sum_bits=26)
    )
    descriptor = lowered.commands[1].descriptor
    assert (descriptor.inner_taps, descriptor.blocks) == (64, 8)


SIGMOID = per_tensor(1 / 256, -128)


def sigmoid(chain):
    return chain.add("logistic", Logistic(), q=SIGMOID)


def with_(chain, other, operator="add", attributes=None, q=SUMS):
    """The last tensor and another one."""
    return chain.add(operator, attributes or Add(), constants=(other,), q=q)


def after(chain, other):
    """The other one and the last tensor."""
    last, chain.last = chain.last, chain.tensors[other]
    return with_(chain, last.name)


def clamped(chain):
    """The last node, which is a convolution, with a ReLU."""
    attributes = replace(chain.nodes[-1].attributes, activation="relu6")
    chain.nodes[-1] = replace(chain.nodes[-1], attributes=attributes)
    return chain


def pooled_twice():
    pool = MaxPool2d(size=(2, 1), stride=(2, 1), padding=((0, 1), (0, 0)))
    chain = Chain((1, 5, 6, 4)).convolution()
    return sigmoid(chain.add("max_pool2d", pool, (1, 3, 6, 4), q=SUMS))


def three():
    return Chain().convolution().convolution().convolution()


# Networks, their outputs, and the layers that are left.
FUSED = {
    "a function": (sigmoid(Chain().convolution()), (), ["n0+n1"]),
    "a function after a clamp": (sigmoid(clamped(Chain().convolution())), (), ["n0+n1"]),
    "a sum": (with_(three(), "t0"), (), ["n0", "n1", "n2+n3"]),
    "a sum after a clamp": (with_(clamped(three()), "t0"), (), ["n0", "n1", "n2+n3"]),
    "a sum, its second operand": (after(three(), "t0"), (), ["n0", "n1", "n2+n3"]),
    "a maximum": (with_(three(), "t0", "maximum", Maximum()), (), ["n0", "n1", "n2+n3"]),
    "no maximum after a clamp": (
        with_(clamped(three()), "t0", "maximum", Maximum()),
        (),
        ["n0", "n1", "n2", "n3_input", "n3"],
    ),
    "one of two": (sigmoid(with_(three(), "t0")), (), ["n0", "n1", "n2+n3", "n4"]),
    "none that is read twice": (with_(Chain().convolution(), "t0"), (), ["n0", "n1"]),
    "none that is an output": (sigmoid(three()), ("t2", "t3"), ["n0", "n1", "n2", "n3"]),
    "one that others read": (sigmoid(three()).convolution(), (), ["n0", "n1", "n2+n3", "n4"]),
    "none of several layers": (pooled_twice(), (), ["n0", "n1_0", "n1_1", "n2"]),
}


def test_nothing_joins_a_layer_that_is_not_the_one_before():
    chain = Chain().convolution().convolution()
    chain.last = chain.tensors["t0"]
    lowered = lower(sigmoid(chain).graph(outputs=("t1", "t2")), CONFIG)
    assert [command.name for command in lowered.commands] == ["n0", "n1", "n2"]


@pytest.mark.parametrize("case", FUSED)
def test_functions_join_the_layer_whose_output_they_alone_read(case):
    chain, outputs, names = FUSED[case]
    graph = chain.graph(outputs)
    assert [command.name for command in lower(graph, CONFIG).commands] == names
    apart = lower(graph, CONFIG, fuse=False).commands
    assert not any("+" in command.name for command in apart)
    assert {command.node for command in apart} >= {node.name for node in graph}
    code = compile_graph(graph, CONFIG)
    answers = run_core(code, Machine(code), images(3))
    for name, expected in run(graph, images(3)).items():
        assert len(np.unique(expected)) > 1
        np.testing.assert_array_equal(answers[name], expected)
