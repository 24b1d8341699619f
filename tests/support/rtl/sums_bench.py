"""Random layers of wide sums on a core in RTL, held to the machine and to the cycle model."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from math import gcd
from random import Random
from types import SimpleNamespace

import numpy as np

from accel.compiler.ir.descriptor import Descriptor, TransferDescriptor
from accel.compiler.ir.stream import stored_steps
from accel.compiler.memory.flash_image import image_of
from accel.compiler.program.program import Chunk, DmaTransfer
from accel.config import FLASH, AcceleratorConfig
from accel.host.driver import Driver
from accel.isa import FLASH_UNIT, Isa
from accel.sim.cycles.cycle_model import predict
from accel.sim.functional.decode import decode_layer
from accel.sim.functional.layer import DecodedLayer, IllegalProgram
from tests.support.rtl.chunks import random_chunk, random_memory

PARTS = ({"keep_sums": True}, {"keep_sums": True, "add_sums": True}, {"add_sums": True}, {})
_TAPS = (1, 1, 2, 3)
_MARGIN = 32  # words


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer, where its chunk lies, and what is copied beside it."""

    decoded: DecodedLayer
    chunk: Chunk
    transfer: DmaTransfer | None


def nest(config: AcceleratorConfig, rng: Random) -> Descriptor:
    """The positions of a layer, and where their codes go: what all parts of a dot product share."""
    rows, columns, together = config.rows, config.columns, config.requantizers
    several = config.broadcast_rows
    broadcast = config.broadcast and rng.random() < 0.3
    skip = broadcast and several > 1 and rows > 2 and rng.random() < 0.5
    run = rng.randint(1, 2) * rows if broadcast else rng.randint(1, 2 * rows)
    most = rng.randint(1, (rows if broadcast else columns) // together)
    aligned = columns % rows == 0
    span = -(-columns // rows) + 1
    return Descriptor(
        broadcast=broadcast,
        input_bank=rng.randrange(2),
        input_group_step=rng.randrange(2),
        position_inner_step=rng.randint(1, 2),
        position_outer_step=rng.randint(1, 4),
        inner_size=rng.randint(2, 9),
        outer_size=rng.randint(2, 9),
        inner_stride=2 if skip else rng.randint(1, 2),
        outer_stride=rng.randint(1, 2),
        pad=rng.randrange(256),
        run=run,
        runs=rng.randint(1, 3),
        groups=rng.randint(1, 3),
        shared=rng.random() < 0.2,
        tie_parity=rng.randrange(2),
        run_filling=rng.randrange(min(rows, run)),
        output_lane=0 if aligned else rng.randrange(0, rows, gcd(rows, columns)),
        output_group_words=columns // rows,
        output_group_lanes=columns % rows,
        output_inner_step=span * 3,
        output_outer_step=span * 3 + 1,
        columns=most * together,  # neighbouring codes are written together
        last_columns=rng.randint(1, most) * together,
        low=rng.randint(-128, -90),
        high=rng.randint(90, 127),
        **(
            {
                "output_broadcast_row_step": rng.randint(1, 2) if broadcast else 1,
                "broadcast_rows": rng.randint(1, several) if broadcast else several,
                "last_broadcast_rows": rng.randint(1, several) if broadcast else several,
                "stride2_skip": skip,
            }
            if several > 1
            else {}
        ),
    )


def part(shape: Descriptor, config: AcceleratorConfig, rng: Random, **flags: bool) -> Descriptor:
    """One part of a dot product: its taps, and what becomes of its sums."""
    rows = config.rows
    least = rows - shape.stride2_skip if shape.broadcast else 1
    inner = rng.randint(least, least + 2) if shape.broadcast else rng.choice(_TAPS)
    outer = rng.randint(2, 3) if shape.broadcast else rng.choice(_TAPS)
    residual = not flags and rng.random() < 0.5
    f = replace(
        shape,
        **flags,
        residual=residual,
        maximum=residual and rng.random() < 0.5,
        lookup_tables=bool(flags) and "keep_sums" not in flags and rng.random() < 0.3,
        blocks=1 if shape.broadcast else rng.choice((1, 1, 2)),
        inner_taps=inner,
        outer_taps=outer,
        inner_origin=inner - rng.randrange(2),
        outer_origin=outer - rng.randrange(2),
        tap_inner_step=rng.randint(1, 2),
        tap_outer_step=rng.randint(1, 3),
        input_base=rng.randrange(config.bank_words // 8),
    )
    stored = int(np.count_nonzero(stored_steps(f, f.steps(rows), rows)))
    words = -(-stored // config.steps_per_weight_row) * config.words_per_weight_row
    return replace(f, weight_words=words)


class SumsBench:
    """A core behind a transport, and what its memory ought to hold."""

    def __init__(self, transport, config: AcceleratorConfig, seed: int, memory=None):
        self.config, self.isa, self.rng = config, Isa(config), Random(seed)
        self.transport = transport
        self.driver = Driver(transport, config)
        self.filled = memory is not None
        self.memory = random_memory(config, self.rng) if memory is None else memory

    def prepare(self, *, flash: bool = False, dma: bool = False) -> list[Layer]:
        """Connect to the core and fill its memory, and its flash if it has one; layers to run."""
        with_flash = bool(self.config.flash_lanes)
        layers = self.layers(flash=flash and with_flash, dma=dma and with_flash)
        chunks = [layer.transfer.chunk if layer.transfer else layer.chunk for layer in layers]
        streamed = any(chunk.bank == FLASH for chunk in chunks)
        if streamed:
            self.transport.burn(image_of(chunks, self.config))
        self.driver.connect()
        if streamed:
            self.driver.check_flash()
            while not self.driver.flash_status():
                pass
        for bank in range(0 if self.filled else 2):
            self.driver.write(bank, 0, self.memory[0, bank].tobytes())
        return layers

    def layers(self, *, flash: bool = False, dma: bool = False) -> list[Layer]:
        """The parts of a dot product, and a layer without sums; in flash, with transfers, if asked
        for."""
        config, rng, found, at = self.config, self.rng, [], FLASH_UNIT
        while len(found) < len(PARTS):
            shape, found, at = nest(config, rng), [], FLASH_UNIT
            unit = config.sums_tile_words
            shape = replace(
                shape,
                output_base=rng.randrange(config.bank_words // 2),
                sums_base=rng.randrange(config.bank_words // unit),
            )
            for flags in PARTS:
                f = part(shape, config, rng, **flags)
                if f.weight_words > config.weight_rows // 2 * config.words_per_weight_row:
                    break
                layer, at = self._placed(f, at, flash, dma)
                if layer is None:
                    break
                found.append(layer)
        return found

    def _placed(self, f: Descriptor, at: int, flash: bool, dma: bool):
        """A layer's chunk at a place that the layer does not write; none where it is illegal."""
        config, isa, rng, rows = self.config, self.isa, self.rng, self.config.rows
        data = random_chunk(f, config, rng)
        words = len(data) // rows
        if words >= config.bank_words // 2:
            return None, at
        bank, address = rng.randrange(2), rng.randrange(config.bank_words - words)
        if flash and rng.random() < 0.7:
            bank, address = FLASH, at
        if dma:
            # The transfer's descriptor, then the chunk if that is in flash, too, then the words.
            address = at + isa.descriptor_words * rows if bank == FLASH else address
        try:
            decoded = decode_layer(data, config)
        except IllegalProgram:
            return None, at
        written = np.zeros(config.bank_words * rows, bool)
        written[decoded.writes[decoded.writes >= 0]] = True
        codes = written.copy()
        if decoded.kept is not None:
            written[self._region(decoded)] = True
            if codes[self._region(decoded)].any():
                return None, at
        if bank == 1 - f.input_bank and written[address * rows : (address + words) * rows].any():
            return None, at
        chunk = Chunk(bank=bank, address=address, data=data)
        if not dma:
            size = len(data) if bank == FLASH else 0
            return Layer(decoded, chunk, None), at + -(-size // FLASH_UNIT) * FLASH_UNIT
        return self._with_transfer(decoded, chunk, at, written)

    def _with_transfer(self, decoded, chunk: Chunk, at: int, written: np.ndarray):
        """The layer with a transfer of some words to where it neither reads nor writes."""
        config, isa, rng, rows = self.config, self.isa, self.rng, self.config.rows
        f, count = decoded.descriptor, self.rng.randint(1, 40)
        bank, address = rng.randrange(2), rng.randrange(config.bank_words - count)
        place = slice(address * rows, (address + count) * rows)
        reads = np.zeros(config.bank_words * rows, bool)
        for group in range(f.groups):
            step = group * f.input_group_step * rows
            found = decoded.reads[decoded.reads >= 0] + step
            for byte in range(rows if f.broadcast else 1):
                reads[(found + byte) % len(reads)] = True
        if (reads if bank == f.input_bank else written)[place].any():
            return None, at
        inside = chunk.bank == FLASH
        begin, end = chunk.address, chunk.address + len(chunk.data) // rows
        if chunk.bank == bank and address < end and begin < address + count:
            return None, at
        head = isa.descriptor_words * rows
        where = at + head if inside else chunk.address
        if inside and where % FLASH_UNIT:
            # Chunks in flash begin at units.
            at += -where % FLASH_UNIT
            return None, at
        words = rng.randbytes(count * rows)
        descriptor = TransferDescriptor(
            next=isa.pointer_to(chunk.bank, chunk.address), bank=bank, address=address, words=count
        )
        data = descriptor.to_bytes(isa) + (chunk.data if inside else b"") + words
        whole = Chunk(bank=FLASH, address=at, data=data)
        transfer = DmaTransfer(bank=bank, address=address, chunk=whole, words=words)
        return Layer(decoded, chunk, transfer), at + -(-len(data) // FLASH_UNIT) * FLASH_UNIT

    def _region(self, decoded: DecodedLayer) -> slice:
        config = self.config
        base = decoded.descriptor.sums_base * config.sums_tile_words
        return slice(base * config.rows, (base + decoded.kept.words) * config.rows)

    def hold(self, layers: list[Layer], shared: bool = False) -> Iterator[str]:
        """Run layers one by one; what differs."""
        for index, layer in enumerate(layers):
            f = layer.decoded.descriptor
            banks = [f.input_bank] if shared else []
            program = SimpleNamespace(
                config=self.config, chunks=[layer.chunk], transfers=[layer.transfer]
            )
            (modelled,) = predict(program, banks)
            counted = self._run(layer, banks, modelled.cycles)
            if astuple(counted) != astuple(modelled):
                yield f"layer {index}: {modelled}, RTL {counted}, {f}"
            yield from self._compare(index, layer)

    def _run(self, layer: Layer, banks: list[int], cycles: int):
        chunk = layer.chunk
        if chunk.bank != FLASH:
            rows = self.config.rows
            place = slice(chunk.address * rows, chunk.address * rows + len(chunk.data))
            self.memory[0, chunk.bank, place] = np.frombuffer(chunk.data, np.uint8)
            self.driver.write(chunk.bank, chunk.address, chunk.data)
        first = layer.transfer.chunk if layer.transfer else chunk
        result = self.driver.run(
            first.bank, first.address, layers=1, cycles=cycles, shared_banks=banks
        )
        return result.counters

    def _compare(self, index: int, layer: Layer) -> Iterator[str]:
        """What is written, and words beside that; what is undefined becomes what the core has made
        of it."""
        f, rows = layer.decoded.descriptor, self.config.rows
        if layer.transfer:
            place = layer.transfer.address * rows
            words = np.frombuffer(layer.transfer.words, np.uint8)
            self.memory[0, layer.transfer.bank, place : place + len(words)] = words
        layer.decoded.run(self.memory)
        places = [layer.decoded.writes[layer.decoded.writes >= 0]]
        if layer.decoded.kept is not None:
            region = self._region(layer.decoded)
            places.append(np.array([region.start, region.stop - 1]))
        touched = np.concatenate(places) // rows
        first = max(0, int(touched.min(initial=self.config.bank_words)) - _MARGIN)
        end = min(self.config.bank_words, int(touched.max(initial=0)) + _MARGIN)
        yield from self._compare_words(index, layer, 1 - f.input_bank, first, max(first, end))

    def compare_all(self) -> Iterator[str]:
        """Whether anything else in memory has changed."""
        for bank in range(2):
            found = self._read(bank, 0, self.config.bank_words)
            wrong = np.flatnonzero(found != self.memory[0, bank])
            if len(wrong):
                yield f"{len(wrong)} bytes of bank {bank} in the end, first {wrong[:4]}"

    def _read(self, bank: int, first: int, end: int) -> np.ndarray:
        return np.frombuffer(self.driver.read(bank, first, end - first), np.uint8)

    def _compare_words(self, index, layer, bank, first, end) -> Iterator[str]:
        f, rows = layer.decoded.descriptor, self.config.rows
        found = self._read(bank, first, end)
        place = slice(first * rows, end * rows)
        defined = np.ones(self.config.bank_words * rows, bool)
        if f.keep_sums:
            defined[self._region(layer.decoded)] = False
            defined[layer.decoded.kept.bytes] = True
        wrong = np.flatnonzero((found != self.memory[0, bank, place]) & defined[place])
        if len(wrong):
            yield f"layer {index}: {len(wrong)} bytes of bank {bank}, first {wrong[:4]}, {f}"
        self.memory[0, bank, place] = found
