"""A core in Python behind a line that may be bad: frames as `accel.protocol` has them, no
cycles."""

import zlib
from collections.abc import Collection, Mapping

import numpy as np

from accel.compiler.ir.descriptor import TransferDescriptor
from accel.config import BANKS, FLASH, AcceleratorConfig
from accel.identity import identity, image_header
from accel.isa import Isa
from accel.protocol import (
    COUNTER_BITS,
    COUNTERS,
    COUNTERS_BYTES,
    HEADER_BYTES,
    LOCATION_BYTES,
    FlashStatus,
    Opcode,
    Status,
    crc,
)
from accel.sim.functional.decode import decode_layer
from accel.sim.functional.layer import DecodedLayer

CYCLES = 11  # of each layer
ERASED = 1 << 16  # bytes of a flash, at least


class Line:
    """One direction of a line, which loses the bytes of some numbers and puts others before
    some."""

    def __init__(self, lost: Collection[int] = (), extra: Mapping[int, bytes] | None = None):
        self.lost = lost
        self.extra = extra or {}
        self.count = 0

    def pass_on(self, data: bytes) -> bytes:
        passed = bytearray()
        for byte in data:
            passed += self.extra.get(self.count, b"")
            if self.count not in self.lost:
                passed.append(byte)
            self.count += 1
        return bytes(passed)


class FakeCore:
    """A `Transport` to itself. Who waits for more than there is lets it forget half a frame.

    ``flash`` is what is in its flash, which it checks when it is told to; ``cycles`` are those of
    each layer, and ``waited`` has what was waited for beside the usual.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        self.memory = np.zeros((1, BANKS, config.bank_words * config.rows), np.uint8)
        self.to_core, self.to_host = Line(), Line()
        self.sent, self.waited = bytearray(), []
        self.layers, self.cycles = 0, CYCLES
        self.flash, self.found, self.checking = b"", FlashStatus.NO_CHIP, 0
        self._frame, self._answer = bytearray(), bytearray()

    def write(self, data: bytes) -> None:
        self.sent += data
        for byte in self.to_core.pass_on(data):
            if byte or self._frame:
                self._frame.append(byte)
                self._serve()

    def read(self, count: int, cycles: int = 0) -> bytes:
        self.waited += [cycles] if cycles else []
        data = bytes(self._answer[:count])
        del self._answer[:count]
        if len(data) < count:
            self._frame.clear()
        return data

    def discard(self) -> None:
        self._frame.clear()
        self._answer.clear()

    def _serve(self) -> None:
        """Answer the frame if it is there as a whole."""
        head, data = self._frame[:HEADER_BYTES], self._frame[HEADER_BYTES:]
        if len(head) < HEADER_BYTES:
            return
        opcode, location = head[0], int.from_bytes(head[1 : 1 + LOCATION_BYTES], "little")
        count = int.from_bytes(head[1 + LOCATION_BYTES : -1], "little")
        bank, address = Isa(self.config).pointed_to(location)
        words = self._content(bank, address)[: count * self.config.rows]
        status, answer = Status.OK, b""
        if crc(head) or opcode > max(Opcode):
            status = Status.BAD_HEADER
        elif opcode == Opcode.WRITE:
            if len(data) <= count * self.config.rows:
                return
            words[:] = np.frombuffer(bytes(data[: len(words)]), np.uint8)
            status = Status.BAD_DATA if crc(data) else Status.OK
        elif opcode == Opcode.READ:
            answer = words.tobytes()
        elif opcode == Opcode.RUN:
            status = self._run(bank, address, count)
        elif opcode == Opcode.INFO:
            answer = identity(self.config) + self._counters()
        elif opcode == Opcode.CHECK:
            self.found, self.checking = self._look(), 2
        self._frame.clear()
        self._answer += self.to_host.pass_on(
            bytes([status]) + (answer + bytes([crc(answer)]) if answer else b"")
        )

    def _content(self, bank: int, address: int) -> np.ndarray:
        """What is in memory or flash from there on."""
        if bank == FLASH:
            return np.frombuffer(self.flash[address:].ljust(ERASED, b"\xff"), np.uint8)
        return self.memory[0, bank % BANKS, address * self.config.rows :]

    def _look(self) -> FlashStatus:
        """What the core finds in its flash."""
        head = image_header(self.config)
        if not self.flash.strip(b"\xff"):
            return FlashStatus.NO_CHIP
        if self.flash[: len(head)] != head:
            return FlashStatus.WRONG_HEADER
        image = self.flash[: int.from_bytes(self.flash[len(head) :][:4], "little")]
        whole = zlib.crc32(image[:-4]).to_bytes(4, "little") == image[-4:]
        return FlashStatus.OK if whole else FlashStatus.WRONG_CRC

    def _run(self, bank: int, address: int, count: int) -> Status:
        self.layers, last = 0, False
        while not last and self.layers != (count or -1):
            if bank == FLASH and self.found != FlashStatus.OK:
                return Status.BAD_FLASH
            start = address
            chunk = self._content(bank, address).tobytes()
            isa = Isa(self.config)
            size = isa.descriptor_words * self.config.rows
            transfer = TransferDescriptor.from_bytes(chunk, isa)
            if transfer:
                bank, address = isa.pointed_to(transfer.next)
                chunk = chunk[size:] if bank == FLASH else self._content(bank, address).tobytes()
            layer = decode_layer(chunk, self.config)
            layer.run(self.memory)
            if transfer:
                self._copy(transfer, start + size, layer if bank == FLASH else None)
            self.layers += 1
            last = layer.descriptor.last
            bank, address = isa.pointed_to(layer.descriptor.next)
        return Status.OK

    def _copy(
        self, transfer: TransferDescriptor, start: int, streamed: DecodedLayer | None
    ) -> None:
        """Copy words that lie in flash from byte ``start`` on, or after a chunk that does."""
        start += streamed.chunk_bytes if streamed else 0
        count = transfer.words * self.config.rows
        words = self._content(FLASH, start)[:count]
        self._content(transfer.bank, transfer.address)[:count] = words

    def _counters(self) -> bytes:
        self.checking = max(0, self.checking - 1)
        status = FlashStatus.CHECKING if self.checking else self.found
        values = (self.cycles * self.layers, self.layers, 2, 3)
        assert len(values) == len(COUNTERS)
        counted = [value % (1 << COUNTER_BITS) for value in values]
        packed = sum(value << COUNTER_BITS * index for index, value in enumerate(counted))
        return packed.to_bytes(COUNTERS_BYTES, "little") + bytes([status])
