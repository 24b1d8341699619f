"""Inputs of few channels lie in words without gaps, and what reads them computes the same."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.api import configuration
from accel.compiler.compile import compile_graph
from accel.compiler.ir.layer import PostOp, Region
from accel.compiler.ir.tensor_layout import Alias, TensorLayout
from accel.compiler.lowering.input_im2col import fold_inputs, plain_input
from accel.compiler.lowering.packed_inputs import (
    Packing,
    packed_index,
    packed_reader,
    packings,
    pad_of,
)
from accel.compiler.lowering.packed_outputs import neighbours, pack_outputs
from accel.compiler.schedule.select import schedule
from accel.config import AcceleratorConfig
from tests.support.networks.convolutions import (
    SIZES,
    UNTOUCHED,
    convolution,
    convolutions,
    convolve,
    execute,
    images,
)
from tests.support.networks.small import Chain
from tests.support.networks.tflite import operators
from tests.support.networks.tflite.operators import TRAINED, Builder
from tests.support.rtl.bench import RtlBench
from tests.support.rtl.cores import all_cores

ARRAYS = st.sampled_from((*SIZES, (16, 16), (16, 8)))
SIZED = ARRAYS.map(lambda n: AcceleratorConfig(rows=n[0], columns=n[1], weight_steps=7680))


def laid_out(c, packing):
    """The packed input of a convolution."""
    plain = plain_input("x", TensorLayout(*c.input_shape))
    pad = pad_of([c], packing)
    return replace(plain, index=packed_index(plain.index, packing), pad=pad)


def untouched(c, count):
    return np.full((count, *c.output_shape), UNTOUCHED, np.int8)


def test_all_ways_to_read_a_packed_input_compute_the_same():
    reached = Counter()

    @settings(max_examples=60)
    @given(convolutions(), SIZED, st.randoms(use_true_random=False))
    def drawn(c, config, random):
        x = images(c)
        expected = convolve(c, x)
        for packing in packings([c], c.input_shape[2], config):
            made = laid_out(c, packing)
            for layers in packed_reader(c, packing, config):
                stored = made.pack(x, 1).view(np.int8).reshape(len(x), *made.layout.shape)
                answer = untouched(layers[0], len(x))
                for layer in layers:
                    answer = convolve(layer, stored, answer)
                np.testing.assert_array_equal(answer.reshape(expected.shape), expected)
                reached["layers"] += len(layers) > 1
                reached["padding before"] += packing.shift > 0
                reached["gaps"] += packing.values < config.rows
                reached["several words"] += c.input_shape[2] > config.rows
            if random.randrange(5) == 0:  # by the machine, which takes longer
                bytes_ = made.pack(x, config.rows)
                answer = untouched(layers[0], len(x))
                for layer in layers:
                    commands = schedule(layer, config)
                    answer = execute(commands, layer, bytes_, config, answer)
                np.testing.assert_array_equal(answer.reshape(expected.shape), expected)
                reached["machine"] += 1

    drawn()
    assert len(reached) == 5 and all(reached.values()), reached


def choose(c, config, dense=False):
    shape = TensorLayout(*c.input_shape)
    layers, (made,) = fold_inputs([c], ["x"], {"x": Alias("x", shape)}, {}, config, dense)
    return layers, made


@pytest.mark.parametrize("rows, columns", [(4, 4), (4, 6), (8, 8), (8, 16)])
@pytest.mark.parametrize("stride", (1, 2))
def test_images_of_3_channels_take_little_more_than_their_bytes(rows, columns, stride):
    """In memory 1.35 bytes a value. A row of the image begins with a word, so a few bytes are lost
    there; none are where its bytes are whole words."""
    config = AcceleratorConfig(rows=rows, columns=columns, bank_words=2**15, weight_steps=4096)
    for width in (32, 33, 96):
        c = convolution(
            np.ones((8, 3, 3, 3)),
            (32, width, 3),
            (-(-32 // stride), -(-width // stride), 8),
            stride=(stride, stride),
            padding=(1, 1),
        )
        _, made = choose(c, config)
        size, layout = 32 * width * 3, made.layout
        assert layout.words(rows) * rows <= 1.35 * size
        assert layout.words(rows) * layout.lanes(rows) <= (1.05 if width == 96 else 1.25) * size


@pytest.mark.parametrize("stride", (1, 2))
def test_weights_that_come_from_flash_are_few(stride):
    """A network that memory cannot hold waits for the weights of its first layer, too."""
    small = AcceleratorConfig(
        rows=8, columns=16, requantizers=4, weight_steps=4096, bank_words=2048, flash_lanes=4
    )
    size = 32 // stride
    c = convolution(
        np.ones((40, 3, 3, 3)),
        (32, 32, 3),
        (size, size, 40),
        stride=(stride, stride),
        padding=(1, 1),
    )
    behind = convolution(np.ones((80, 3, 3, 80)), (8, 8, 80), (8, 8, 80), name="y", source="y")
    aliases = {"x": Alias("x", TensorLayout(*c.input_shape))}

    def weights(config, *layers):
        made, _ = fold_inputs(layers, ["x"], aliases, {}, config)
        return sum(one.weights.size for one in made if one.source == "x")

    few = weights(small, c, behind)
    for config in (replace(small, flash_lanes=0), replace(small, bank_words=2**15)):
        assert few * 4 < weights(config, c, behind)
    assert few * 4 < weights(small, c)  # which memory holds


@pytest.mark.parametrize("channels", (1, 2, 3, 5, 12))
@pytest.mark.parametrize("rows", (4, 8, 16))
def test_dense_inputs_have_no_gaps_but_at_the_ends_of_rows(rows, channels):
    config = AcceleratorConfig(rows=rows, columns=8, bank_words=2**15, weight_steps=4096)
    c = convolution(np.ones((8, 3, 3, channels)), (9, 33, channels), (9, 33, 8), padding=(1, 1))
    _, made = choose(c, config, dense=True)
    assert made.layout.words(rows) == 9 * -(-33 * channels // rows)


def test_readers_of_different_padding_have_no_padding_in_memory():
    c = convolution(np.ones((4, 3, 3, 3)), (8, 7, 3), (8, 7, 4), padding=(1, 1))
    other = c.replace(pad=5)
    assert pad_of([c], Packing(6, 3)) == c.pad
    assert pad_of([c, other], Packing(6, 3)) is None
    assert pad_of([c, other], Packing(3, 0)) is not None
    inside = other.replace(padding=(1, 0), region=Region(0, 0, 8, 5))
    assert pad_of([c, inside], Packing(6, 3)) == pad_of([inside, c], Packing(6, 3)) == c.pad


def test_a_residual_operand_stays_as_it_is():
    """Both readers of an input are changed together, or none."""
    shape = TensorLayout(32, 32, 3)
    c = convolution(np.ones((3, 3, 3, 3)), (32, 32, 3), (32, 32, 3), padding=(1, 1))
    added = c.replace(name="second", source="y", output="z")
    added = added.replace(post_op=_residual("x"))
    config = AcceleratorConfig(rows=8, columns=8)
    layers, (made,) = fold_inputs([c, added], ["x"], {"x": Alias("x", shape)}, {}, config)
    assert layers == (c, added) and made.layout == shape
    layers, (made,) = fold_inputs([c, c], ["x"], {"x": Alias("x", shape)}, {}, config)
    assert made.layout.channels > 3 and all(one.source == "x" for one in layers)


def _residual(tensor):
    return PostOp(residual=tensor, maximum=True)


@settings(max_examples=40)
@given(convolutions(), SIZED)
def test_a_packed_output_has_its_values_in_the_same_order(c, config):
    layouts = {"y": TensorLayout(*c.output_shape)}
    (packed,), after = pack_outputs([c], ["y"], layouts, config)
    expected = convolve(c, images(c))
    np.testing.assert_array_equal(convolve(packed, images(c)).reshape(expected.shape), expected)
    assert after["y"].words(config.rows) <= layouts["y"].words(config.rows)
    if packed is not c:
        assert packed.output_shape == after["y"].shape


def test_an_output_that_is_read_or_has_full_words_is_left_alone():
    config = AcceleratorConfig(rows=8, columns=8)
    c = convolution(np.ones((4, 1, 1, 3)), (8, 8, 3), (8, 8, 4))
    full = convolution(np.ones((8, 1, 1, 3)), (8, 8, 3), (8, 8, 8))
    reader = c.replace(source="y", output="z", input_shape=(8, 8, 4), weights=np.ones((4, 1, 1, 4)))
    layouts = {name: TensorLayout(8, 8, 4) for name in "yz"}
    assert pack_outputs([c, reader], ["y"], layouts, config)[0] == (c, reader)
    assert pack_outputs([full], ["y"], {"y": TensorLayout(8, 8, 8)}, config)[0] == (full,)
    assert pack_outputs([c], ["y"], layouts, config)[0][0].output_shape == (8, 4, 8)


def test_neighbours_name_an_inexact_channel_once():
    c = convolution(np.ones((4, 1, 1, 3)), (8, 8, 3), (8, 8, 4))
    assert neighbours(neighbours(c, 2, 4), 2, 4).neighbours == 4


@st.composite
def first_layers(draw):
    """A convolution, depthwise or not, or a pool on an image of one to four channels."""
    shape = (1, draw(st.integers(9, 21)), draw(st.integers(9, 21)), draw(st.integers(1, 4)))
    b = Builder(draw, shape, style=TRAINED)
    kind = draw(st.sampled_from(("conv2d", "conv2d", "depthwise", "pool")))
    adds = {
        "conv2d": operators.add_conv2d,
        "depthwise": operators.add_depthwise_conv2d,
        "pool": operators.add_average_pool2d,
    }
    adds[kind](b)
    operators.add_conv2d(b)
    return b.graph()


@pytest.mark.parametrize(
    "core", [pytest.param("ulx3s_85f", marks=pytest.mark.xdist_group("ulx3s_85f")), "16x2"]
)
def test_rtl_reads_packed_images_as_the_machine_and_the_cycle_model_do(core):
    """On 8 rows and on 16."""
    rtl = RtlBench(all_cores().get(core) or configuration(core))
    packed, faults = 0, []

    @settings(max_examples=10)
    @given(first_layers(), st.integers(0, 2**16))
    def drawn(graph, seed):
        nonlocal packed
        outcome = rtl.hold(graph, seed)
        faults.extend(outcome.faults)
        if outcome.counts["run"]:
            (one,) = compile_graph(graph, rtl.config).inputs
            packed += one.layout.shape != graph.tensor("input").shape[1:]

    drawn()
    assert not faults and packed >= 3, (packed, faults)


def test_a_network_that_fits_only_when_dense_is_compiled():
    graph = Chain((1, 40, 40, 1)).convolution(1).graph()
    config = AcceleratorConfig(rows=8, columns=8, bank_words=260, flash_lanes=1)
    code = compile_graph(graph, config)
    assert code.memory.activation_words == (200, 200)
