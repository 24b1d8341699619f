"""Each dataflow walks what it should, in the fewest steps; what cannot be counted is no
dataflow."""

from dataclasses import replace

import numpy as np
import pytest

from accel.compiler.ir.layer import Region
from accel.compiler.schedule.dataflows import dataflows_of, flattened, problem_of
from accel.compiler.schedule.select import schedule
from accel.config import AcceleratorConfig
from accel.isa import COORDINATE_BITS, Isa
from tests.support.networks.convolutions import assert_same, convolution


def config_of(rows, columns, **changes):
    return AcceleratorConfig(rows=rows, columns=columns, weight_steps=7680, **changes)


def dense(kernel, shape, channels, **changes):
    """All positions of a layer whose output has its input's size."""
    weights = np.random.default_rng(7).integers(-9, 9, (channels, *kernel, shape[2]))
    return convolution(weights, shape, (*shape[:2], channels), **changes)


def depthwise(kernel, shape, **changes):
    weights = np.random.default_rng(8).integers(-9, 9, (*kernel, shape[2]))
    return convolution(weights, shape, changes.pop("output", shape), **changes)


def loops_of(c, config, mode):
    """The loops of each way in a mode, in the order in which they come."""
    return [way for way in dataflows_of(c, config) if {loops.mode for loops in way} == {mode}]


@pytest.mark.parametrize("rows", [2, 4, 8])
@pytest.mark.parametrize(("kernel", "padding"), [(1, 0), (3, 1), (3, 0), (5, 4)])
@pytest.mark.parametrize("axis", [0, 1])
def test_coordinates_before_the_input_wrap_around_and_never_come_back_into_it(
    rows, kernel, padding, axis
):
    """Input, taps, padding and the array's rows are less in all than a coordinate counts."""
    limit = 1 << COORDINATE_BITS
    config = config_of(rows, rows, bank_words=16384 // rows)
    seen = set()
    for size in range(limit - kernel - padding - 2 * rows - 2, limit):
        sizes, kernels, paddings, positions = [1, 1], [1, 1], [0, 0], [1, 1]
        sizes[axis], kernels[axis], paddings[axis], positions[axis] = size, kernel, padding, 5
        weights = np.random.default_rng(1).integers(1, 9, (*kernels, 3))
        c = convolution(weights, (*sizes, 3), (*positions, 3), padding=tuple(paddings))
        for (loops,) in (way for way in dataflows_of(c, config) if len(way) == 1):
            inner = (loops.descriptor.inner_size == size) == (size > 1)
            taps = loops.descriptor.inner_taps if inner else loops.descriptor.outer_taps
            said, possible = problem_of([loops], config), size + taps + padding + rows < limit
            assert said == (
                None if possible else f"an input size of {size} is more than the core counts"
            )
            seen.add((loops.mode, possible))
        if size % 4 == 0 and any(
            problem_of(way, config) is None for way in dataflows_of(c, config)
        ):
            assert_same(schedule(c, config), c, config)
    assert seen == {
        (mode, possible) for mode in ("dense", "broadcast", "grouped") for possible in (True, False)
    }


@pytest.mark.parametrize("rows", [2, 4, 8])
def test_a_dense_layer_takes_a_step_for_each_byte_of_its_window(rows):
    c = dense((2, 3), (5, 6, 7), 9)
    ((loops,),) = loops_of(c, config_of(rows, 4), "dense")
    words = -(-7 // rows)
    assert loops.weights.shape == (-(-9 // 4), 2 * 3 * words * rows, 4)
    descriptor = loops.descriptor
    assert descriptor.blocks == words
    assert (descriptor.outer_taps, descriptor.inner_taps) == (2, 3)
    assert loops.channels.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, -1, -1, -1]]
    assert descriptor.last_columns == 1


@pytest.mark.parametrize("size", [(2, 2), (2, 4), (4, 4), (4, 8)])
@pytest.mark.parametrize("kernel", [(3, 3), (2, 4), (1, 5)])
def test_a_depthwise_layer_is_broadcast_along_both_axes(size, kernel):
    """A step for each tap, and as many more in each run of inner taps as rows come late."""
    rows, columns = size
    c = depthwise(kernel, (6, 7, 5), padding=(kernel[0] // 2, kernel[1] // 2))
    config = config_of(rows, columns)
    found = [loops for (loops,) in loops_of(c, config, "broadcast")]
    inner_taps = {loops.descriptor.inner_taps for loops in found}
    assert inner_taps == {kernel[0] + rows - 1, kernel[1] + rows - 1}
    groups = -(-5 // rows)
    for loops in found:
        outer, inner = loops.descriptor.outer_taps, loops.descriptor.inner_taps
        assert loops.weights.shape == (groups, outer * inner, columns)
        assert loops.channels.shape[0] == groups


def test_a_core_of_few_columns_computes_depthwise_layers_by_groups():
    c = depthwise((3, 3), (4, 4, 8), padding=(1, 1))
    config = config_of(8, 2)
    modes = {tuple(loops.mode for loops in way) for way in dataflows_of(c, config)}
    assert modes == {("grouped",) * 4, ("dense",)}
    (grouped,) = loops_of(c, config, "grouped")
    assert [loops.channels[0].tolist() for loops in grouped] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    for loops in grouped:  # of each tap, one weight of each column: that of its own channel
        used = (loops.weights != 0).reshape(1, 9, 8, 2).sum(axis=2)
        assert (used <= 1).all()


def test_a_stride_of_2_is_broadcast_where_rows_may_be_left_out():
    c = depthwise((3, 3), (9, 9, 4), output=(4, 4, 4), stride=(2, 2))
    assert loops_of(c, config_of(4, 4), "broadcast") == []
    found = [loops for (loops,) in loops_of(c, config_of(4, 8), "broadcast")]
    assert found
    assert all(loops.descriptor.stride2_skip for loops in found)
    assert {loops.descriptor.broadcast_rows for loops in found} == {1, 2}
    assert loops_of(c.replace(stride=(3, 3)), config_of(4, 8), "broadcast") == []


def test_lines_are_broadcast_together_only_where_fewer_runs_are_left():
    """Of 5 lines: one, two, three or five at a time make 5, 3, 2 and 1 runs; four make 2, too."""
    c = depthwise((3, 1), (5, 1, 2), padding=(1, 0))
    runs = {
        loops.descriptor.broadcast_rows: loops.descriptor.runs
        for (loops,) in loops_of(c, config_of(2, 10), "broadcast")
        if loops.descriptor.outer_size == 5
    }
    assert runs == {1: 5, 2: 3, 3: 2, 5: 1}


def test_a_large_depthwise_layer_is_not_made_dense():
    """Its weights on a diagonal would be more than 2**23, nearly all of them 0."""
    small, large = ((2, 1), (2, 1, 2048)), ((3, 1), (3, 1, 2048))
    for (kernel, shape), is_dense in ((small, True), (large, False)):
        c = depthwise(kernel, shape, output=(1, 1, 2048))
        assert bool(loops_of(c, config_of(4, 4), "dense")) == is_dense


CYCLES = [
    # positions, channels, taps, cycles of 4x4: groups, tiles, steps
    (16, 4, 1, 1 * 4 * 16),
    (16, 4, 9, 1 * 4 * 36),
    (17, 5, 9, 2 * 5 * 36),
]


@pytest.mark.parametrize(("positions", "channels", "taps", "cycles"), CYCLES)
def test_a_tile_takes_as_long_as_its_steps_or_its_drain(positions, channels, taps, cycles):
    """The drain of 4 rows by 4 columns takes 16 cycles with a single requantizer."""
    c = convolution(
        np.ones((channels, 1, taps, 4)), (1, positions + taps - 1, 4), (1, positions, channels)
    )
    config = config_of(4, 4)
    ((loops,),) = loops_of(c, config, "dense")
    assert config.tile_cycles(0) == 16
    assert loops.cycles(config) == cycles


@pytest.mark.parametrize(
    ("changes", "is_flat"),
    [
        ({}, True),
        ({"padding": (1, 0)}, False),
        ({"padding": (0, 1)}, False),
        ({"input_shape": (4, 4, 6)}, False),
        ({"input_shape": (3, 5, 6)}, False),
        ({"region": Region(0, 0, 1, 2)}, False),
    ],
)
def test_only_a_window_over_the_whole_input_becomes_a_row_of_taps(changes, is_flat):
    c = convolution(np.ones((5, 3, 4, 6)), (3, 4, 6), (1, 1, 5), stride=(2, 3)).replace(**changes)
    flat = flattened(c)
    assert (flat is not c) == is_flat
    if is_flat:
        assert (flat.kernel, flat.input_shape, flat.stride) == ((1, 12), (1, 12, 6), (1, 1))
        assert_same(schedule(flat, config_of(4, 4)), flat, config_of(4, 4))


def test_a_window_of_one_row_stays_as_it_is():
    c = convolution(np.ones((5, 1, 4, 6)), (1, 4, 6), (1, 1, 5))
    assert flattened(c) is c


def field_limits():
    """The first count that a field cannot hold, and what is said of it."""
    c = convolution(np.ones((1, 1, 1, 1)), (4, 1, 1), (2, 1, 1))
    layout = Isa(config_of(4, 4)).descriptor
    for name in ("runs", "groups"):
        limit = (1 << layout[f"{name}_less_one"].width) + 1
        yield pytest.param(
            c, name, limit, f"{name} of {limit} are more than the core counts", id=name
        )
    for name in ("inner_stride", "outer_stride"):
        limit = 1 << layout[name].width
        yield pytest.param(c, name, limit, f"a stride of {limit} is more than {limit - 1}", id=name)


@pytest.mark.parametrize(("c", "name", "limit", "words"), list(field_limits()))
def test_a_count_is_refused_from_the_first_on_that_its_field_cannot_hold(c, name, limit, words):
    config = config_of(4, 4)
    ((loops,),) = loops_of(c, config, "dense")
    for value, said in ((limit - 1, None), (limit, words)):
        descriptor = replace(loops.descriptor, **{name: value})
        assert problem_of([replace(loops, descriptor=descriptor)], config) == said
