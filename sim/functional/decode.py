"""Decodes a chunk's bytes into a layer: weights, channel parameters, addresses read and written."""

from dataclasses import replace

import numpy as np

from accel.compiler.ir.bit_fields import decode, decode_parts
from accel.compiler.ir.descriptor import Descriptor
from accel.compiler.ir.kept_sums import KeptSums, code_bytes, results, sums_order
from accel.compiler.ir.stream import stored_steps, unpack_weights
from accel.config import AcceleratorConfig
from accel.isa import COORDINATE_BITS, PARAMETER_BITS, TABLE_ENTRIES, Isa
from accel.numeric.division.division import DIVISOR_BITS, OFFSET_DROPPED_BITS, Division

from .layer import DecodedLayer, IllegalProgram


def decode_layer(chunk: bytes, config: AcceleratorConfig) -> DecodedLayer:
    """Decode a chunk's descriptor and stream."""
    isa, rows = Isa(config), config.rows
    header = isa.descriptor_words * rows
    descriptor = Descriptor.from_bytes(chunk, isa)
    lookup_tables = descriptor.table_words(isa) * rows
    parameters, weights = _groups(chunk, descriptor, isa)
    steps = _steps(descriptor, rows)
    _check_flags(descriptor)
    return DecodedLayer(
        config=config,
        descriptor=descriptor,
        weights=_weights(weights, descriptor, steps, config),
        division=_division(parameters, isa, descriptor),
        reads=_reads(descriptor, isa, steps),
        writes=_writes(descriptor, isa),
        kept=_kept(descriptor, isa) if descriptor.sums else None,
        lookup_tables=_tables(chunk[header : header + lookup_tables], descriptor, isa)
        if lookup_tables
        else None,
    )


def with_weights(layer: DecodedLayer, chunk: bytes, now: bytes) -> DecodedLayer:
    """The layer of a chunk with the weights that are in memory ``now``.

    Raises ``IllegalProgram`` where anything else of the chunk is another there.
    """
    config, f, isa = layer.config, layer.descriptor, Isa(layer.config)
    head = (isa.descriptor_words + f.table_words(isa)) * config.rows
    (own, _), (parameters, weights) = (_groups(data, f, isa) for data in (chunk, now))
    if now[:head] != chunk[:head] or (parameters != own).any():
        raise IllegalProgram("more of a chunk than its weights is written")
    return replace(layer, weights=_weights(weights, f, layer.weights.shape[1], config))


def _groups(chunk: bytes, f: Descriptor, isa: Isa) -> tuple[np.ndarray, np.ndarray]:
    """The channel parameters and the weights of each group, uint8 ``[groups, bytes]``."""
    rows, groups = isa.config.rows, f.parameter_groups
    head = (isa.descriptor_words + f.table_words(isa)) * rows
    size = f.parameter_words(isa) * rows
    count = groups * (size + f.weight_words * rows)
    stream = np.frombuffer(chunk, np.uint8, count, head).reshape(groups, -1)
    return stream[:, :size], stream[:, size:]


def _weights(
    data: np.ndarray, descriptor: Descriptor, steps: int, config: AcceleratorConfig
) -> np.ndarray:
    """Weights of all steps; those of idle ones are zero."""
    stored = stored_steps(descriptor, steps, config.rows)
    weights = np.zeros((len(data), steps, config.columns), np.int64)
    weights[:, stored] = unpack_weights(data, int(stored.sum()), config)
    return weights


def _steps(descriptor: Descriptor, rows: int) -> int:
    steps = descriptor.steps(rows)
    if steps < rows:
        raise IllegalProgram(
            f"a layer has tiles of {steps} steps, fewer than the array's {rows} rows"
        )
    return steps


def _check_flags(f: Descriptor) -> None:
    """Raises ``IllegalProgram`` for flags that a layer cannot have at once."""
    names = ("residual", "maximum", "pack", *(["lookup_tables"] if f.keep_sums else []))
    if f.sums and any(getattr(f, name) for name in names):
        raise IllegalProgram(f"a layer of wide sums has one of {', '.join(names)}")


def _kept(f: Descriptor, isa: Isa) -> KeptSums:
    """The kept sums, with the byte addresses of their places."""
    config = isa.config
    order, base = sums_order(f, config), f.sums_base * config.sums_tile_words
    if base + order.words > config.bank_words:
        raise IllegalProgram("a layer keeps sums outside its bank")
    return replace(order, bytes=order.bytes + base * config.rows)


def _tables(data: bytes, f: Descriptor, isa: Isa) -> tuple[np.ndarray, np.ndarray]:
    """Both lookup tables, int64, in units of the last bit."""
    size = isa.words(isa.table_entry) * isa.config.rows
    entries = [
        decode(isa.table_entry, int.from_bytes(data[at : at + size], "little"))["value"]
        for at in range(0, len(data), size)
    ]
    values = np.array(entries, np.int64)
    first, second = values[:TABLE_ENTRIES], values[TABLE_ENTRIES:]
    if f.add_sums and (second != second[0]).any():
        raise IllegalProgram("a layer that adds sums has unequal entries of the second table")
    return first, second


def _division(records: np.ndarray, isa: Isa, descriptor: Descriptor) -> Division:
    """The records of all columns, fields ``[groups, 1, columns]``.

    Its codes are saturated alone where something else comes before the layer's clamp.
    """
    word, rows = isa.config.rows, []
    for record in records.reshape(-1, isa.channel_parameter_words * word):
        parts = decode_parts(
            isa.channel_parameter_layout, int.from_bytes(record.tobytes(), "little")
        )
        early, low_bits = parts["early"], isa.channel_parameters["offset"].size
        offset, negative = (
            (early["offset_high"] << low_bits | parts[name]["low"]) << OFFSET_DROPPED_BITS
            for name in ("offset", "offset_negative")
        )
        complement = early["divisor_high"] << PARAMETER_BITS | parts["late"]["divisor_low"]
        divisor = (1 << DIVISOR_BITS) - 1 - complement
        rows.append((early["bias"], divisor, offset, negative, early["form"], early["tie"]))
    table = np.array(rows, np.int64).reshape(len(records), 1, descriptor.columns, -1)
    columns = np.arange(isa.config.columns)
    if descriptor.broadcast:
        columns %= isa.config.rows
    # What columns without a record compute is not written.
    table = table[:, :, np.minimum(columns, descriptor.columns - 1)]
    names = ("bias", "divisor", "offset", "offset_negative", "form", "tie")
    constants = {name: table[..., index] for index, name in enumerate(names)}
    low, high = descriptor.low, descriptor.high
    if descriptor.maximum or descriptor.lookup_tables:
        low, high = -128, 127
    return Division(**constants, low=low, high=high, tie_parity=descriptor.tie_parity)


def _starts(f: Descriptor, isa: Isa) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Word address and coordinates of the windows of all positions, whole tiles of them."""
    count = -(-f.positions // isa.config.rows) * isa.config.rows
    run = f.run
    outer, inner = np.divmod(np.arange(count), run)
    jump = f.position_outer_step + (run - 1) * f.position_inner_step
    address = f.input_base + inner * f.position_inner_step + outer * jump
    x = f.inner_origin - f.inner_taps + inner * f.inner_stride
    y = f.outer_origin - f.outer_taps + outer * f.outer_stride
    return address, x, y


def _reads(f: Descriptor, isa: Isa, steps: int) -> np.ndarray:
    rows = isa.config.rows
    address, x, y = _starts(f, isa)
    if f.broadcast:
        address, x, y = (values[::rows] for values in (address, x, y))
    else:
        address, x, y = (values[: f.positions] for values in (address, x, y))

    # Taps in the order of the loops: outer, inner, blocks
    offsets: list[int] = []
    inner: list[int] = []
    outer: list[int] = []
    offset = 0
    for o in range(f.outer_taps):
        for i in range(f.inner_taps):
            for b in range(f.blocks):
                offsets.append(offset)
                inner.append(i)
                outer.append(o)
                last_block = b == f.blocks - 1
                last_inner = last_block and i == f.inner_taps - 1
                step = f.tap_outer_step if last_inner else f.tap_inner_step
                offset += step if last_block else 1
    mask = (1 << COORDINATE_BITS) - 1
    inside = (x[:, None] + np.array(inner) & mask) < f.inner_size
    inside &= (y[:, None] + np.array(outer) & mask) < f.outer_size
    words = address[:, None] + np.array(offsets) & (1 << isa.address_bits) - 1
    if (inside & (words >= isa.config.bank_words)).any():
        raise IllegalProgram("a layer reads outside its bank")
    byte = np.where(inside, words * rows, -1)
    if f.broadcast:
        return byte
    lanes = np.where(inside[..., None], byte[..., None] + np.arange(rows), -1)
    return lanes.reshape(len(byte), steps)


def _writes(f: Descriptor, isa: Isa) -> np.ndarray:
    config, rows, count = isa.config, isa.config.rows, f.positions
    real = results(f, config, count)
    if f.keep_sums:
        return np.full(real.shape, -1)
    byte = code_bytes(f, config, count)
    if (real & (byte >= config.bank_words * rows)).any():
        raise IllegalProgram("a layer writes outside its bank")
    return np.where(real, byte, -1)
