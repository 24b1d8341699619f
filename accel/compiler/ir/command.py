"""A layer as the core takes it, but for the addresses of its tensors."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from amaranth.lib import data

from ...config import AcceleratorConfig
from ...isa import Isa
from ...numeric.division.division import DIVISOR_BITS, OFFSET_DROPPED_BITS, Division
from .layer import PostOp


@dataclass(frozen=True)
class Inexact:
    """An output channel that no division makes equal to its contract.

    Of the ``sums`` that its weights and any input can give, ``differing`` lead to another code, which
    is at most so many ``codes`` away. ``channel`` is that of the output tensor.
    """

    channel: int
    differing: int
    sums: int
    codes: int = 1

    def __str__(self) -> str:
        return f"channel {self.channel} at {self.differing:,} of {self.sums:,} sums"


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerCommand:
    """One layer's descriptor and stream.

    Parameters
    ----------
    name, node, source, output, macs
        As in `Convolution`.
    mode
        ``dense``, ``grouped`` or ``broadcast``: how the schedule uses the array.
    fields
        The descriptor's, with addresses relative to the tensors; without chunk links.
    division
        The records, of all output channels in order, or of one where all share it.
    channels
        int64 ``[groups, columns]``: output channel of each column, -1 for none.
    weights
        int64 ``[groups, steps, columns]``.
    combination
        What becomes of the codes.
    inexact
        Channels whose division is the closest there is, but not the contract.
    """

    name: str
    node: str
    source: str
    output: str
    macs: int
    mode: str
    fields: Mapping[str, int]
    division: Division
    channels: np.ndarray
    weights: np.ndarray
    post_op: PostOp | None = None
    inexact: tuple[Inexact, ...] = ()

    @property
    def residual(self) -> str | None:
        """The tensor whose place in memory the output takes, if any."""
        return self.post_op.residual if self.post_op else None

    @property
    def groups(self) -> int:
        return self.fields["groups_less_one"] + 1

    @property
    def steps(self) -> int:
        """Reduction steps, which are cycles, of a tile."""
        return self.weights.shape[1]


def fields_of_groups(
    fields: Mapping[str, int], first: int, end: int, config: AcceleratorConfig
) -> dict[str, int]:
    """The fields of a layer of some of another one's groups, from ``first`` up to ``end``."""
    lanes = fields["output_lane"] + first * fields["output_group_lanes"]
    whole = end == fields["groups_less_one"] + 1
    word, lane = divmod(lanes, config.rows)
    return {
        **fields,
        "groups_less_one": end - first - 1,
        "input_base": fields["input_base"] + first * fields["input_group_step"],
        "output_base": fields["output_base"] + first * fields["output_group_words"] + word,
        "output_lane": lane,
        "last_columns_less_one": fields[f"{'last_' if whole else ''}columns_less_one"],
    }


def cut(command: LayerCommand, first: int, groups: int, config: AcceleratorConfig) -> LayerCommand:
    """The command that computes ``groups`` of another one's groups, from ``first`` on."""
    end = first + groups
    if (first, end) == (0, command.groups) or command.fields["shared"]:
        return command
    return replace(
        command,
        name=f"{command.name}_from{first}" if first else command.name,
        macs=0 if first else command.macs,
        fields=fields_of_groups(command.fields, first, end, config),
        channels=command.channels[first:end],
        weights=command.weights[first:end],
        inexact=() if first else command.inexact,
    )


def positions(fields: Mapping[str, int]) -> int:
    """Output positions that a layer's tiles walk, those that only fill rows included."""
    return (fields["run_less_one"] + 1) * (fields["runs_less_one"] + 1)


def broadcast_rows(fields: Mapping[str, int]) -> tuple[int, int]:
    """Lines of output positions that a run of tiles computes, and that the last run does."""
    if not fields["broadcast"]:
        return 1, 1
    return fields.get("broadcast_rows_less_one", 0) + 1, fields.get(
        "last_broadcast_rows_less_one", 0
    ) + 1


def stride2_skip(fields: Mapping[str, int]) -> bool:
    """Whether every other position of a run is left out."""
    return bool(fields.get("stride2_skip", 0))


def encode(layout: data.Layout, values: Mapping[str, int | Mapping[str, int]]) -> int:
    """Pack field values, each reduced modulo its width, as ``layout`` lays them out."""
    packed = 0
    for name, field in layout:
        value = values[name]
        if isinstance(value, Mapping):
            value = encode(field.shape, value)
        packed |= (int(value) & (1 << field.width) - 1) << field.offset
    return packed


def decode(layout: data.Layout, packed: int) -> dict[str, int | dict[str, int]]:
    """The inverse of `encode`; fields of a signed shape come back signed."""
    values = {}
    for name, field in layout:
        value = packed >> field.offset & (1 << field.width) - 1
        if isinstance(field.shape, data.Layout):
            value = decode(field.shape, value)
        elif getattr(field.shape, "signed", False) and value >> field.width - 1:
            value -= 1 << field.width
        values[name] = value
    return values


def pack_stream(command: LayerCommand, config: AcceleratorConfig) -> bytes:
    """What a layer streams: its tables, then for each group the records of its columns and its
    weights."""
    records = _pack_parameters(command, config)
    weights = pack_weights(stored_weights(command.weights, command.fields, config), config)
    groups = command.weights.shape[0]
    return _pack_tables(command, config) + b"".join(records[g] + weights[g] for g in range(groups))


def _pack_tables(command: LayerCommand, config: AcceleratorConfig) -> bytes:
    if command.post_op is None or command.post_op.lookup_tables is None:
        return b""
    isa = Isa(config)
    entries = np.concatenate(command.post_op.lookup_tables).tolist()
    return b"".join(_words(isa, isa.table_entry, {"value": value}) for value in entries)


def stream_words(command: LayerCommand, config: AcceleratorConfig) -> int:
    """Memory words of what `pack_stream` packs."""
    isa = Isa(config)
    group = isa.group_parameter_words(command.fields) + group_weight_words(command, config)
    return isa.table_words(command.fields) + len(command.weights) * group


def group_weight_words(command: LayerCommand, config: AcceleratorConfig) -> int:
    """Memory words of a group's weights."""
    steps = np.count_nonzero(stored_steps(command.fields, command.steps, config.rows))
    return -(-int(steps) // config.steps_per_weight_row) * config.words_per_weight_row


def _pack_parameters(command: LayerCommand, config: AcceleratorConfig) -> list[bytes]:
    """The records of each group's columns; a column without a channel has one that gives 0."""
    isa, division = Isa(config), command.division
    count = len(division.bias)
    offsets = [division.offset, division.offset_negative]
    low, low_negative = (np.append(o, 0) >> OFFSET_DROPPED_BITS for o in offsets)
    values = {
        ("early", "bias"): np.append(division.bias, 0),
        ("early", "coarse"): np.append(division.coarse, 0),
        ("early", "tie"): np.append(np.broadcast_to(division.tie, count), 0),
        ("late", "divisor"): np.append(division.divisor, (1 << DIVISOR_BITS) - 1),
        ("late", "low"): low & 1,
        ("late", "low_negative"): low_negative & 1,
        ("offset", "high"): low >> 1,
        ("offset_negative", "high"): low_negative >> 1,
    }
    packed = _bits(isa.channel_parameter_layout, values, count + 1)
    used = command.channels[:, : command.fields["columns_less_one"] + 1]
    return [row.tobytes() for row in packed[used]]  # the last of them is that of channel -1


def _bits(
    layout: data.Layout, values: Mapping[tuple[str, str], np.ndarray], count: int
) -> np.ndarray:
    """``count`` rows of bytes, whole words, with integers laid out as parts of ``layout`` have them."""
    bits = np.zeros((count, layout.size), np.uint8)
    for (part, name), integers in values.items():
        field = layout[part].shape[name]
        first = layout[part].offset + field.offset
        each = np.asarray(integers, np.int64)[:, None] >> np.arange(field.width)
        bits[:, first : first + field.width] = each & 1
    return np.packbits(bits, axis=-1, bitorder="little")


def _words(isa: Isa, layout: data.Layout, values: Mapping[str, int | Mapping[str, int]]) -> bytes:
    return encode(layout, values).to_bytes(isa.words(layout) * isa.config.rows, "little")


def stored_weights(
    weights: np.ndarray, fields: Mapping[str, int], config: AcceleratorConfig
) -> np.ndarray:
    """Weights ``[groups, steps, columns]`` without those of idle steps."""
    return weights[:, stored_steps(fields, weights.shape[1], config.rows)]


def stored_steps(fields: Mapping[str, int], steps: int, rows: int) -> np.ndarray:
    """Which of a tile's steps have weights, bool ``[steps]``: see `isa` of broadcast layers."""
    inner = np.arange(steps) % (fields["inner_taps_less_one"] + 1)
    first_idle = fields["inner_taps_less_one"] + 2 - rows + stride2_skip(fields)
    return ~(bool(fields["broadcast"]) & (inner >= first_idle))


def pack_weights(weights: np.ndarray, config: AcceleratorConfig) -> list[bytes]:
    """Pack ``[groups, steps, columns]`` weights at their width into rows of the weight buffer."""
    groups, steps, _ = weights.shape
    width = config.number_format.weight_bits
    per_row, row_bits = config.steps_per_weight_row, config.words_per_weight_row * config.word_bits
    rows = -(-steps // per_row)
    codes = config.number_format.encode(weights)
    fields = np.ascontiguousarray(codes, np.int32).view(np.uint8)
    bits = np.unpackbits(fields.reshape(groups, steps, -1, 4), axis=-1, bitorder="little")
    bits = bits[..., :width].reshape(groups, steps, -1)
    padded = np.zeros((groups, rows * per_row, config.step_bits), np.uint8)
    padded[:, :steps] = bits
    wide = np.zeros((groups, rows, row_bits), np.uint8)
    wide[..., : per_row * config.step_bits] = padded.reshape(groups, rows, -1)
    packed = np.packbits(wide.reshape(groups, -1), axis=-1, bitorder="little")
    return [row.tobytes() for row in packed]


def unpack_weights(stream: np.ndarray, steps: int, config: AcceleratorConfig) -> np.ndarray:
    """The inverse of `pack_weights` for bytes ``[groups, n]``: int64 ``[groups, steps, columns]``."""
    width = config.number_format.weight_bits
    row_bits = config.words_per_weight_row * config.word_bits
    bits = np.unpackbits(stream, axis=-1, bitorder="little").reshape(len(stream), -1, row_bits)
    bits = bits[..., : config.steps_per_weight_row * config.step_bits]
    fields = bits.reshape(len(stream), -1, config.columns, width)[:, :steps].astype(np.int64)
    values = (fields << np.arange(width)).sum(axis=-1)
    codes = np.where(values >> width - 1, values - (1 << width), values)
    return config.number_format.decode(codes)
