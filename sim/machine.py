"""The functional machine: the living definition of what a program means.

It reads nothing but memory and descriptors, as the core does, and computes whole layers of many
samples at a time with NumPy. It knows no cycles; `cycle_model` does.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from threadpoolctl import ThreadpoolController

from accel.compiler.command import decode, halved, positions, stored_steps, unpack_weights
from accel.compiler.program import Chunk, Copy, Program
from accel.config import FLASH, AcceleratorConfig
from accel.isa import COORDINATE_BITS, TABLE_ENTRIES, Isa
from accel.numeric import tables as table_pairs
from accel.numeric.division import OFFSET_DROPPED_BITS, Division
from accel.numeric.formats import Narrow

from .parallel import in_parallel
from .requantize import Requantizer

BATCH = 16  # samples whose values stay in a core's cache


class IllegalProgram(Exception):
    """A program asks for something that the core does not define."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A chunk, decoded once: index tables instead of address generators.

    ``reads``: byte addresses within the input bank, -1 for padding, of a group: ``[positions,
    steps]`` for dense layers, ``[tiles, steps]`` of words for broadcast ones. ``writes``: byte
    addresses within the output bank ``[groups, positions, columns]``, -1 for nothing.
    """

    config: AcceleratorConfig
    fields: Mapping[str, int]
    weights: np.ndarray
    division: Division
    reads: np.ndarray
    writes: np.ndarray
    tables: tuple[np.ndarray, np.ndarray] | None

    @property
    def chunk_bytes(self) -> int:
        """How much of memory or flash the chunk takes."""
        isa, f = Isa(self.config), self.fields
        group = isa.records_of_group(f) + f["weight_words_less_one"] + 1
        words = isa.descriptor_words + isa.table_words(f) + len(self.weights) * group
        return words * self.config.rows

    @property
    def combines(self) -> bool:
        """Whether results go through tables or meet an operand; else the division clamps them."""
        f = self.fields
        return bool(f["maximum"] or f["tables"] or f.get("pack"))

    @cached_property
    def narrow(self) -> Narrow | None:
        """What the bytes of input and weights hold, where they hold several values each."""
        return self.config.number_format.narrow if self.fields.get("narrow") else None

    @cached_property
    def product_type(self) -> type:
        """A float type in which all sums are exact: float32 up to 2**24, float64 up to 2**53; an
        integer where products are looked up."""
        if not self.config.number_format.exact:
            return np.int64
        largest = int(np.abs(self.weights).sum(axis=1).max(initial=0)) * 128
        return np.float32 if largest < 1 << 24 else np.float64

    @cached_property
    def operand(self) -> np.ndarray:
        """The weights as the matrix products want them, or their codes where products are no more
        than what the number format says."""
        w = self._late(self.weights.astype(self.product_type))
        return w if self.config.number_format.exact else self.config.number_format.encode(w)

    def _late(self, w: np.ndarray) -> np.ndarray:
        """Weights ``[groups, steps, columns]`` as matrices that activations are multiplied by."""
        if not self.fields["broadcast"]:
            return w
        # Row r meets the weights r steps late: [groups, columns, steps, rows].
        rows, (groups, steps, columns) = self.config.rows, w.shape
        late = np.zeros((groups, columns, steps, rows), w.dtype)
        for r in range(rows):
            late[:, :, r:, r] = w[:, : steps - r].transpose(0, 2, 1)
        return late

    def run(self, memory: np.ndarray) -> None:
        """Compute the layer in ``memory``, uint8 ``[N, banks, bytes]``, in place."""
        f = self.fields
        source = memory[:, f["input_bank"]].view(np.int8)
        target = memory[:, 1 - f["input_bank"]]
        groups = f["groups_less_one"] + 1
        if f["broadcast"]:
            sums = self._broadcast_sums(source, groups)
        else:
            sums = self._dense_sums(source, groups)
        codes = self.requantizer.compute(sums).reshape(len(memory), -1)
        results, places = self.stored
        if results is not None:
            codes = np.take(codes, results, axis=1)
        if self.combines:
            codes = self._combine(codes.view(np.int8), target[:, places])
        target[:, places] = codes

    @cached_property
    def requantizer(self) -> Requantizer:
        return Requantizer(self.division)

    @cached_property
    def stored(self) -> tuple[np.ndarray | None, np.ndarray]:
        """Which results are stored, in their order, ``None`` for all, and their places."""
        writes = self.writes.reshape(-1)
        results = np.flatnonzero(writes >= 0)
        return (None if len(results) == len(writes) else results), writes[results]

    def _combine(self, results: np.ndarray, old: np.ndarray) -> np.ndarray:
        """Bytes to store, from results -128..127 and from what their places hold."""
        f = self.fields
        old = old.view(np.int8)
        if f["maximum"]:
            results = np.maximum(results, old)
        if self.tables is not None:
            first, second = self.tables
            total = first[results + np.int64(128)]
            total = total + (second[old + np.int64(128)] if f["second"] else second)
            results = (total >> table_pairs.FRACTION_BITS) - 128
        codes = np.clip(results, f["low"] - 128, f["high"] - 128).astype(np.int8).view(np.uint8)
        if f.get("pack"):
            bits = self.config.number_format.narrow.bits
            held = old.view(np.uint8) >> bits if f["second"] else np.uint8(0)
            codes = held | codes << 8 - bits
        return codes

    def _multiply(self, x: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Sums of products of activations ``[..., positions, steps]`` with `operand`, or part of it."""
        number = self.config.number_format
        if self.narrow:
            x, w = (self.narrow.unpack(values.astype(np.int64)) for values in (x, w))
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
        values = np.take(source, byte, axis=1, mode="wrap").astype(self.product_type)
        padding = np.flatnonzero(byte < 0)
        if len(padding):
            values.reshape(len(values), -1)[:, padding] = np.uint8(self.fields["pad"]).view(np.int8)
        return values

    def _dense_sums(self, source: np.ndarray, groups: int) -> np.ndarray:
        """Raw sums ``[N, groups, positions, columns]``."""
        f, step = self.fields, self.fields["input_group_step"] * self.config.rows
        w = self.operand
        if step == 0:
            x = self._fetch(source, self.reads)
            flat = w.transpose(1, 0, 2).reshape(w.shape[1], -1)
            sums = self._multiply(x, flat).reshape(*x.shape[:2], len(w), -1).transpose(0, 2, 1, 3)
            return np.broadcast_to(sums, (len(sums), groups, *sums.shape[2:]))
        parts = []
        for g in range(groups):
            byte = np.where(self.reads >= 0, self.reads + g * step, -1)
            parts.append(self._multiply(self._fetch(source, byte), w[0 if f["shared"] else g]))
        return np.stack(parts, axis=1)

    def _broadcast_sums(self, source: np.ndarray, groups: int) -> np.ndarray:
        """Raw sums ``[N, groups, positions, columns]``; positions are whole tiles."""
        f, rows, columns = self.fields, self.config.rows, self.config.columns
        tiles = len(self.reads)
        group = np.arange(groups)[:, None] * f["input_group_step"] * rows
        lane = group + np.arange(columns) % rows
        byte = lane[:, :, None, None] + self.reads  # [groups, columns, tiles, steps]
        x = self._fetch(source, np.where(self.reads >= 0, byte, -1))
        sums = self._multiply(x, self.operand)  # [N, groups, columns, tiles, rows]
        return sums.transpose(0, 1, 3, 4, 2).reshape(len(x), groups, tiles * rows, columns)


def decode_layer(chunk: bytes, config: AcceleratorConfig) -> Layer:
    """Decode a chunk's descriptor and stream."""
    isa, rows = Isa(config), config.rows
    header = isa.descriptor_words * rows
    fields = decode(isa.descriptor, int.from_bytes(chunk[:header], "little"))
    groups = 1 if fields["shared"] else fields["groups_less_one"] + 1
    tables = isa.table_words(fields) * rows
    records = isa.records_of_group(fields) * rows
    weights = (fields["weight_words_less_one"] + 1) * rows
    stream = np.frombuffer(chunk, np.uint8, groups * (records + weights), header + tables)
    stream = stream.reshape(groups, -1)
    steps = _steps(fields, rows)
    return Layer(
        config=config,
        fields=fields,
        weights=_weights(stream[:, records:], fields, steps, config),
        division=_division(stream[:, :records], isa, fields),
        reads=_reads(fields, isa, steps),
        writes=_writes(fields, isa),
        tables=_tables(chunk[header : header + tables], isa) if tables else None,
    )


def _weights(
    data: np.ndarray, fields: Mapping[str, int], steps: int, config: AcceleratorConfig
) -> np.ndarray:
    """Weights of all steps; those of idle ones are zero."""
    stored = stored_steps(fields, steps, config.rows)
    weights = np.zeros((len(data), steps, config.columns), np.int64)
    weights[:, stored] = unpack_weights(data, int(stored.sum()), config)
    return weights


def _steps(f: Mapping[str, int], rows: int) -> int:
    taps = (f["inner_taps_less_one"] + 1) * (f["outer_taps_less_one"] + 1)
    return taps * (f["blocks_less_one"] + 1) * (1 if f["broadcast"] else rows)


def _tables(data: bytes, isa: Isa) -> tuple[np.ndarray, np.ndarray]:
    """The tables of both operands, int64, in units of the last bit."""
    size = isa.words(isa.table_entry) * isa.config.rows
    entries = [
        decode(isa.table_entry, int.from_bytes(data[at : at + size], "little"))["value"]
        for at in range(0, len(data), size)
    ]
    values = np.array(entries, np.int64)
    return values[:TABLE_ENTRIES], values[TABLE_ENTRIES:]


def _division(records: np.ndarray, isa: Isa, fields: Mapping[str, int]) -> Division:
    """The records of all columns, fields ``[groups, 1, columns]``.

    Its codes are saturated alone where something else comes before the layer's clamp.
    """
    word, rows = isa.config.rows, []
    for record in records.reshape(-1, isa.record_words * word):
        parts = decode(isa.record_layout, int.from_bytes(record.tobytes(), "little"))
        early, late = parts["early"], parts["late"]
        offset, negative = (
            (parts[name]["high"] << 1 | late[low]) << OFFSET_DROPPED_BITS
            for name, low in (("offset", "low"), ("offset_negative", "low_negative"))
        )
        constants = early["bias"], late["divisor"], offset, negative
        rows.append((*constants, early["coarse"], early["tie"]))
    table = np.array(rows, np.int64).reshape(len(records), 1, fields["columns_less_one"] + 1, -1)
    columns = np.arange(isa.config.columns)
    if fields["broadcast"]:
        columns %= isa.config.rows
    # What columns without a record compute is not written.
    table = table[:, :, np.minimum(columns, fields["columns_less_one"])]
    names = ("bias", "divisor", "offset", "offset_negative", "coarse", "tie")
    constants = {name: table[..., index] for index, name in enumerate(names)}
    clamp = {"low": fields["low"] - 128, "high": fields["high"] - 128}
    if fields["maximum"] or fields["tables"]:
        clamp = {"low": -128, "high": 127}
    return Division(**constants, **clamp, tie_parity=fields["tie_parity"])


def valid_run(f: Mapping[str, int]) -> int:
    """Real positions of each run along the inner dimension."""
    return f["run_less_one"] + 1 - f["run_filling"]


def _starts(f: Mapping[str, int], isa: Isa) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Word address and coordinates of the windows of all positions, whole tiles of them."""
    count = -(-positions(f) // isa.config.rows) * isa.config.rows
    run = f["run_less_one"] + 1
    outer, inner = np.divmod(np.arange(count), run)
    jump = f["position_outer_step"] + (run - 1) * f["position_inner_step"]
    address = f["input_base"] + inner * f["position_inner_step"] + outer * jump
    x = f["inner_origin"] - f["inner_taps_less_one"] - 1 + inner * f["inner_stride"]
    y = f["outer_origin"] - f["outer_taps_less_one"] - 1 + outer * f["outer_stride"]
    return address, x, y


def _reads(f: Mapping[str, int], isa: Isa, steps: int) -> np.ndarray:
    rows = isa.config.rows
    address, x, y = _starts(f, isa)
    if f["broadcast"]:
        address, x, y = (values[::rows] for values in (address, x, y))
    else:
        address, x, y = (values[: positions(f)] for values in (address, x, y))

    # Taps in the order of the loops: outer, inner, blocks
    offsets, inner, outer, offset = [], [], [], 0
    for o in range(f["outer_taps_less_one"] + 1):
        for i in range(f["inner_taps_less_one"] + 1):
            for b in range(f["blocks_less_one"] + 1):
                offsets.append(offset)
                inner.append(i)
                outer.append(o)
                last_block = b == f["blocks_less_one"]
                last_inner = last_block and i == f["inner_taps_less_one"]
                step = f["tap_outer_step"] if last_inner else f["tap_inner_step"]
                offset += step if last_block else 1
    mask = (1 << COORDINATE_BITS) - 1
    inside = (x[:, None] + inner & mask) < f["inner_size"]
    inside &= (y[:, None] + outer & mask) < f["outer_size"]
    words = address[:, None] + np.array(offsets) & (1 << isa.address_bits) - 1
    if (inside & (words >= isa.config.bank_words)).any():
        raise IllegalProgram("a layer reads outside its bank")
    byte = np.where(inside, words * rows, -1)
    if f["broadcast"]:
        return byte
    lanes = np.where(inside[..., None], byte[..., None] + np.arange(rows), -1)
    return lanes.reshape(len(byte), steps)


def _writes(f: Mapping[str, int], isa: Isa) -> np.ndarray:
    config, rows = isa.config, isa.config.rows
    count, run = positions(f), f["run_less_one"] + 1
    groups = np.arange(f["groups_less_one"] + 1)[:, None, None]
    position, columns = np.arange(count)[None, :, None], np.arange(config.columns)
    outer, inner = np.divmod(position, run)
    each = 1 + halved(f)  # how many positions of a run to one that is kept
    kept = -(-run // each)
    word = f["output_base"] + inner // each * f["output_inner_step"]
    word = word + outer * (f["output_outer_step"] + (kept - 1) * f["output_inner_step"])
    last = groups == f["groups_less_one"]
    limit = np.where(last, f["last_columns_less_one"], f["columns_less_one"])
    real = (inner < valid_run(f)) & (inner % each == 0)
    if config.lines == 1:
        real = real & (columns <= limit)
    else:
        line, columns = columns // rows, columns % rows
        word = word + line * f["output_line_step"]
        real = real & ((columns if f["broadcast"] else columns + line * rows) <= limit)
        last_run = outer == f["runs_less_one"]
        real &= line <= np.where(last_run, f["last_lines_less_one"], f["lines_less_one"])
    word = word & (1 << isa.address_bits) - 1
    step = f["output_group_words"] * rows + f["output_group_lanes"]
    byte = word * rows + f["output_lane"] + groups * step + columns
    if (real & (byte >= config.bank_words * rows)).any():
        raise IllegalProgram("a layer writes outside its bank")
    return np.where(real, byte, -1)


@cache
def _blas() -> ThreadpoolController:
    """Looked for once, which takes milliseconds."""
    return ThreadpoolController()


class Machine:
    """A core that computes many samples at a time.

    ``run`` takes what the driver would write for each sample and returns what it would read, by
    ``jobs`` threads: NumPy works without Python's lock.
    """

    def __init__(self, program: Program, jobs: int = 1):
        self.program = program
        self.jobs = jobs
        config = program.config
        self.image = np.zeros((2, config.bank_words * config.rows), np.uint8)
        for chunk in program.contents:
            if chunk.bank != FLASH:
                self._words(self.image, chunk)[:] = np.frombuffer(chunk.data, np.uint8)
        self.layers = [decode_layer(chunk.data, config) for chunk in program.chunks]

    def run(self, inputs: Mapping[str, np.ndarray], keep: Collection[str]) -> dict[str, np.ndarray]:
        """Stored bytes, uint8 ``[N, n]``, of the tensors ``keep``, from those of the inputs."""
        count = len(next(iter(inputs.values())))
        parts = [
            {name: data[i : i + BATCH] for name, data in inputs.items()}
            for i in range(0, count, BATCH)
        ]
        # Threads of BLAS are too many beside our own, and for products as small as ours.
        with _blas().limit(limits=1, user_api="blas"):
            pieces = in_parallel(lambda part, _: self._run(part, keep), parts, self.jobs)
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in keep}

    def _run(self, inputs, keep):
        samples = len(next(iter(inputs.values())))
        used = max(self.program.memory.used_words) * self.program.config.rows
        memory = np.repeat(self.image[None, :, :used], samples, axis=0)
        for name, data in inputs.items():
            self._view(memory, name)[:] = data
        kept = {name: data for name, data in inputs.items() if name in keep}
        code = self.program
        steps = zip(self.layers, code.commands, code.chunks, code.copies, strict=True)
        for layer, command, chunk, copy in steps:
            # Nobody may see whether a word is copied before the layer works or behind.
            if copy:
                self._words(memory, copy)[:] = np.frombuffer(copy.words, np.uint8)
            if chunk.bank != FLASH and self._words(memory[0], chunk).tobytes() != chunk.data:
                raise IllegalProgram(f"the chunk of {command.name} is not in memory")
            layer.run(memory)
            if command.output in keep:
                kept[command.output] = self._view(memory, command.output).copy()
        return kept

    def _words(self, memory: np.ndarray, part: Chunk | Copy) -> np.ndarray:
        """What lies in memory, ``[..., banks, bytes]``, where a chunk or a copy's words belong."""
        start = part.address * self.program.config.rows
        return memory[..., part.bank, start : start + part.size]

    def _view(self, memory: np.ndarray, tensor: str) -> np.ndarray:
        placement = self.program.placement(tensor)
        rows = self.program.config.rows
        start = placement.address * rows
        return memory[:, placement.bank, start : start + placement.storage.words(rows) * rows]
