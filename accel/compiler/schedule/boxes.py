"""Boxes of a tile's loops: some iterations in a row of each, which a layer of their own walks.

A tile's dot product runs over outer taps, inner taps and blocks. A *block* is one word of a tap: as
many input channels as the array has rows, and as many steps; in a broadcast layer it is a step.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod

from ..ir.descriptor import Descriptor


@dataclass(frozen=True)
class Nest:
    """Three loops that walk all blocks of a tile in their order.

    Parameters
    ----------
    trip_counts
        Of the outer, the inner and the innermost loop.
    apart
        Words from an iteration of the outer and of the inner loop to the next.
    free
        The loops are not the kernel's, and no block is outside the input: coordinates do not
        matter.
    """

    trip_counts: tuple[int, int, int]
    apart: tuple[int, int]
    free: bool


@dataclass(frozen=True)
class Box:
    """Some iterations in a row of each loop of a nest."""

    nest: Nest
    spans: tuple[slice, slice, slice]

    @property
    def trip_counts(self) -> tuple[int, int, int]:
        outer, inner, blocks = (span.stop - span.start for span in self.spans)
        return outer, inner, blocks

    @property
    def blocks(self) -> int:
        return prod(self.trip_counts)

    def descriptor(self, whole: Descriptor) -> Descriptor:
        """The descriptor of the layer that walks the box, from that of the one that walks all."""
        (outer_words, inner_words), (outer, inner, blocks) = self.nest.apart, self.trip_counts
        outer_span, inner_span, block_span = self.spans
        first = outer_span.start * outer_words + inner_span.start * inner_words + block_span.start
        found = replace(
            whole,
            input_base=whole.input_base + first,
            outer_taps=outer,
            inner_taps=inner,
            blocks=blocks,
            tap_inner_step=inner_words - (blocks - 1),
            tap_outer_step=outer_words - (inner - 1) * inner_words - (blocks - 1),
        )
        if self.nest.free:  # coordinates count up from that of the first tap, within a larger input
            return replace(
                found,
                outer_origin=whole.outer_origin + outer - whole.outer_taps,
                inner_origin=whole.inner_origin + inner - whole.inner_taps,
                outer_size=whole.outer_size + outer - 1,
                inner_size=whole.inner_size + inner - 1,
            )
        return replace(
            found,
            outer_origin=whole.outer_origin + outer_span.stop - whole.outer_taps,
            inner_origin=whole.inner_origin + inner_span.stop - whole.inner_taps,
        )


def nest_of(descriptor: Descriptor) -> Nest:
    """The layer's own loops."""
    outer, inner, blocks = descriptor.outer_taps, descriptor.inner_taps, descriptor.blocks
    inner_words = descriptor.tap_inner_step + blocks - 1
    outer_words = descriptor.tap_outer_step + (inner - 1) * inner_words + blocks - 1
    return Nest((outer, inner, blocks), (outer_words, inner_words), False)


def lie_in_a_row(descriptor: Descriptor) -> bool:
    """Whether the words of a tile lie one after another, none of them outside the input."""
    own = nest_of(descriptor)
    outer, inner, blocks = own.trip_counts
    in_a_row = outer == 1 and (inner == 1 or own.apart[1] == blocks)
    return in_a_row and not _leaves_input(descriptor)


def nests_of(descriptor: Descriptor) -> Iterator[Nest]:
    """The layer's own loops; then others for the same words, where these lie in a row."""
    yield nest_of(descriptor)
    if not lie_in_a_row(descriptor):
        return
    total = descriptor.inner_taps * descriptor.blocks
    for innermost in _divisors(total):
        for middle in _divisors(total // innermost):
            trip_counts = total // innermost // middle, middle, innermost
            yield Nest(trip_counts, (middle * innermost, innermost), True)


def _divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]


def _leaves_input(d: Descriptor) -> bool:
    """Whether a tap of any position is outside the input."""
    for taps, origin, positions, stride, size in (
        (d.inner_taps, d.inner_origin, d.run, d.inner_stride, d.inner_size),
        (d.outer_taps, d.outer_origin, d.runs, d.outer_stride, d.outer_size),
    ):
        last = origin - 1 + (positions - 1) * stride
        if origin < taps or last >= size:
            return True
    return False
