"""A layer as the functional machine computes it: sums, codes, and the addresses that they go to."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from accel.compiler.ir.descriptor import Descriptor
from accel.compiler.ir.kept_sums import KeptSums
from accel.config import AcceleratorConfig
from accel.isa import Isa
from accel.numeric.division.division import Division
from accel.numeric.elementwise import lookup_tables as table_pairs
from accel.numeric.formats import SubByte

from .requantize import Requantizer

POISON = 0xA5  # what undefined bytes become


class IllegalProgram(Exception):
    """A program asks for something that the core does not define."""


@dataclass(frozen=True, eq=False)
class DecodedLayer:
    """A chunk, decoded once: index tables instead of address generators.

    ``reads`` are byte addresses within the input bank, -1 for padding, of one group: ``[positions,
    steps]`` for dense layers; for broadcast ones ``[tiles, steps]``, of words. ``writes`` are byte
    addresses within the output bank, ``[groups, positions, columns]``, -1 for nothing. ``kept`` are
    the sums that are kept or added to, with byte addresses within that bank.
    """

    config: AcceleratorConfig
    descriptor: Descriptor
    weights: np.ndarray
    division: Division
    reads: np.ndarray
    writes: np.ndarray
    lookup_tables: tuple[np.ndarray, np.ndarray] | None
    kept: KeptSums | None = None

    @property
    def chunk_bytes(self) -> int:
        """How much of memory or flash the chunk takes."""
        isa, f = Isa(self.config), self.descriptor
        words = isa.descriptor_words + f.table_words(isa) + len(self.weights) * f.group_words(isa)
        return words * self.config.rows

    @property
    def has_post_op(self) -> bool:
        """Whether results go through tables or meet an operand; else the division clamps them."""
        f = self.descriptor
        return bool(f.maximum or f.lookup_tables or f.pack)

    @cached_property
    def sub_byte(self) -> SubByte | None:
        """What the bytes of input and weights hold, where they hold several values each."""
        return self.config.number_format.sub_byte if self.descriptor.sub_byte else None

    @cached_property
    def product_type(self) -> type:
        """A type in which all sums are exact: float32 up to 2**24, float64 up to 2**53.

        An integer type where products are looked up.
        """
        if not self.config.number_format.exact:
            return np.int64
        largest = int(np.abs(self.weights).sum(axis=1).max(initial=0)) * 128
        return np.float32 if largest < 1 << 24 else np.float64

    @cached_property
    def operand(self) -> np.ndarray:
        """The weights as operands of matrix products, or their codes where products are looked
        up."""
        w = self._late(self.weights.astype(self.product_type))
        return w if self.config.number_format.exact else self.config.number_format.encode(w)

    def _late(self, w: np.ndarray) -> np.ndarray:
        """Weights ``[groups, steps, columns]`` as matrices that activations are multiplied by."""
        if not self.descriptor.broadcast:
            return w
        # Row r meets the weights r steps late: [groups, columns, steps, rows].
        rows, (groups, steps, columns) = self.config.rows, w.shape
        late = np.zeros((groups, columns, steps, rows), w.dtype)
        for r in range(rows):
            late[:, :, r:, r] = w[:, : steps - r].transpose(0, 2, 1)
        return late

    def run(self, memory: np.ndarray) -> None:
        """Compute the layer in ``memory``, uint8 ``[N, banks, bytes]``, in place."""
        f = self.descriptor
        source = memory[:, f.input_bank].view(np.int8)
        target = memory[:, 1 - f.input_bank]
        groups = f.groups
        if f.broadcast:
            sums = self._broadcast_sums(source, groups)
        else:
            sums = self._dense_sums(source, groups)
        if f.add_sums:
            sums = self._added(sums, target)
        if f.keep_sums:
            self._keep(sums, target)
            return
        codes = self.requantizer.compute(sums).reshape(len(memory), -1)
        results, places = self.stored
        if results is not None:
            codes = np.take(codes, results, axis=1)
        if self.has_post_op:
            codes = self._post_op(codes.view(np.int8), target[:, places])
        target[:, places] = codes

    @property
    def _results(self) -> tuple[KeptSums, np.ndarray]:
        """The kept sums, and their indices among the sums ``[groups, positions, columns]``."""
        kept, f, rows = self.kept, self.descriptor, self.config.rows
        assert kept is not None, "only layers of wide sums come here"
        group, place = np.divmod(kept.indices, f.tiles(rows) * rows * self.config.columns)
        return kept, group * f.positions * self.config.columns + place

    def _added(self, sums: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Sums with those that were kept, int64; of those that are no results, 0."""
        kept, indices = self._results
        total = np.zeros(sums.shape, np.int64)
        flat = total.reshape(len(sums), -1)
        flat[:, indices] = sums.reshape(len(sums), -1)[:, indices].astype(np.int64)
        flat[:, indices] += kept.read(target)
        return _wrapped(total)

    def _keep(self, sums: np.ndarray, target: np.ndarray) -> None:
        """Write biased sums to memory; poison where they are no results."""
        kept, indices = self._results
        f, rows, config = self.descriptor, self.config.rows, self.config
        first = f.sums_base * config.sums_tile_words * rows
        target[:, first : first + kept.words * rows] = POISON
        biased = _wrapped(sums.astype(np.int64) + self.division.bias)
        values = biased.reshape(len(sums), -1)[:, indices].astype("<i4")
        target[:, kept.bytes] = values[..., None].view(np.uint8)

    @cached_property
    def requantizer(self) -> Requantizer:
        return Requantizer(self.division)

    @cached_property
    def stored(self) -> tuple[np.ndarray | None, np.ndarray]:
        """Indices of the results that are stored, ``None`` for all, and the byte addresses of
        these."""
        writes = self.writes.reshape(-1)
        results = np.flatnonzero(writes >= 0)
        return (None if len(results) == len(writes) else results), writes[results]

    def _post_op(self, results: np.ndarray, old: np.ndarray) -> np.ndarray:
        """Bytes to store, from results -128..127 and from what their places hold."""
        f = self.descriptor
        old = old.view(np.int8)
        if f.maximum:
            results = np.maximum(results, old)
        if self.lookup_tables is not None:
            first, residual = self.lookup_tables
            total = first[results + np.int64(128)]
            total = total + (residual[old + np.int64(128)] if f.residual else residual[0])
            results = (total >> table_pairs.FRACTION_BITS) - 128
        codes = np.clip(results, f.low, f.high).astype(np.int8).view(np.uint8)
        if f.pack:
            number = self.config.number_format
            assert number.sub_byte is not None, "only such formats have layers that pack"
            bits = number.sub_byte.bits
            held = old.view(np.uint8) >> bits if f.residual else np.uint8(0)
            codes = held | codes << 8 - bits
        return codes

    def _multiply(self, x: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Sums of products of activations ``[..., positions, steps]`` with `operand`, or part of
        it."""
        number = self.config.number_format
        if self.sub_byte:
            x, w = (self.sub_byte.unpack(values.astype(np.int64)) for values in (x, w))
            x = x.reshape(*x.shape[:-2], -1).astype(self.product_type)
            w = np.moveaxis(w, -1, -2).reshape(*w.shape[:-3], -1, w.shape[-2])
            return x @ w.astype(self.product_type)
        if number.exact:
            return x @ w
        table = number.table().ravel()
        row = (x & (1 << number.activation_bits) - 1) << number.weight_bits
        column = w & (1 << number.weight_bits) - 1
        shape = np.broadcast_shapes(x.shape[:-2], w.shape[:-2])
        sums = np.zeros((*shape, x.shape[-2], w.shape[-1]), np.int64)
        for step in range(x.shape[-1]):
            sums += table[row[..., step, None] | column[..., step, None, :]]
        return sums

    def _fetch(self, source: np.ndarray, byte: np.ndarray) -> np.ndarray:
        """The bytes at some addresses, -1 for padding, as numbers for products."""
        values: np.ndarray = np.take(source, byte, axis=1, mode="wrap").astype(self.product_type)
        padding = np.flatnonzero(byte < 0)
        if len(padding):
            values.reshape(len(values), -1)[:, padding] = np.uint8(self.descriptor.pad).view(
                np.int8
            )
        return values

    def _dense_sums(self, source: np.ndarray, groups: int) -> np.ndarray:
        """Raw sums ``[N, groups, positions, columns]``."""
        f, step = self.descriptor, self.descriptor.input_group_step * self.config.rows
        w = self.operand
        if step == 0:
            x = self._fetch(source, self.reads)
            flat = w.transpose(1, 0, 2).reshape(w.shape[1], -1)
            sums = self._multiply(x, flat).reshape(*x.shape[:2], len(w), -1).transpose(0, 2, 1, 3)
            return np.broadcast_to(sums, (len(sums), groups, *sums.shape[2:]))
        parts = []
        for g in range(groups):
            byte = np.where(self.reads >= 0, self.reads + g * step, -1)
            parts.append(self._multiply(self._fetch(source, byte), w[0 if f.shared else g]))
        return np.stack(parts, axis=1)

    def _broadcast_sums(self, source: np.ndarray, groups: int) -> np.ndarray:
        """Raw sums ``[N, groups, positions, columns]``."""
        f, rows, columns = self.descriptor, self.config.rows, self.config.columns
        tiles = len(self.reads)
        group = np.arange(groups)[:, None] * f.input_group_step * rows
        lane = group + np.arange(columns) % rows
        byte = lane[:, :, None, None] + self.reads  # [groups, columns, tiles, steps]
        x = self._fetch(source, np.where(self.reads >= 0, byte, -1))
        sums = self._multiply(x, self.operand)  # [N, groups, columns, tiles, rows]
        sums = sums.transpose(0, 1, 3, 4, 2).reshape(len(x), groups, tiles * rows, columns)
        return sums[:, :, : f.positions]


def _wrapped(values: np.ndarray) -> np.ndarray:
    """Values modulo 2**32, signed, as int64."""
    return (values + (1 << 31) & (1 << 32) - 1) - (1 << 31)
