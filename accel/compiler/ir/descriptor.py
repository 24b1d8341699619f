"""A layer's descriptor as plain counts and flags; only here are they turned into encoded fields.

`Isa.descriptor` says how the fields lie in memory. There a count is stored as ``..._less_one``, an
extent as ``..._negated``, which spares the core a complement, and the clamp as codes + 128; the
classes here have the counts, the extents and the codes themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from amaranth.lib import data

from ...config import AcceleratorConfig
from ...isa import COORDINATE_BITS, Isa
from .bit_fields import decode, encode

_CODE_OFFSET = 128  # of the clamp's encoded ends
_LESS_ONE = "_less_one"
_NEGATED = "_negated"


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """What a layer of the core does, as one command says it.

    Names are those of `Isa.descriptor`, where each is explained. ``low`` and ``high`` are codes
    from -128 to 127. Addresses of a command that is not linked yet are relative to its tensors.
    Addresses, steps, coordinates and ``pad`` are encoded modulo their widths, and come back
    unsigned. Fields from ``dma`` on exist only in some configurations; elsewhere they keep their
    defaults.
    """

    next: int = 0
    last: bool = False
    wait: bool = False
    release: bool = False
    broadcast: bool = False
    input_bank: int = 0
    input_base: int = 0
    input_group_step: int = 0
    position_inner_step: int = 0
    position_outer_step: int = 0
    tap_inner_step: int = 0
    tap_outer_step: int = 0
    inner_size: int = 1
    outer_size: int = 1
    inner_origin: int = 1
    outer_origin: int = 1
    inner_stride: int = 0
    outer_stride: int = 0
    pad: int = 0
    blocks: int = 1
    inner_taps: int = 1
    outer_taps: int = 1
    run: int = 1
    runs: int = 1
    groups: int = 1
    weight_words: int = 1
    shared: bool = False
    tie_parity: int = 0
    residual: bool = False
    maximum: bool = False
    lookup_tables: bool = False
    run_filling: int = 0
    output_base: int = 0
    output_lane: int = 0
    output_group_words: int = 0
    output_group_lanes: int = 0
    output_inner_step: int = 0
    output_outer_step: int = 0
    columns: int = 1
    last_columns: int = 1
    low: int = -128
    high: int = 127
    dma: bool = False
    pack: bool = False
    sub_byte: bool = False
    output_broadcast_row_step: int = 0
    broadcast_rows: int = 1
    last_broadcast_rows: int = 1
    stride2_skip: bool = False
    keep_sums: bool = False
    add_sums: bool = False
    sums_base: int = 0

    @property
    def positions(self) -> int:
        """Output positions that the tiles walk, those that only fill rows of the array included."""
        return self.run * self.runs

    @property
    def valid_run(self) -> int:
        """Positions of a run, those that only fill rows left out."""
        return self.run - self.run_filling

    @property
    def skip(self) -> int:
        """Positions of a run to one that is stored: 2 with a stride-2 skip, else 1."""
        return 2 if self.stride2_skip else 1

    @property
    def sums(self) -> bool:
        """Whether sums are kept, or added to sums that were."""
        return self.keep_sums or self.add_sums

    @property
    def output_rows(self) -> tuple[int, int]:
        """Output rows that a run of tiles computes, and that the last run does.

        They are 1 unless the layer broadcasts.
        """
        return (self.broadcast_rows, self.last_broadcast_rows) if self.broadcast else (1, 1)

    @property
    def parameter_groups(self) -> int:
        """Groups of channel parameters and weights in the stream."""
        return 1 if self.shared else self.groups

    @property
    def written_columns(self) -> int:
        """Output channels of all groups together, or of one output row if the layer broadcasts."""
        return (self.groups - 1) * self.columns + self.last_columns

    def tiles(self, rows: int) -> int:
        """Tiles of a group, on an array of so many rows."""
        return -(-self.positions // rows)

    def steps(self, rows: int) -> int:
        """Reduction steps of a tile, which are cycles."""
        return self.inner_taps * self.outer_taps * self.blocks * (1 if self.broadcast else rows)

    def tile_cycles(self, config: AcceleratorConfig) -> int:
        """Cycles in which the results of a tile leave the array."""
        return config.tile_cycles(self.residual, self.sums)

    def table_words(self, isa: Isa) -> int:
        """Memory words of the lookup tables."""
        return isa.table_words(self.residual or self.add_sums) if self.lookup_tables else 0

    def parameter_words(self, isa: Isa) -> int:
        """Memory words of the channel parameters of a group."""
        return isa.group_parameter_words(self.columns)

    def group_words(self, isa: Isa) -> int:
        """Memory words that the stream has for a group: channel parameters, then weights."""
        return self.parameter_words(isa) + self.weight_words

    def of_groups(self, first: int, end: int, config: AcceleratorConfig) -> "Descriptor":
        """The descriptor that computes the groups from ``first`` up to ``end`` alone."""
        lanes = self.output_lane + first * self.output_group_lanes
        word, lane = divmod(lanes, config.rows)
        return replace(
            self,
            groups=end - first,
            input_base=self.input_base + first * self.input_group_step,
            output_base=self.output_base + first * self.output_group_words + word,
            sums_base=self.sums_base + (first * self.tiles(config.rows) if self.sums else 0),
            output_lane=lane,
            last_columns=self.last_columns if end == self.groups else self.columns,
        )

    def of_runs(self, first: int, end: int) -> "Descriptor":
        """The descriptor that computes the runs from ``first`` up to ``end`` alone: the positions
        along the outer dimension, or several of these each in a layer that broadcasts."""
        read = self.position_outer_step + (self.run - 1) * self.position_inner_step
        stored = -(-self.run // self.skip)
        written = self.output_outer_step + (stored - 1) * self.output_inner_step
        return replace(
            self,
            runs=end - first,
            input_base=self.input_base + first * read,
            outer_origin=self.outer_origin + first * self.outer_stride,
            output_base=self.output_base + first * written,
            last_broadcast_rows=(
                self.last_broadcast_rows if end == self.runs else self.broadcast_rows
            ),
        )

    def encoded(self) -> dict[str, int]:
        """Every field as `Isa.descriptor` stores it, by its name there."""
        return {
            encoded: sign * int(getattr(self, name)) + offset
            for name, encoded, sign, offset in _ENCODINGS
        }

    @classmethod
    def decoded(cls, values: Mapping[str, int]) -> "Descriptor":
        """The inverse of `encoded`, from the fields that a configuration has."""
        found: dict[str, Any] = {}
        for name, encoded, sign, offset in _ENCODINGS:
            if encoded in values:
                value = sign * (values[encoded] - offset)
                found[name] = bool(value) if name in _FLAGS else value
        return cls(**found)

    def to_bytes(self, isa: Isa) -> bytes:
        """The descriptor as it lies in memory: whole words."""
        return _to_bytes(isa.descriptor, self.encoded(), isa)

    @classmethod
    def from_bytes(cls, chunk: bytes, isa: Isa) -> "Descriptor":
        """The descriptor that a chunk begins with."""
        return cls.decoded(_from_bytes(isa.descriptor, chunk, isa))


_COUNTS = {
    *("blocks", "inner_taps", "outer_taps", "run", "runs", "groups", "weight_words"),
    *("columns", "last_columns", "broadcast_rows", "last_broadcast_rows"),
}
_FLAGS = {field.name for field in fields(Descriptor) if field.type is bool}


_EXTENTS = {"inner_size", "outer_size"}


def _encoding(name: str) -> tuple[str, str, int, int]:
    """A field, its name in the layout, its sign there, and how much more is stored."""
    if name in _COUNTS:
        return name, f"{name}{_LESS_ONE}", 1, -1
    if name in _EXTENTS:
        return name, f"{name}{_NEGATED}", -1, 1 << COORDINATE_BITS
    return name, name, 1, _CODE_OFFSET if name in ("low", "high") else 0


_ENCODINGS = tuple(_encoding(field.name) for field in fields(Descriptor))


@dataclass(frozen=True, kw_only=True)
class TransferDescriptor:
    """One DMA transfer, before its words: from flash to memory while the next layer works.

    `Isa.dma_descriptor` says how the fields lie in memory.

    Parameters
    ----------
    next
        The pointer to the layer's chunk, as `Isa.pointer_to` gives it.
    bank, address
        The word of memory that the first word is copied to.
    words
        How many are copied.
    """

    next: int
    bank: int
    address: int
    words: int

    def to_bytes(self, isa: Isa) -> bytes:
        """The descriptor as it lies in flash: whole words."""
        values = {
            "dma": 1,
            "next": self.next,
            "bank": self.bank,
            "address": self.address,
            "words_less_one": self.words - 1,
        }
        return _to_bytes(isa.dma_descriptor, values, isa)

    @classmethod
    def from_bytes(cls, chunk: bytes, isa: Isa) -> "TransferDescriptor | None":
        """The transfer that a chunk begins with; None where it begins with a layer."""
        if not _from_bytes(isa.descriptor, chunk, isa).get("dma"):
            return None
        values = _from_bytes(isa.dma_descriptor, chunk, isa)
        return cls(
            next=values["next"],
            bank=values["bank"],
            address=values["address"],
            words=values["words_less_one"] + 1,
        )


def _to_bytes(layout: data.Layout, values: Mapping[str, int], isa: Isa) -> bytes:
    return encode(layout, values).to_bytes(isa.descriptor_words * isa.config.rows, "little")


def _from_bytes(layout: data.Layout, chunk: bytes, isa: Isa) -> dict[str, int]:
    size = isa.descriptor_words * isa.config.rows
    return decode(layout, int.from_bytes(chunk[:size], "little"))
