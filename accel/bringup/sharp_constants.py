"""Channel parameters and table entries of which each bit decides a code.

What the compiler makes of a network leaves a margin: the lowest bits of a divisor, of an offset or
of an entry change no code then, and a bit that is stuck there is not seen. These constants leave
none. A code is ``dividend // divisor``, and the dividend is a multiple of the divisor or just below
one: if the divisor were one more, or the dividend less, in the first case the code would be one
less, and in the second the other way round. Of two entries that are added up the sum is a whole
number of codes, or lacks a last bit of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from accel.compiler.ir.command import LayerCommand
from accel.compiler.ir.stream import pack_stream
from accel.isa import TABLE_ENTRIES, Isa
from accel.numeric.division.division import (
    BIAS_BITS,
    DIVISOR_BITS,
    FORMS,
    FRACTION_BITS,
    OFFSET_BITS,
    OFFSET_DROPPED_BITS,
    OFFSET_SHARED_BITS,
    Division,
)
from accel.numeric.elementwise.lookup_tables import ENTRY_BITS
from accel.numeric.elementwise.lookup_tables import FRACTION_BITS as ENTRY_FRACTION_BITS

from .patterns import Pattern

_UNIT = 1 << OFFSET_DROPPED_BITS  # of offsets, and so of dividends
_MOST_BIAS = (1 << BIAS_BITS - 1) - 1
_HALF = 1 << OFFSET_BITS - 1  # of what an offset can be
_CODES = range(_UNIT, 253)  # as many codes from 0 that a change of one of a divisor is a unit


@dataclass(frozen=True)
class _Channel:
    """The parameters of a channel, and ``exact``: its dividend is a multiple of the divisor, or
    hardly more, and not hardly less."""

    bias: int
    divisor: int
    offset: int
    form: int
    tie: int = 0

    def offsets(self, unused: int) -> tuple[int, int]:
        """Those for sums from 0 on and below; the one that is not used has other low bits."""
        low = OFFSET_BITS - OFFSET_SHARED_BITS
        other = self.offset >> low << low | unused & (1 << low) - _UNIT
        return (other, self.offset) if self.bias < 0 else (self.offset, other)


def with_parameters(pattern: Pattern, every: int) -> Pattern:
    """The pattern with these constants in its channels, a kind for each ``every`` groups of them.

    All its sums are 0. ``every`` is the number of halves of the memory, which groups fill in turn.
    """
    program = pattern.program
    (command,) = program.commands
    random, kinds = np.random.default_rng(8), list(_kinds())
    division = command.division
    fields = {
        name: np.broadcast_to(getattr(division, name), len(division.bias)).copy()
        for name in ("bias", "divisor", "offset", "offset_negative", "form", "tie")
    }
    for group, channels in enumerate(command.channels):
        for channel in channels[channels >= 0] if group // every < len(kinds) else ():
            made = kinds[group // every](random)
            unused = int(random.integers(1 << OFFSET_BITS))
            fields["bias"][channel], fields["divisor"][channel] = made.bias, made.divisor
            fields["form"][channel], fields["tie"][channel] = made.form, made.tie
            both = made.offsets(unused)
            fields["offset"][channel], fields["offset_negative"][channel] = both
    sharp = Division(**fields, low=division.low, high=division.high, tie_parity=0)
    descriptor = replace(command.descriptor, tie_parity=0)
    return _changed(pattern, replace(command, division=sharp, descriptor=descriptor))


def _kinds() -> Iterator:
    """The kinds of channels, as functions of a generator of random numbers."""
    ones, zeros = _HALF - _UNIT, _HALF
    yield lambda random: _of_divisor(random, 1 << DIVISOR_BITS - 1, exact=True)
    yield lambda random: _of_divisor(random, (1 << DIVISOR_BITS - 1) - 1, exact=False)
    yield lambda random: _of_divisor(random, 1 << DIVISOR_BITS - 1, exact=True, tie=1)
    yield lambda random: _of_dividend(random, _MOST_BIAS, ones, exact=True)
    yield lambda random: _of_dividend(random, 0, zeros, exact=False)
    yield lambda random: _of_dividend(random, -1, ones, exact=True)
    yield lambda random: _of_dividend(random, -_MOST_BIAS - 1, zeros, exact=False)


def _of_divisor(
    random: np.random.Generator, divisor: int, *, exact: bool, tie: int = 0
) -> _Channel:
    """A channel of this divisor, and a bias and a form of any size that change the code if a bit of
    them is another. Ties would make an even code of an odd one."""
    while True:
        code = int(random.choice(_CODES)) | 1
        form = FORMS - 1 if exact else int(random.integers(FORMS))
        bias = int(random.integers(1, 1 << 20))
        least = -(-code * divisor // _UNIT) * _UNIT
        dividend = least if exact else ((code + 1) * divisor - 1) // _UNIT * _UNIT
        offset = dividend - (bias << FRACTION_BITS[form])
        if 0 <= offset < 1 << OFFSET_BITS:
            return _Channel(bias, divisor, offset, form, tie)


def _of_dividend(random: np.random.Generator, bias: int, offset: int, *, exact: bool) -> _Channel:
    """A channel of this bias and this offset."""
    dividend = (bias << FRACTION_BITS[0]) + offset
    while True:
        code = int(random.choice(_CODES)) | 1
        divisor = dividend // code if exact else dividend // (code + 1) + 1
        apart = dividend - code * divisor if exact else (code + 1) * divisor - dividend
        if divisor < 1 << DIVISOR_BITS and apart < _UNIT + (not exact):
            return _Channel(bias, divisor, offset, 0)


def with_tables(pattern: Pattern) -> list["SharpTables"]:
    """The pattern, which adds two operands by tables, with such entries in them.

    Each bit of an entry is once 1 where the sum is whole, and once 0 where it lacks a last bit; and
    so with other entries as partners, so that it is seen which of both is wrong.
    """
    random = np.random.default_rng(9)
    found = []
    for _ in range(2):
        partner = random.permutation(TABLE_ENTRIES)
        x = _entries(random)
        for first, rest in ((x, 0), (~x, 0), (x, -1), (~x, -1)):
            second = np.empty_like(first)
            second[partner] = _sums(first, rest) - first
            found.append(_with(pattern, first, second, partner))
        for first in (x, ~x):  # the other way round
            second = np.empty_like(first)
            second[partner] = first
            found.append(_with(pattern, _sums(first, 0) - first, second, partner))
    return found


@dataclass(frozen=True, eq=False)
class SharpTables:
    """A pattern, both its tables, and the operands of each output: their codes + 128, as
    ``[positions, channels]``."""

    pattern: Pattern
    tables: tuple[np.ndarray, np.ndarray]
    operands: tuple[np.ndarray, np.ndarray]


def _entries(random: np.random.Generator) -> np.ndarray:
    """Entries of any size whose lowest bits are 01: so each bit of minus an entry is another one
    than that of minus the inverted entry, or 1 in one of them."""
    most = (1 << ENTRY_BITS - 1) - (1 << ENTRY_FRACTION_BITS + 1)
    return random.integers(-most, most, TABLE_ENTRIES) & ~np.int64(3) | 1


def _sums(entries: np.ndarray, rest: int) -> np.ndarray:
    """What each of the entries and its partner add up to: as many codes that the partner is an
    entry, too, and ``rest``."""
    high = entries >> ENTRY_FRACTION_BITS
    code = np.clip(high, 1, 253) + 1
    return (code << ENTRY_FRACTION_BITS) + rest


def _with(
    pattern: Pattern, first: np.ndarray, second: np.ndarray, partner: np.ndarray
) -> SharpTables:
    command = pattern.program.commands[-1]
    assert command.post_op is not None and command.residual is not None
    tables = replace(command.post_op, lookup_tables=(first, second))
    (a,) = (name for name in pattern.inputs if name != command.residual)
    codes = pattern.inputs[a].astype(np.int64) + 128
    partners = partner[codes]
    inputs = {a: pattern.inputs[a], command.residual: (partners - 128).astype(np.int8)}
    changed = _changed(replace(pattern, inputs=inputs), replace(command, post_op=tables))
    operands = tuple(array.reshape(-1, array.shape[-1]) for array in (codes, partners))
    return SharpTables(changed, (first, second), operands)  # type: ignore[arg-type]


def _changed(pattern: Pattern, command: LayerCommand) -> Pattern:
    """The pattern with another last layer, of the same size."""
    program = pattern.program
    chunk = program.chunks[-1]
    isa = Isa(program.config)
    head = isa.descriptor_words * program.config.rows
    data = _descriptor(chunk.data[:head], isa, command) + pack_stream(command, program.config)
    assert len(data) == len(chunk.data)
    changed = replace(
        program,
        commands=(*program.commands[:-1], command),
        chunks=(*program.chunks[:-1], replace(chunk, data=data)),
    )
    return replace(pattern, program=changed)


def _descriptor(data: bytes, isa: Isa, command: LayerCommand) -> bytes:
    """A linked descriptor with the parity of the layer's ties."""
    bit = isa.descriptor["tie_parity"].offset
    value = int.from_bytes(data, "little") & ~(1 << bit)
    return (value | command.division.tie_parity << bit).to_bytes(len(data), "little")
