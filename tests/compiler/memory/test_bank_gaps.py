"""Gaps of a bank are what no span uses, however spans that lie side by side are taken together."""

from hypothesis import given, settings
from hypothesis import strategies as st

from accel.compiler.memory.bank_gaps import find_gap, free_from, occupy

SPANS = st.tuples(st.integers(0, 14), st.integers(1, 4), st.integers(0, 4), st.just(9)).map(
    lambda span: (span[0], span[0] + span[1], *span[2:])
)


@settings(max_examples=300)
@given(st.lists(SPANS, max_size=6).map(sorted), st.integers(1, 17), st.integers(0, 4))
def test_a_gap_is_the_smallest_that_is_enough_or_the_largest(taken, needed, dies):
    """Against every run of free words, of a bank of 16."""
    words = 16
    used = {w for start, end, born, _ in taken if born <= dies for w in range(start, end)}
    starts = [w for w in range(words) if w not in used and (w == 0 or w - 1 in used)]
    sizes = {s: next((n for n in range(s, words) if n in used), words) - s for s in starts}
    enough = [size for size in sizes.values() if size >= needed]
    start, end = find_gap(taken, needed, dies, words)
    assert end - start == (min(enough) if enough else max(sizes.values(), default=0))
    assert end == start or start == next(s for s in starts if sizes[s] == end - start)


@settings(max_examples=300)
@given(st.lists(SPANS, max_size=6).map(sorted), st.integers(0, 15), st.integers(0, 4))
def test_words_are_free_up_to_the_next_that_is_used(taken, start, dies):
    used = {w for first, end, born, _ in taken if born <= dies for w in range(first, end)}
    free = next((w for w in range(start, 16) if w in used), 16) - start
    assert free_from(taken, start, dies, 16) == free


LASTING = st.tuples(st.integers(0, 14), st.integers(1, 4)).map(lambda s: (s[0], sum(s), -1, 9))


@settings(max_examples=300)
@given(st.lists(st.one_of(SPANS, LASTING), max_size=8), st.integers(0, 4), st.integers(1, 17))
def test_what_is_taken_together_leaves_the_same_gaps(spans, dies, needed):
    taken, apart = [], []
    for span in spans:
        # As in placements: nothing that is in use at the same time overlaps.
        if all(span[1] <= other[0] or other[1] <= span[0] for other in apart):
            occupy(taken, span)
            apart.append(span)
    assert taken == sorted(taken)
    assert len(taken) <= len(apart)
    alone = sorted(apart)
    assert find_gap(taken, needed, dies, 20) == find_gap(alone, needed, dies, 20)
    for start in range(20):
        assert free_from(taken, start, dies, 20) == free_from(alone, start, dies, 20)


def test_neighbours_of_one_time_become_one():
    taken = []
    for start in (0, 8, 4):
        occupy(taken, (start, start + 4, -1, 9))
    assert taken == [(0, 12, -1, 9)]
    occupy(taken, (12, 14, 0, 9))
    assert taken == [(0, 12, -1, 9), (12, 14, 0, 9)]
