"""The only thing that compiler and core share: how a program lies in memory.

A program is a chain of *chunks*, one a layer. A chunk is a descriptor, followed by what the layer
streams into the core while it works: first its lookup tables, if it has any, then for each group of
output channels the channel parameters and the weights. The descriptor's ``next`` is a pointer to
the following chunk: in memory, or in flash, from where it is streamed as it lies there.

Before a chunk there may be a *DMA transfer*, which lies in flash. It is a descriptor with ``dma``
set, followed by words that are written to memory while the layer works, usually weights of a later
layer. Its ``next`` points to the layer's chunk. If that chunk is in flash, it lies between the
transfer's descriptor and its words, and the words are written after all of the chunk has been
streamed. If it is in memory, it lies in a single bank. The layer ends when its last result and the
transfer's last word are in memory.

Weights of a chunk in memory may be computed: layers before it write their codes there, as to any
other place. So the core multiplies two activations.

Everything is made of memory words of ``8 * rows`` bits. A field that is called ``..._less_one``
holds a count minus one; one that is called ``..._negated`` a size subtracted from 0, modulo.

What a layer computes, for group ``g`` of ``columns`` output channels and output position ``p``,
which runs over an ``inner`` and an ``outer`` dimension, inner fastest::

    sum[p, c]  = over outer taps, inner taps, blocks, bytes b:
                 input[address(p) + tap offset + block].byte[b] * weight[step][c]
    biased     = sum + bias[c]
    shifted    = biased << FRACTION_BITS[form[c]]
    result     = saturate((shifted + offset[c][biased < 0]) // divisor[c])
    code[p, c] = clamp(result, low, high)

A result is a code + 128, saturated to 0..255. In a channel with ``tie`` a result half-way between
two codes is rounded to the even one, as `numeric.division` says, with the layer's ``tie_parity``.

Flags of the layer change the last line. ``old`` is the residual operand: where ``residual`` is set,
what the code's byte of memory held before, plus 128; else 0.

=============  ===================================================================================
flag           code
=============  ===================================================================================
maximum        ``clamp(max(result, old), low, high)``
lookup_tables  ``clamp((first[result] + second[old]) >> fraction, low, high)``. The tables lie
               between descriptor and groups: 256 entries of ``first``, then 256 of ``second``, or
               1 where there is no residual operand, or as many equal ones as with one in a layer
               with ``add_sums``; see `numeric.elementwise.lookup_tables`.
               Not with ``maximum``.
pack           ``clamp(result, low, high)`` in the upper bits of the byte, as many as a sub-byte
               value has; below them what the byte held there, or 0. Not with the others.
=============  ===================================================================================

Sums that are kept
    A layer with ``keep_sums`` writes no codes, but each ``biased`` as a 32-bit integer, lowest byte
    first; one with ``add_sums`` begins with what was kept::

        biased     = sum + kept + bias[c]                                     modulo 2**32, signed

    So a long dot product is computed in parts, whose biases add up, and the last one, without
    ``keep_sums``, makes codes of the total. A layer with both reads each sum where it writes it.
    Not with ``residual``, ``maximum`` or ``pack``; with ``keep_sums`` no ``lookup_tables`` either.

    Kept sums lie in the bank of the output in the order in which they leave the array, from word
    ``sums_base * sums_tile_words`` on: groups, tiles of a group, rows of a tile (its positions),
    columns. Each tile takes ``sums_tile_words``, a power of two. In it, those of ``requantizers``
    neighbouring columns take the low ``sums_in_word`` bytes of ``sum_words`` words; or, if they are
    one word, and several times as many fit, they share it with those that follow. Where
    ``sum_words`` is no power of two, words are left out up to the next one. The figures are those
    of `AcceleratorConfig`; `kept_sums` in the compiler says where each sum lies.

    Sums of which no code would be written (of positions that only fill rows, of rows after the
    last position, of columns after the last channel, of broadcast rows and positions that are left
    out) have their places, too; what is written there is undefined.

In a ``sub_byte`` layer a byte of the input and one of the weights hold several values each, and
their product is the sum of the products of these, see `numeric.formats.SubByte`. Only number
formats with sub-byte values have the flags ``sub_byte`` and ``pack``.

A tap that falls outside the input reads ``pad``.

A ``broadcast`` layer is depthwise: column ``c`` takes byte ``c`` of the word, and a step is one
tap. There, rows are neighbouring positions along the inner dimension, and the taps of row ``r``
come ``r`` steps late. So the last ``rows - 1`` steps of each run of inner taps are idle: nothing is
multiplied, and no weights are stored for them. A tile has at least ``rows`` steps, in which the
rows take their positions one after another.

Where there are several times as many columns as rows, each ``rows`` columns are a *broadcast row*,
whose codes fill a word: those of broadcast row ``l`` go ``l`` times ``output_broadcast_row_step``
words on, in a dense layer one word. In a broadcast layer column ``c`` takes byte ``c % rows``, so
that broadcast rows are rows of the output: all compute the same taps, each after some more that
are zero. Of the last run's broadcast rows only some may be written. ``stride2_skip`` is for inner
strides of 2: it leaves out every other position. Odd rows are not written, the output's address
steps on only after them, and a run of inner taps has ``rows - 2`` idle steps; a single tap alone
would be a tile of too few steps. ``rows`` is even then, and runs are whole tiles.

Channel parameters are stored for the columns that are written, not for those after them; of a
broadcast layer for those of one broadcast row, as all have the same.

What the host writes while a program runs is kept in step by two counters. A layer with ``wait``
begins once a band of an input is there that no layer before has counted out, and counts it out. A
layer with ``release`` counts in a place that is free when it has ended, and the host's words for
it count that out; see `protocol` for both.

Bits of a descriptor's last word that are in no field are 0; layers to come may have fields there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from amaranth.hdl import Shape, signed
from amaranth.lib import data
from amaranth.utils import bits_for, ceil_log2, exact_log2

from .config import FLASH, AcceleratorConfig
from .numeric.division.division import (
    BIAS_BITS,
    DIVISOR_BITS,
    FORM_SHIFTS,
    OFFSET_BITS,
    OFFSET_DROPPED_BITS,
    OFFSET_SHARED_BITS,
)
from .numeric.elementwise.lookup_tables import ENTRY_BITS
from .protocol import FLASH_IMAGE_LIMIT

COORDINATE_BITS = 10
PARAMETER_BITS = 32  # of each part of an output channel's parameters
TABLE_ENTRIES = 256
FLASH_UNIT = 128  # bytes: chunks in flash begin at multiples of it


def _made_once(make: Callable[["Isa"], Any]) -> property:
    """A property that is computed once for each configuration: layouts are slow to build."""
    made = cache(lambda config: make(Isa(config)))
    return property(lambda isa: made(isa.config), doc=make.__doc__)


@dataclass(frozen=True)
class Isa:
    """The layouts for one configuration."""

    config: AcceleratorConfig

    @property
    def address_bits(self) -> int:
        """Bits of a word address within a bank."""
        return ceil_log2(self.config.bank_words)

    @_made_once
    def location(self) -> data.StructLayout:
        """A word anywhere in memory."""
        return data.StructLayout({"address": self.address_bits, "bank": 1})

    @_made_once
    def pointer(self) -> data.StructLayout:
        """Where a chunk is: a word of memory or, if ``flash`` is set, a unit of the flash's image,
        whose number has its low bits in ``memory``."""
        if not self.config.flash_lanes:
            return data.StructLayout({"memory": self.location})
        high = max(0, exact_log2(FLASH_IMAGE_LIMIT // FLASH_UNIT) - self.location.size)
        return data.StructLayout({"memory": self.location, "high": high, "flash": 1})

    def pointer_to(self, bank: int, address: int) -> int:
        """The pointer to a word of a bank, or to a byte of ``FLASH`` at which a unit begins."""
        if bank == FLASH:
            assert address % FLASH_UNIT == 0
            return 1 << self.pointer.size - 1 | address // FLASH_UNIT
        return bank << self.address_bits | address

    def pointed_to(self, pointer: int) -> tuple[int, int]:
        """The bank and the address that a pointer means."""
        if self.config.flash_lanes and pointer >> self.pointer.size - 1:
            return FLASH, (pointer & (1 << self.pointer.size - 1) - 1) * FLASH_UNIT
        return pointer >> self.address_bits, pointer & (1 << self.address_bits) - 1

    @_made_once
    def descriptor(self) -> data.StructLayout:
        """One layer."""
        address, coordinate = self.address_bits, COORDINATE_BITS
        blocks = bits_for(max(1, self.config.columns // self.config.rows))
        dma = {"dma": 1} if self.config.flash_lanes else {}  # a DMA transfer, no layer
        # fmt: off
        return data.StructLayout({
            # what follows
            "next": self.pointer.size,        # the pointer to the chunk after this one
            "last": 1,                        # there is none
            "wait": 1,                        # begins when a band of an input is there
            "release": 1,                     # after it a place of the next input is free
            **dma,
            # input
            "broadcast": 1,                   # depthwise: a word for all rows, a byte for a column
            "input_bank": 1,                  # the output is in the other one
            "input_base": address,            # word of position (0, 0), tap (0, 0), block 0
            "input_group_step": blocks,       # words from a group's blocks to the next group's
            "position_inner_step": address,   # words from a position to the next along inner
            "position_outer_step": address,   # words from a run's last position to the next run
            "tap_inner_step": address,        # words from the last block of a tap to the next tap
            "tap_outer_step": address,        # words from a tap run's last block to the next run
            "inner_size_negated": coordinate,  # minus the extent of the input, for padding, modulo
            "outer_size_negated": coordinate,  # the same along outer
            "inner_origin": coordinate,       # taps minus the padding in front, modulo
            "outer_origin": coordinate,       # the same along outer
            "inner_stride": 4,                # input positions from a window to the next
            "outer_stride": 4,                # the same along outer
            "pad": 8,                         # read outside the input: its zero point
            # loops
            "blocks_less_one": 8,             # words of a tap
            "inner_taps_less_one": coordinate - 1,  # taps along inner
            "outer_taps_less_one": coordinate - 2,  # taps along outer
            "run_less_one": coordinate,       # positions along inner, those that fill rows too
            "runs_less_one": coordinate,      # positions along outer
            "groups_less_one": 9,             # groups of output channels
            "weight_words_less_one": self._weight_words_bits,  # memory words of weights in a group
            "shared": 1,                      # all groups use parameters and weights of the first
            # output
            "tie_parity": 1,                  # of tie channels
            "residual": 1,                    # the output's bytes hold an operand
            "maximum": 1,                     # see the flags above
            "lookup_tables": 1,               # see the flags above
            **self._sums,
            **({"pack": 1, "sub_byte": 1} if self.config.number_format.sub_byte else {}),
            "run_filling": self.byte_bits,    # of these, how many only fill rows
            "output_base": address,           # word of the first code
            # The bytes are 0 where a row of the array fills whole words.
            "output_lane": self.byte_bits,    # byte of the word where channel 0 goes
            "output_group_words": blocks,     # from a group's first channel to the next group's
            "output_group_lanes": self.byte_bits,  # bytes in addition to these words
            "output_inner_step": address,     # words from a position to the next along inner
            "output_outer_step": address,     # words from the last position of a run to the next
            "columns_less_one": self.column_bits,  # columns written, broadcast: of a broadcast row
            "last_columns_less_one": self.column_bits,  # of the last group
            "low": 8,                         # clamp, as codes + 128
            "high": 8,                        # the clamp's other end
            **self._broadcast_rows,
        })
        # fmt: on

    @_made_once
    def dma_descriptor(self) -> data.FlexibleLayout:
        """One DMA transfer, on cores with a flash.

        It is as long as a layer's descriptor, and ``dma``, which tells them apart, lies at the same
        bit. The other fields lie where that has fields of the same width.
        """
        layer = self.descriptor
        places = {
            "next": "next",
            "dma": "dma",
            "bank": "input_bank",
            "address": "input_base",
            "words_less_one": "position_outer_step",
        }
        return data.FlexibleLayout(layer.size, {name: layer[at] for name, at in places.items()})

    @property
    def _weight_words_bits(self) -> int:
        """For as many words as half of the weight buffer takes."""
        config = self.config
        return max(12, bits_for(config.weight_rows // 2 * config.words_per_weight_row - 1))

    @property
    def _broadcast_rows(self) -> Mapping[str, int]:
        """What a layer says of broadcast rows, where there are several."""
        if self.config.broadcast_rows == 1:
            return {}
        count = bits_for(self.config.broadcast_rows - 1)
        # fmt: off
        return {
            "output_broadcast_row_step": self.address_bits,  # words between broadcast rows
            "broadcast_rows_less_one": count,       # broadcast rows that are written
            "last_broadcast_rows_less_one": count,  # of the last run
            "stride2_skip": 1,                      # odd rows are not written
        }
        # fmt: on

    @property
    def _sums(self) -> Mapping[str, int]:
        """What a layer says of kept sums, where there are any."""
        if not self.config.keeps_sums:
            return {}
        # fmt: off
        return {
            "keep_sums": 1,                   # 32-bit sums are written, no codes
            "add_sums": 1,                    # to each sum the one that was kept is added
            "sums_base": self.address_bits - exact_log2(self.config.sums_tile_words),  # first tile
        }
        # fmt: on

    @property
    def byte_bits(self) -> int:
        """Bits of the number of a byte in a word."""
        return max(1, ceil_log2(self.config.rows))

    @property
    def column_bits(self) -> int:
        """Bits of the number of a column."""
        return max(1, ceil_log2(self.config.columns))

    @_made_once
    def channel_parameters(self) -> Mapping[str, data.StructLayout]:
        """The parts of an output channel's parameters.

        The lowest bits of an offset are zero and not stored. Both offsets have the same highest
        bits. The divisor is stored in one's complement, as it is subtracted.
        """
        offset = data.StructLayout({"low": OFFSET_BITS - OFFSET_DROPPED_BITS - OFFSET_SHARED_BITS})
        early = {
            "bias": signed(BIAS_BITS),
            "form": len(FORM_SHIFTS),
            "tie": 1,
            "offset_high": OFFSET_SHARED_BITS,
            "divisor_high": DIVISOR_BITS - PARAMETER_BITS,
        }
        return {
            "early": data.StructLayout(early),
            "late": data.StructLayout({"divisor_low": PARAMETER_BITS}),
            "offset": offset,
            "offset_negative": offset,
        }

    @_made_once
    def table_entry(self) -> data.StructLayout:
        """An entry of a layer's lookup tables."""
        return data.StructLayout({"value": signed(ENTRY_BITS)})

    def words(self, layout: data.Layout) -> int:
        """Memory words that a layout takes."""
        return -(-Shape.cast(layout).width // self.config.word_bits)

    @_made_once
    def descriptor_words(self) -> int:
        return self.words(self.descriptor)

    @_made_once
    def channel_parameter_layout(self) -> data.FlexibleLayout:
        """All parameters of a channel, in whole memory words.

        A word has as many parts as it has room for, and a part that is wider than a word has words
        of its own. Both offsets share a memory of the core unless they are written at once, so they
        are in one word, or at the same bits of two.
        """
        width, fields, word, used = self.config.word_bits, {}, 0, 0
        both = (
            self.channel_parameters["offset"].size + self.channel_parameters["offset_negative"].size
        )
        for name, layout in self.channel_parameters.items():
            size = both if name == "offset" and both <= width else layout.size
            if used and used + size > width:
                word, used = word + 1, 0
            fields[name] = data.Field(layout, word * width + used)
            if layout.size > width:
                word += self.words(layout)
            else:
                used += layout.size
        return data.FlexibleLayout((word + bool(used)) * width, fields)

    @_made_once
    def channel_parameter_words(self) -> int:
        """Memory words of a channel."""
        return self.channel_parameter_layout.size // self.config.word_bits

    def group_parameter_words(self, columns: int) -> int:
        """Memory words of the channel parameters of a group of ``columns`` columns."""
        return columns * self.channel_parameter_words

    def table_words(self, residual: bool) -> int:
        """Memory words of a layer's lookup tables, with a residual operand or without."""
        entries = TABLE_ENTRIES + (TABLE_ENTRIES if residual else 1)
        return entries * self.words(self.table_entry)
