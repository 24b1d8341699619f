"""What a layer streams into the core while it works: lookup tables, channel parameters, weights."""

from collections.abc import Mapping

import numpy as np

from ...config import AcceleratorConfig
from ...isa import PARAMETER_BITS, TABLE_ENTRIES, Isa
from ...numeric.division.division import DIVISOR_BITS, OFFSET_DROPPED_BITS
from .bit_fields import encode
from .command import LayerCommand
from .descriptor import Descriptor


def pack_stream(command: LayerCommand, config: AcceleratorConfig) -> bytes:
    """The whole stream: lookup tables, then for each group channel parameters and weights."""
    stored = stored_weights(command.weights, command.descriptor, config)
    groups = zip(_pack_parameters(command, config), pack_weights(stored, config), strict=True)
    packed = (parameters + weights for parameters, weights in groups)
    return _pack_tables(command, config) + b"".join(packed)


def _pack_tables(command: LayerCommand, config: AcceleratorConfig) -> bytes:
    if command.post_op is None or command.post_op.lookup_tables is None:
        return b""
    isa = Isa(config)
    size = isa.words(isa.table_entry) * config.rows
    first, second = command.post_op.lookup_tables
    if command.descriptor.add_sums:
        second = np.resize(second, TABLE_ENTRIES)
    entries = np.concatenate([first, second]).tolist()
    return b"".join(
        encode(isa.table_entry, {"value": value}).to_bytes(size, "little") for value in entries
    )


def stream_words(command: LayerCommand, config: AcceleratorConfig) -> int:
    """Memory words of what `pack_stream` packs."""
    isa, descriptor = Isa(config), command.descriptor
    group = descriptor.parameter_words(isa) + group_weight_words(command, config)
    return descriptor.table_words(isa) + len(command.weights) * group


def group_weight_words(command: LayerCommand, config: AcceleratorConfig) -> int:
    """Memory words of a group's weights, those of idle steps left out."""
    steps = np.count_nonzero(stored_steps(command.descriptor, command.steps, config.rows))
    return -(-int(steps) // config.steps_per_weight_row) * config.words_per_weight_row


def _pack_parameters(command: LayerCommand, config: AcceleratorConfig) -> list[bytes]:
    """The channel parameters of each group; those of a column without a channel give the code 0."""
    isa, division = Isa(config), command.division
    count = len(division.bias)
    offsets = [division.offset, division.offset_negative]
    offset, negative = (np.append(o, 0) >> OFFSET_DROPPED_BITS for o in offsets)
    complement = (1 << DIVISOR_BITS) - 1 - np.append(division.divisor, (1 << DIVISOR_BITS) - 1)
    low_bits = isa.channel_parameters["offset"].size
    values = {
        ("early", "bias"): np.append(division.bias, 0),
        ("early", "form"): np.append(division.form, 0),
        ("early", "tie"): np.append(np.broadcast_to(division.tie, count), 0),
        ("early", "offset_high"): offset >> low_bits,
        ("early", "divisor_high"): complement >> PARAMETER_BITS,
        ("offset", "low"): offset,
        ("offset_negative", "low"): negative,
        ("late", "divisor_low"): complement,
    }
    packed = _parameter_bytes(isa, values, count + 1)
    used = command.channels[:, : command.descriptor.columns]
    return [row.tobytes() for row in packed[used]]  # index -1: of no channel


def _parameter_bytes(
    isa: Isa, values: Mapping[tuple[str, str], np.ndarray], count: int
) -> np.ndarray:
    """The channel parameters of ``count`` channels, uint8 ``[count, bytes]`` of whole words.

    ``values`` has int64 ``[count]`` for each pair of a part and a field.
    """
    layout = isa.channel_parameter_layout
    bits = np.zeros((count, isa.words(layout) * isa.config.word_bits), np.uint8)
    for (part, name), integers in values.items():
        field = layout[part].shape[name]
        first = layout[part].offset + field.offset
        each = np.asarray(integers, np.int64)[:, None] >> np.arange(field.width)
        bits[:, first : first + field.width] = each & 1
    return np.packbits(bits, axis=-1, bitorder="little")


def stored_weights(
    weights: np.ndarray, descriptor: Descriptor, config: AcceleratorConfig
) -> np.ndarray:
    """Weights ``[groups, steps, columns]`` without those of idle steps."""
    return weights[:, stored_steps(descriptor, weights.shape[1], config.rows)]


def stored_steps(descriptor: Descriptor, steps: int, rows: int) -> np.ndarray:
    """Which of a tile's steps have weights, bool ``[steps]``: see `isa` of broadcast layers."""
    inner = np.arange(steps) % descriptor.inner_taps
    first_idle = descriptor.inner_taps + 1 - rows + descriptor.stride2_skip
    return ~(descriptor.broadcast & (inner >= first_idle))


def pack_weights(weights: np.ndarray, config: AcceleratorConfig) -> list[bytes]:
    """Pack ``[groups, steps, columns]`` weights at their width into rows of the weight buffer."""
    groups, steps, _ = weights.shape
    width = config.number_format.weight_bits
    per_row, row_bits = config.steps_per_weight_row, config.words_per_weight_row * config.word_bits
    rows = -(-steps // per_row)
    codes = config.number_format.encode(weights)
    code_bytes = np.ascontiguousarray(codes, np.int32).view(np.uint8)
    bits = np.unpackbits(code_bytes.reshape(groups, steps, -1, 4), axis=-1, bitorder="little")
    bits = bits[..., :width].reshape(groups, steps, -1)
    padded = np.zeros((groups, rows * per_row, config.step_bits), np.uint8)
    padded[:, :steps] = bits
    whole_rows = np.zeros((groups, rows, row_bits), np.uint8)
    whole_rows[..., : per_row * config.step_bits] = padded.reshape(groups, rows, -1)
    packed = np.packbits(whole_rows.reshape(groups, -1), axis=-1, bitorder="little")
    return [row.tobytes() for row in packed]


def unpack_weights(stream: np.ndarray, steps: int, config: AcceleratorConfig) -> np.ndarray:
    """The inverse of `pack_weights`: uint8 ``[groups, n]`` to ``[groups, steps, columns]``."""
    width = config.number_format.weight_bits
    row_bits = config.words_per_weight_row * config.word_bits
    bits = np.unpackbits(stream, axis=-1, bitorder="little").reshape(len(stream), -1, row_bits)
    bits = bits[..., : config.steps_per_weight_row * config.step_bits]
    each = bits.reshape(len(stream), -1, config.columns, width)[:, :steps].astype(np.int64)
    values = (each << np.arange(width)).sum(axis=-1)
    codes = np.where(values >> width - 1, values - (1 << width), values)
    return config.number_format.decode(codes)
