"""Every way to walk a convolution computes it, the quickest one is taken, refusals say why."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from accel.compiler.diagnostics import DoesNotFit, NotProved
from accel.compiler.ir.layer import Region
from accel.compiler.schedule import select as module
from accel.compiler.schedule.dataflows import dataflows_of, flattened, problem_of
from accel.compiler.schedule.select import schedule
from accel.config import AcceleratorConfig
from accel.numeric.division.solver import Solution
from accel.numeric.formats import NumberFormat
from accel.numeric.rules.rules import Rescale
from tests.support.networks.convolutions import (
    SIZES,
    assert_same,
    combinations,
    convolution,
    convolutions,
    convolve,
    execute,
    images,
    pack,
)


def config_of(rows, columns, **changes):
    return AcceleratorConfig(rows=rows, columns=columns, weight_steps=7680, **changes)


CONFIG = config_of(4, 4)
NARROW = CONFIG.replace(wide_sums=0)
SIZED = st.sampled_from(SIZES).map(lambda size: config_of(*size))
FORMATS = st.sampled_from(("int8", "int8_int4"))


@settings(max_examples=150)
@given(convolutions(), SIZED, FORMATS)
def test_the_commands_compute_the_convolution_and_nothing_else(c, config, form):
    config = config.replace(format=form)
    commands = schedule(c, config)
    assert_same(commands, c, config)
    assert sum(command.macs for command in commands) == c.macs


def depthwise(kernel=(3, 3), size=(8, 8), channels=8, **changes):
    weights = np.ones((*kernel, channels), np.int64)
    return convolution(weights, (*size, channels), (*size, channels), padding=(1, 1), **changes)


@settings(max_examples=150)
@given(convolutions().flatmap(combinations), st.sampled_from(SIZES), st.sampled_from((1, 2)))
def test_codes_are_combined_with_what_is_there(c, size, requantizers):
    config = config_of(*size)
    if min(size) > 2 and not any(n % requantizers for n in size):
        config = config.replace(requantizers=requantizers)
    before = np.random.default_rng(5).integers(-128, 128, (2, *c.output_shape)).astype(np.int8)
    assert_same(schedule(c, config), c, config, before)


@settings(max_examples=60)
@given(convolutions(), st.sampled_from(SIZES), st.integers(0, 9), st.integers(0, 9))
@example(depthwise(channels=9), (8, 4), 5, 1)
def test_channels_go_after_those_of_others(c, size, first, after):
    """Only the bytes of the channels change."""
    config = config_of(*size)
    if config.columns % config.rows == 0:
        first *= config.rows
    height, width, channels = c.output_shape
    c = c.replace(first_channel=first, output_shape=(height, width, first + channels + after))
    before = np.random.default_rng(5).integers(-128, 128, (2, *c.output_shape)).astype(np.int8)
    assert_same(schedule(c, config), c, config, before)


@settings(max_examples=80)
@given(convolutions(), SIZED, st.sampled_from(((0, 0), (0, 1), (1, 0), (2, 0))), st.booleans())
def test_positions_without_steps_repeat_and_others_exchange_height_and_width(
    c, config, stride, transposed
):
    height, width, channels = c.output_shape
    shape = (width, height, channels) if transposed else c.output_shape
    c = c.replace(stride=stride, transposed=transposed, output_shape=shape)
    assert_same(schedule(c, config), c, config)


@settings(max_examples=60)
@given(convolutions(), SIZED, st.tuples(st.integers(1, 3), st.integers(1, 3)), st.booleans())
def test_positions_are_spread_over_the_output(c, config, output_stride, transposed):
    r, channels = c.region, c.output_shape[2]
    axes = zip((r.top, r.left), (r.height, r.width), output_stride, strict=True)
    shape = [first + (count - 1) * step + 1 for first, count, step in axes]
    shape = (*(shape[::-1] if transposed else shape), channels)
    c = c.replace(output_stride=output_stride, transposed=transposed, output_shape=shape)
    assert_same(schedule(c, config), c, config)


@settings(max_examples=80)
@given(convolutions(), SIZED)
def test_each_possible_way_computes_it_and_none_is_quicker_than_the_one_taken(c, config):
    """Cycles of the array, which `_Loops.cycles` counts."""
    flat = module.cropped(flattened(module._without_idle_weights(c, config)))
    division, kept, inexact = module._divide(flat, config, exact=True)
    assert not inexact and not kept.any()
    costs = []
    for way in dataflows_of(flat, config):
        if problem_of(way, config) is None:
            made = module.commands_of(flat, way, division, kept, inexact, config)
            x = images(c)
            answer = execute(made, c, pack(x, config.rows), config)
            np.testing.assert_array_equal(answer, convolve(c, x))
            costs.append(sum(loops.cycles(config) for loops in way))
    taken = schedule(c, config)
    tiles = [
        command.groups
        * command.descriptor.tiles(config.rows)
        * max(command.steps, config.drain_cycles)
        for command in taken
    ]
    assert sum(tiles) == min(costs)


@pytest.mark.parametrize("size", [(2, 4), (4, 8), (8, 16), (16, 32)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 2])
def test_a_tile_has_as_many_steps_as_there_are_rows_or_more(kernel, stride, size):
    """Also where a single tap leaves out every other position, which one step less would pass."""
    config = config_of(*size)
    weights = np.ones((1, kernel, 5), np.int64)
    for count in (1, 2, size[0]):
        c = convolution(
            weights, (1, kernel + stride * (count - 1), 5), (1, count, 5), stride=(1, stride)
        )
        modes = set()
        for loops in (loops for way in dataflows_of(c, config) for loops in way):
            assert loops.weights.shape[1] >= config.rows
            modes.add(loops.mode)
        assert "broadcast" in modes
        assert_same(schedule(c, config), c, config)


MODES = {
    "full": (convolution(np.ones((8, 1, 1, 8)), (4, 4, 8), (4, 4, 8)), (4, 4), "dense"),
    "depthwise": (depthwise(), (4, 4), "broadcast"),
    "depthwise on a core of few columns": (depthwise(), (8, 4), "grouped"),
    "strides in both directions": (depthwise(stride=(2, 2)), (4, 4), "grouped"),
    "a column of positions": (depthwise(size=(8, 1), kernel=(3, 1)), (4, 4), "broadcast"),
}


@pytest.mark.parametrize("case", MODES)
def test_the_mode_fits_the_convolution(case):
    c, size, mode = MODES[case]
    assert {command.mode for command in schedule(c, config_of(*size))} == {mode}


def test_parts_of_a_grouped_layer_have_names_and_its_work_is_counted_once():
    c = depthwise(channels=8, macs=777)
    commands = schedule(c, config_of(8, 2))
    assert [command.name for command in commands] == [
        "layer",
        *(f"layer_part{i}" for i in (1, 2, 3)),
    ]
    assert [command.macs for command in commands] == [777, 0, 0, 0]
    assert_same(commands, c, config_of(8, 2))


@pytest.mark.parametrize("flat", [True, False])
def test_a_window_over_the_whole_input_is_one_loop(flat):
    random = np.random.default_rng(0)
    c = convolution(random.integers(-9, 9, (5, 3, 4, 6)), (3, 4, 6), (1, 1, 5))
    if not flat:  # a window that does not begin at the origin
        c = c.replace(padding=(1, 0))
    (command,) = schedule(c, CONFIG)
    outer, inner = command.descriptor.outer_taps, command.descriptor.inner_taps
    assert (outer, inner) == ((1, 12) if flat else (3, 4))
    assert_same([command], c, CONFIG)


def test_a_uniform_layer_has_one_group_of_weights():
    one = {"uniform": True, "bias": np.zeros(40, np.int64)}
    rule = Rescale("tflm", np.full(40, 2**30), np.full(40, -3), 0, -128, 127)
    c = depthwise(channels=40, rule=rule, **one)
    (command,) = schedule(c, CONFIG)
    assert command.weights.shape[0] == len(command.division.bias) == 1
    assert command.groups == 10
    assert_same([command], c, CONFIG)


def refusal(c, config, error=DoesNotFit):
    with pytest.raises(error) as caught:
        schedule(c, config)
    return str(caught.value)


def test_wide_weights_are_refused_by_a_narrow_format():
    c = convolution(np.array([-9, 7]).reshape(1, 1, 1, 2), (1, 1, 2), (1, 1, 1))
    said = refusal(c, CONFIG.replace(format="int8_int4"))
    assert said == (
        "layer: weights of -9..7 are outside -8..7 (the core is built for int8 x int4); quantize "
        "the weights to fewer bits or use a core of a wider format"
    )
    schedule(c.replace(weights=c.weights.clip(-8, 7)), CONFIG.replace(format="int8_int4"))


def test_weights_between_those_of_a_format_are_refused_by_name():
    c = convolution(np.array([3, 4, 5, 64]).reshape(1, 1, 1, 4), (1, 1, 4), (1, 1, 1))
    said = refusal(c, CONFIG.replace(format="int8_pow2"))
    assert said == (
        "layer: weights of 3, 5 are none that it has (the core is built for int8 x power of two); "
        "quantize the weights to fewer bits or use a core of a wider format"
    )
    schedule(c.replace(weights=c.weights & ~3), CONFIG.replace(format="int8_pow2"))


@given(st.lists(st.integers(-7, 7), min_size=1, max_size=6), st.integers(0, 1 << 32))
def test_what_is_proved_of_sums_holds_of_products_that_are_not_exact(weights, seed):
    """A product that loses the lowest bit of every activation."""
    lossy = NumberFormat(title="lossy", weight_bits=4, product=lambda a, w: (a >> 1 << 1) * w)
    config = SimpleNamespace(number_format=lossy)
    c = convolution(np.array(weights).reshape(1, 1, 1, -1), (1, 1, len(weights)), (1, 1, 1))
    least, greatest = module._sum_range(c, config)
    x = np.random.default_rng(seed).integers(-128, 128, (200, len(weights)))
    worst = np.where(np.array(weights) > 0, [[127], [-128]], [[-128], [127]])
    sums = lossy.product(np.concatenate([x, worst]), np.array(weights)).sum(axis=1)
    assert (least, greatest) == (sums.min(), sums.max())
    assert greatest < c.sum_range[1] or not any(w > 0 for w in weights)


@pytest.mark.parametrize("weight, count", [(127, 600), (127, 517), (-127, 517)])
def test_sums_beyond_the_accumulator_are_refused_with_the_width_that_does(weight, count):
    """Of 517 channels only one end of the range is beyond. A core that keeps sums adds parts."""
    c = convolution(np.full((1, 1, 1, count), weight), (1, 1, count), (1, 1, 1))
    said = refusal(c, NARROW)
    bits = int(re.search(r"take (\d+) bits, more than the 24 of an accumulator$", said)[1])
    assert refusal(c, NARROW.replace(sum_bits=bits - 1)) == said.replace("24", str(bits - 1))
    assert len(schedule(c, NARROW.replace(sum_bits=bits))) == 1
    assert len(schedule(c, CONFIG)) == 2


@pytest.mark.parametrize("sign", [1, -1])
def test_the_least_number_of_the_accumulator_is_no_sum(sign):
    """A sum may be 1 less before its last carry. Weights of 65,536 in all reach -2**23 by the least
    code, or 2**23 by their negatives; one less does not."""
    weights = np.full((1, 1, 1, 517), 127)
    for last, fits in ((4, False), (3, True)):
        weights[..., -1] = last
        c = convolution(sign * weights, (1, 1, 517), (1, 1, 1))
        assert int(np.abs(c.sum_range).max()) == (1 << 23) - (128 if fits else 0)
        if fits:
            assert_same(schedule(c, NARROW), c, NARROW)
        else:
            assert "take 25 bits, more than the 24 of an accumulator" in refusal(c, NARROW)
            schedule(c, NARROW.replace(sum_bits=25))


def test_the_weight_buffer_must_hold_a_channel_twice():
    c = convolution(np.ones((4, 1, 1, 1000)), (1, 1, 1000), (1, 1, 4))
    said = refusal(c, AcceleratorConfig(weight_steps=1024, wide_sums=0))
    assert said == (
        "layer: 1000 weights of an output channel are more than the 512 that half of the weight "
        "buffer holds"
    )
    schedule(c, AcceleratorConfig(weight_steps=2000, wide_sums=0))
    half = convolution(np.ones((4, 1, 1, 512)), (1, 1, 512), (1, 1, 4))
    schedule(half, AcceleratorConfig(weight_steps=1024, wide_sums=0))


LARGE = {
    "a stride of 16 is more than 15": {"stride": (16, 1)},
    "an input size of 1030 is more than the core counts": {"input_shape": (1030, 1, 1)},
    "runs of 1025 are more than the core counts": {
        "output_shape": (1025, 1, 1),
        "region": Region(0, 0, 1025, 1),
    },
}


@pytest.mark.parametrize("what", LARGE)
def test_what_the_loops_cannot_count_is_refused(what):
    c = convolution(np.ones((1, 1, 1, 1)), (4, 1, 1), (2, 1, 1)).replace(**LARGE[what])
    assert refusal(c, NARROW) == f"layer: {what}"


def test_channels_that_are_not_proved_are_named(monkeypatch):
    real = module.solve_once

    def doubt(rule, *ranges):
        proved = ~np.isin(np.arange(rule.channels), (1, 4))
        return Solution(real(rule, *ranges).division, proved)

    monkeypatch.setattr(module, "solve_once", doubt)
    c = convolution(np.ones((6, 1, 1, 1)), (1, 1, 1), (1, 1, 6))
    assert refusal(c, CONFIG, NotProved) == (
        "layer: output channels [1, 4] cannot be requantized exactly; "
        "quantize the tensor with a scale that is a millionth larger or smaller, which rounds "
        "other halves; no board and no option of the core helps"
    )


@pytest.mark.parametrize("shift", [-30, -22])
@pytest.mark.parametrize("zero_point", [-128, -3, 127])
def test_a_channel_that_never_changes_is_no_obstacle(shift, zero_point):
    """Trained networks have some: their scale is next to nothing, their weights are noise."""
    weights = np.random.default_rng(0).integers(-127, 128, (6, 3, 3, 16))
    q, shifts = np.full(6, 2**30), np.full(6, -9)
    shifts[[1, 4]] = shift
    rule = Rescale("tflm", q, shifts, zero_point, -128, 127)
    c = convolution(weights, (4, 4, 16), (2, 2, 6), rule=rule)
    codes = [rule.compute(np.array(sums) + c.bias) for sums in c.sum_range]
    assert np.flatnonzero(codes[0] == codes[1]).tolist() == [1, 4]
    assert_same(schedule(c, CONFIG), c, CONFIG)


@settings(max_examples=60)
@given(convolutions(), SIZED, st.integers(0, 2), st.integers(0, 2))
def test_taps_that_are_pruned_at_an_edge_take_no_cycles(c, config, top, right):
    """The answer stays, and there are as few steps as for a kernel that never had them."""
    weights = np.moveaxis(c.weights.copy(), (0, 1) if c.depthwise else (1, 2), (0, 1))
    weights[:top], weights[:, weights.shape[1] - min(right, weights.shape[1]) :] = 0, 0
    pruned = c.replace(weights=np.moveaxis(weights, (0, 1), (0, 1) if c.depthwise else (1, 2)))
    commands = schedule(pruned, config)
    assert_same(commands, pruned, config)
    kept = max(1, weights.shape[0] - top) * max(1, weights.shape[1] - right)
    if not c.depthwise and pruned.kernel != pruned.input_shape[:2]:
        words = -(-c.input_shape[2] // config.rows)
        assert all(command.steps <= kept * words * config.rows for command in commands)
