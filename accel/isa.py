"""The only thing that compiler and core share: how a program lies in memory.

A program is a chain of *chunks*, one a layer. A chunk is a descriptor, followed by what the layer
streams into the core while it works: for each group of output channels the channel records, then
the weights. The descriptor's ``next`` says where the following chunk is: in memory, or in flash,
from where it is streamed as it lies there.

Between two of them the chain may pass a *copy*, which lies in flash. It is a descriptor with ``copy``
set and, after it, words that go to memory while the next layer works: from word ``input_base`` of
``input_bank`` on, ``position_outer_step + 1`` of them. Of its other fields only ``next`` means
something. Where that layer's chunk is in flash, it lies between the descriptor and the words, which
are copied when all of it has been streamed; one in memory lies in a single bank then. The layer ends
when all of the words are in memory, too.

Everything is made of memory words of ``8 * rows`` bits. A field that is called ``..._less_one``
holds a count minus one.

Meaning of a layer, for group ``g`` of ``columns`` output channels and output position ``p``, which
runs over an ``inner`` and an ``outer`` dimension, inner fastest::

    sum[p, c]  = over outer taps, inner taps, blocks, bytes b:
                 input[address(p) + tap offset + block].byte[b] * weight[step][c]
    biased     = sum + bias[c]
    shifted    = (biased << FRACTION_BITS, or << COARSE_FRACTION_BITS where the record says coarse)
    result     = saturate((shifted + offset[c][biased < 0]) // divisor[c])
    code[p, c] = clamp(result, low, high)

where a result is a code + 128, saturated to 0..255, and in a channel with ``tie`` is rounded half to
even as `numeric.division` says, with the layer's ``tie_parity``. The last line is different with

=======  =========================================================================================
flag     code
=======  =========================================================================================
residual an operand ``old`` is what the code's byte of memory holds before, plus 128; else it is 0
maximum  ``clamp(max(result, old), low, high)``
lookup_tables  ``clamp((first[result] + second[old]) >> fraction, low, high)``, where ``first``
         and ``second`` lie between descriptor and groups: 256 entries of ``first``, then of ``second``
         256, or 1 where there is no second operand; see `numeric.elementwise.lookup_tables`. Not with ``maximum``
pack     ``clamp(result, low, high)`` in the upper bits of the byte, as many as the number format's
         narrow values have; below them what the byte held there, or 0. Not with the others
=======  =========================================================================================

In a ``narrow`` layer a byte of the input and one of the weights hold several values each, and count as
the sum of their products, see `numeric.formats.SubByte`. Only number formats that have narrow values have
these two flags.

A tap that falls outside the input reads ``pad``. A ``broadcast`` layer is depthwise: column
``c`` takes byte ``c`` of the word, and a step is one tap. There, rows are neighbouring positions
along the inner dimension, and the taps of row ``r`` come ``r`` steps late, so the last ``rows - 1``
of each run of inner taps are idle: nothing is multiplied, and no weights are stored for them. A
tile has at least ``rows`` steps, in which the rows take their positions one after another: always so
in other layers, but a ``halved`` one of a single tap would have one less.

Where columns are several times the rows, each ``rows`` of them are a *line*, whose codes fill a word:
line ``l`` goes ``l`` times ``output_broadcast_row_step`` words on, in a dense layer one word. In a
broadcast layer column ``c`` takes byte ``c % rows``, so lines are lines of output positions, with
the same taps after some more that are zero. Of the last run's lines only some may be written.
There, ``halved`` leaves out every other position, for inner strides of 2: odd rows are not written,
only after them does the place step on, and a run of inner taps has ``rows - 2`` idle ones.
``rows`` is even then, and runs are whole tiles.

Records are stored for the columns that are written, not for those after them; of a broadcast layer
for those of one line, as all have the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from amaranth.hdl import signed
from amaranth.lib import data
from amaranth.utils import bits_for, ceil_log2, exact_log2

from .config import FLASH, AcceleratorConfig
from .numeric.division.division import BIAS_BITS, DIVISOR_BITS, OFFSET_BITS, OFFSET_DROPPED_BITS
from .numeric.elementwise.lookup_tables import ENTRY_BITS
from .protocol import FLASH_IMAGE_LIMIT

COORDINATE_BITS = 10
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
        """Where a chunk is: a word of memory or, if ``flash`` is set, a unit of the flash's image, of
        whose number ``memory`` has the low bits."""
        if not self.config.flash_lanes:
            return data.StructLayout({"memory": self.location})
        high = max(0, exact_log2(FLASH_IMAGE_LIMIT // FLASH_UNIT) - self.location.size)
        return data.StructLayout({"memory": self.location, "high": high, "flash": 1})

    def pointer_to(self, bank: int, address: int) -> int:
        """The pointer to a word of a bank, or to a byte of the bank ``FLASH``, where a unit begins."""
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
        copy = {"copy": 1} if self.config.flash_lanes else {}  # this is no layer
        # fmt: off
        return data.StructLayout({
            # what follows
            "next": self.pointer.size,        # the pointer to the chunk after this one
            "last": 1,                        # there is none
            **copy,
            # input
            "broadcast": 1,                   # depthwise: a word goes to all rows, a byte to a column
            "input_bank": 1,                  # the output is in the other one
            "input_base": address,            # word of position (0, 0), tap (0, 0), block 0
            "input_group_step": blocks,       # words from a group's blocks to the next group's
            "position_inner_step": address,   # words from a position to the next along inner
            "position_outer_step": address,   # words from the last position of a run to the next run
            "tap_inner_step": address,        # words from the last block of a tap to the next tap
            "tap_outer_step": address,        # words from the last block of a tap run to the next run
            "inner_size": coordinate,         # extent of the input, for padding
            "outer_size": coordinate,        # the same along outer
            "inner_origin": coordinate,       # taps minus the padding in front, modulo
            "outer_origin": coordinate,      # the same along outer
            "inner_stride": 4,                # input positions from a window to the next
            "outer_stride": 4,                # the same along outer
            "pad": 8,                         # read outside the input: its zero point
            # loops
            "blocks_less_one": 8,             # words of a tap
            "inner_taps_less_one": coordinate - 1,  # taps along inner
            "outer_taps_less_one": coordinate - 2,  # taps along outer
            "run_less_one": coordinate,       # positions along inner, those that only fill rows too
            "runs_less_one": coordinate,      # positions along outer
            "groups_less_one": 9,             # groups of output channels
            "weight_words_less_one": self._weight_words_bits,  # memory words of weights in a group
            "shared": 1,                      # all groups use the records and weights of the first
            # output
            "tie_parity": 1,                  # of tie channels
            "residual": 1,                      # combine with what the output's place holds
            "maximum": 1,                     # see the flags above
            "lookup_tables": 1,                      # see the flags above
            **({"pack": 1, "sub_byte": 1} if self.config.number_format.sub_byte else {}),
            "run_filling": self.lane_bits,    # of these, how many only fill rows
            "output_base": address,           # word of the first code
            # The lanes are 0 where a row of the array fills whole words.
            "output_lane": self.lane_bits,    # byte of the word where channel 0 goes
            "output_group_words": blocks,     # from a group's first channel to the next group's
            "output_group_lanes": self.lane_bits,  # bytes that go with these words
            "output_inner_step": address,     # words from a position to the next along inner
            "output_outer_step": address,     # words from the last position of a run to the next
            "columns_less_one": self.column_bits,  # columns that are written, broadcast: of a line
            "last_columns_less_one": self.column_bits,  # of the last group
            "low": 8,                         # clamp, as codes + 128
            "high": 8,                        # the clamp's other end
            **self._broadcast_rows,
        })
        # fmt: on

    @property
    def _weight_words_bits(self) -> int:
        """For as many words as half of the weight buffer takes."""
        config = self.config
        return max(12, bits_for(config.weight_rows // 2 * config.words_per_weight_row - 1))

    @property
    def _broadcast_rows(self) -> Mapping[str, int]:
        """What a layer says of lines, where there are several."""
        if self.config.broadcast_rows == 1:
            return {}
        count = bits_for(self.config.broadcast_rows - 1)
        # fmt: off
        return {
            "output_broadcast_row_step": self.address_bits,  # words from a line of columns to the next
            "broadcast_rows_less_one": count,          # lines that are written
            "last_broadcast_rows_less_one": count,     # of the last run
            "stride2_skip": 1,                      # odd rows are not written
        }
        # fmt: on

    @property
    def lane_bits(self) -> int:
        return max(1, ceil_log2(self.config.rows))

    @property
    def column_bits(self) -> int:
        return max(1, ceil_log2(self.config.columns))

    @_made_once
    def channel_parameters(self) -> Mapping[str, data.StructLayout]:
        """The parts of an output channel's record, in the order in which they are needed.

        Offsets lack their lowest, zero bits; the last of the others goes with the divisor, so that
        what the sum's sign chooses from has 32 bits.
        """
        offset = data.StructLayout({"high": OFFSET_BITS - OFFSET_DROPPED_BITS - 1})
        return {
            "early": data.StructLayout({"bias": signed(BIAS_BITS), "coarse": 1, "tie": 1}),
            "late": data.StructLayout({"divisor": DIVISOR_BITS, "low": 1, "low_negative": 1}),
            "offset": offset,
            "offset_negative": offset,
        }

    @_made_once
    def table_entry(self) -> data.StructLayout:
        """An entry of the tables of a layer that combines two operands."""
        return data.StructLayout({"value": signed(ENTRY_BITS)})

    def words(self, layout: data.Layout) -> int:
        """Memory words that a layout takes."""
        return -(-layout.size // self.config.word_bits)

    @_made_once
    def descriptor_words(self) -> int:
        return self.words(self.descriptor)

    @_made_once
    def channel_parameter_layout(self) -> data.FlexibleLayout:
        """A channel's whole record: a word has as many parts as it has room for, and a part that is
        wider than a word has words of its own. The offsets share a memory of the core unless they are
        written at once, so both are in one word or at the same place of two."""
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
        """Memory words of the lookup tables of a layer that has some, with a residual operand or not."""
        entries = TABLE_ENTRIES + (TABLE_ENTRIES if residual else 1)
        return entries * self.words(self.table_entry)
