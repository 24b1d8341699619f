"""Fewer dimensions, and the same values: every merged form is held to NumPy on the whole one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from accel.compiler.graph.merged_axes import (
    merged_cut,
    merged_operands,
    merged_order,
    merged_reduction,
    single_moves,
)

SHAPES = st.lists(st.integers(1, 3), min_size=0, max_size=6).map(tuple)


def counted(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(int(np.prod(shape))).reshape(shape)


@given(SHAPES, st.randoms(use_true_random=False))
def test_a_transposition_moves_the_same_values(shape, random):
    order = tuple(random.sample(range(len(shape)), len(shape)))
    merged, own = merged_order(shape, order)
    moved = counted(merged).transpose(own)
    np.testing.assert_array_equal(moved.reshape(-1), counted(shape).transpose(order).reshape(-1))
    assert 1 not in merged
    still = np.array_equal(moved.reshape(-1), np.arange(moved.size))
    assert still == (own == tuple(range(len(own))))


@given(st.permutations(range(5)))
def test_single_moves_make_an_order_by_three_blocks_each(order):
    array = counted((2, 3, 4, 5, 6))
    for move in single_moves(tuple(order)):
        shape, blocks = merged_order(array.shape, move)
        assert len(shape) <= 3
        assert sorted(blocks) == list(range(len(shape)))
        array = array.transpose(move)
    np.testing.assert_array_equal(array, counted((2, 3, 4, 5, 6)).transpose(order))


@given(SHAPES, st.data())
def test_a_reduction_is_of_the_same_values_in_the_same_order(shape, data):
    axes = tuple(axis for axis in range(len(shape)) if data.draw(st.booleans()))
    merged, own = merged_reduction(shape, axes)
    sums = counted(merged).sum(axis=own)
    np.testing.assert_array_equal(sums.reshape(-1), counted(shape).sum(axis=axes).reshape(-1))
    assert own
    assert merged[-1:] in (shape[-1:], (1,))


@given(SHAPES, st.data())
def test_a_slice_takes_the_same_values(shape, data):
    cuts = []
    for size in shape:
        start = data.draw(st.integers(0, size - 1))
        step = data.draw(st.sampled_from([1, 2]))
        count = data.draw(st.integers(1, -(-(size - start) // step)))
        cuts.append((size, start, count, step if count > 1 else 1))

    def taken(dimensions):
        array = counted(tuple(size for size, *_ in dimensions))
        for axis, (_, start, count, step) in enumerate(dimensions):
            array = array.take(start + step * np.arange(count), axis)
        return array.reshape(-1)

    merged = merged_cut(cuts)
    np.testing.assert_array_equal(taken(merged), taken(cuts))
    assert len(merged) <= max(1, len(cuts))


@given(SHAPES.filter(len), st.data())
def test_operands_broadcast_to_the_same_sums(shape, data):
    def some() -> tuple[int, ...]:
        given = tuple(n if data.draw(st.booleans()) else 1 for n in shape)
        return given[data.draw(st.integers(0, len(shape))) :]

    first, second = some(), some()
    output = np.broadcast_shapes(first, second)
    merged = merged_operands([first, second, output])
    whole = counted(first) * 100 + counted(second)
    sums = counted(merged[0]) * 100 + counted(merged[1])
    np.testing.assert_array_equal(sums.reshape(-1), whole.reshape(-1))
    assert sums.shape == merged[2]
    assert merged_operands([(2, 3), (3, 3), (3, 3)]) is None
