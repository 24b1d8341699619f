"""Chunks lie where they cost least: a bank keeps those that would lose most in the other."""

from itertools import chain, combinations

from hypothesis import given
from hypothesis import strategies as st

import accel
from accel.compiler.memory.chunk_places import most_valuable
from tests.end_to_end.test_digits import DIGITS

ITEMS = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=7)


@given(ITEMS, st.integers(-2, 30))
def test_no_other_chunks_that_have_room_are_worth_more(items, room):
    values, sizes = [v for v, _ in items], [s for _, s in items]
    indices = range(len(items))
    found = most_valuable(list(indices), values, sizes, room)
    assert sum(sizes[i] for i in found) <= max(0, room)
    subsets = chain.from_iterable(combinations(indices, n) for n in range(len(items) + 1))
    fitting = [s for s in subsets if sum(sizes[i] for i in s) <= room]
    best = max((sum(values[i] for i in s) for s in fitting), default=0)
    assert sum(values[i] for i in found) == best


def test_in_the_bank_that_is_full_are_the_chunks_that_would_lose_cycles_elsewhere():
    """All chunks of the digits want to be in one of two banks, and half of them have no room."""

    def cycles(words: int) -> int:
        config = accel.AcceleratorConfig(rows=4, columns=4, bank_words=words)
        program = accel.compile(DIGITS / "digits_int8.tflite", config=config)
        return program.report().cycles_model

    assert cycles(1750) == cycles(4096) < cycles(1600)
