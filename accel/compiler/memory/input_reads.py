"""Which words of its input a layer reads."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from ...isa import COORDINATE_BITS, Isa
from ..ir.command import LayerCommand
from ..ir.layer import Band


def words_read(command: LayerCommand, isa: Isa) -> tuple[int, int]:
    """The first word of its source that a command reads, and the one after the last.

    Rows of the array that no output position fills read further ones, of which nothing becomes.
    """
    f, size = command.descriptor, 1 << isa.address_bits

    def step(value: int) -> int:
        return (value + size // 2) % size - size // 2

    tap = f.blocks - 1 + step(f.tap_inner_step)
    tap_run = f.inner_taps * (f.blocks - 1) + (f.inner_taps - 1) * step(f.tap_inner_step)
    outer_jump = step(f.position_outer_step) + (f.run - 1) * step(f.position_inner_step)
    inner = _reached(
        (f.run, step(f.position_inner_step), f.inner_stride),
        (f.inner_taps, tap),
        f.inner_origin,
        f.inner_size,
    )
    outer = _reached(
        (f.runs, outer_jump, f.outer_stride),
        (f.outer_taps, tap_run + step(f.tap_outer_step)),
        f.outer_origin,
        f.outer_size,
    )
    if not len(inner) or not len(outer):
        return 0, 0
    groups = np.array([0, (f.groups - 1) * f.input_group_step])
    low = step(f.input_base) + inner.min() + outer.min() + groups.min()
    high = step(f.input_base) + inner.max() + outer.max() + groups.max() + f.blocks
    return int(low), int(high)


def _reached(positions: Sequence[int], taps: Sequence[int], origin: int, extent: int) -> np.ndarray:
    """Words to where taps along one dimension reach that lie in the input: of ``positions`` their
    number, the words between two, and the stride; of ``taps`` their number and words."""
    count, words, stride = positions
    position, tap = np.arange(count)[:, None], np.arange(taps[0])
    coordinate = origin - taps[0] + position * stride + tap
    inside = (coordinate & (1 << COORDINATE_BITS) - 1) < extent
    return (position * words + tap * taps[1])[inside]


def last_reads(commands: Sequence[LayerCommand], name: str, words: int, isa: Isa) -> np.ndarray:
    """The last command that uses each of the words of a tensor."""
    last = np.zeros(words, int)
    for number, command in enumerate(commands):
        if name in (command.output, command.residual, command.addend):
            last[:] = number
        elif name == command.source:
            low, high = words_read(command, isa)
            last[max(low, 0) : high] = number
    return last


class Banded(Protocol):
    """What of a layer says which band of an input it reads."""

    @property
    def source(self) -> str: ...

    @property
    def band(self) -> Band | None: ...


def input_bands(commands: Iterable[Banded], inputs: Sequence[str]) -> dict[str, int]:
    """Those of the inputs that are row bands of the network's, in the order in which they are read,
    and the first command that reads each."""
    found: dict[str, int] = {}
    for number, command in enumerate(commands):
        band, name = command.band, command.source
        if band and name in inputs and band.source != name:
            found.setdefault(name, number)
    return found
