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
    BAND,
    COUNTER_BITS,
    COUNTERS,
    COUNTERS_BYTES,
    CRC_BYTES,
    EXTENSION,
    EXTENSION_BYTES,
    HEADER,
    HEADER_BYTES,
    LIMIT_BITS,
    OPCODE_BITS,
    OUTCOME_SHIFT,
    FlashStatus,
    Opcode,
    Outcome,
    Status,
    closed,
    crc,
    values_of,
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
    each layer, and ``waited`` has what was waited for beside the usual. ``ran`` counts its runs.
    As many words as ``early`` says come too early. ``bands`` counts those that are there.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        self.memory = np.zeros((1, BANKS, config.bank_words * config.rows), np.uint8)
        self.to_core, self.to_host = Line(), Line()
        self.sent, self.waited, self.limits = bytearray(), [], []
        self.layers, self.cycles, self.ran = 0, CYCLES, 0
        self.flash, self.found, self.checking = b"", FlashStatus.NO_CHIP, 0
        self.expected, self.outcome = 0, Outcome.DONE
        self.run_number: int | None = None  # of the last run
        self.early = 0  # words that are refused as too early
        self.bands = 0
        self._frame, self._answer, self._deaf = bytearray(), bytearray(), False

    def write(self, data: bytes) -> None:
        self.sent += data
        for byte in self.to_core.pass_on(data):
            if not self._deaf and (byte or self._frame):
                self._frame.append(byte)
                self._serve()

    def read(self, count: int, cycles: int = 0) -> bytes:
        self.waited += [cycles] if cycles else []
        data = bytes(self._answer[:count])
        del self._answer[:count]
        if len(data) < count:
            self._frame.clear()
        return data

    @property
    def unread(self) -> int:
        """The bytes of answers that nobody has read."""
        return len(self._answer)

    def discard(self) -> None:
        self._frame.clear()
        self._answer.clear()
        self._deaf = False

    def _say(self, status: Status, number: int, data: bytes = b"") -> None:
        self._answer += self.to_host.pass_on(closed(bytes([status, number]) + data))

    def _acknowledge(self, status: Status = Status.OK) -> None:
        self._deaf = status != Status.OK
        self._say(status, self.expected)

    def _serve(self) -> None:
        """Answer the frame if it is there as a whole."""
        head, payload = bytes(self._frame[:HEADER_BYTES]), bytes(self._frame[HEADER_BYTES:])
        if len(head) < HEADER_BYTES:
            return
        fields = values_of(HEADER, head)
        opcode, flags = fields["opcode"] % (1 << OPCODE_BITS), fields["opcode"] >> OPCODE_BITS
        sizes = {Opcode.WRITE: fields["count"] * (fields["lanes_less_one"] + 1)}
        sizes |= dict.fromkeys((Opcode.READ, Opcode.RUN), EXTENSION_BYTES)
        right = crc(head[:-CRC_BYTES]) == head[-CRC_BYTES:]
        if right and opcode in sizes:
            if len(payload) < sizes[opcode] + CRC_BYTES:
                return
            right = crc(payload[:-CRC_BYTES]) == payload[-CRC_BYTES:]
        self._frame.clear()
        known = opcode in list(Opcode) and flags < {Opcode.WRITE: 4, Opcode.RUN: 4}.get(opcode, 1)
        if not right or not known:
            self._acknowledge(Status.UNKNOWN if right else Status.SPOILT)
            return
        if opcode in (Opcode.WRITE, Opcode.RUN):
            self._count(opcode, flags, fields, payload[:-CRC_BYTES])
        elif opcode == Opcode.READ:
            self._say(Status.DATA, fields["number"], self._words(payload))
        elif opcode in (Opcode.INFO, Opcode.HELLO):
            if opcode == Opcode.HELLO:
                self.expected = fields["number"]
            self._say(Status.INFO, fields["number"], identity(self.config) + self._counters())
        else:
            if opcode == Opcode.ABORT:
                self.bands = 0
            if opcode == Opcode.CHECK:
                self.found, self.checking = self._look(), 2
            self._acknowledge()

    def _count(self, opcode: int, flags: int, fields: dict[str, int], payload: bytes) -> None:
        """A counted frame: it is executed if it is the expected one."""
        if flags & 1 and opcode == Opcode.WRITE and self.early:
            self.early -= 1
            self._say(Status.EARLY, self.expected)
            return
        number, place = fields["number"], Isa(self.config).pointed_to(fields["location"])
        expected = number == self.expected
        again = number == self.run_number and opcode == Opcode.RUN
        if expected:
            self.expected = (number + 1) % 256
        self._acknowledge()
        if opcode == Opcode.WRITE and expected:
            lanes, rows = (fields["lanes_less_one"] + 1), self.config.rows
            words = np.zeros((len(payload) // lanes, rows), np.uint8)
            words[:, :lanes] = np.frombuffer(payload, np.uint8).reshape(-1, lanes)
            self._content(*place)[: words.size] = words.ravel()
            self.bands += bool(flags & BAND >> OPCODE_BITS)
        if opcode == Opcode.RUN and expected:
            self.ran, self.run_number = self.ran + 1, number
            self.limits.append(values_of(EXTENSION, payload)["limit"] % (1 << LIMIT_BITS))
            self.outcome = self._run(*place, fields["count"])
        if opcode == Opcode.RUN and (expected or again):
            self._say(Status.RESULT, number, self._counters() + self._words(payload))

    def _words(self, payload: bytes) -> bytes:
        """The words that a request asks for."""
        fields = values_of(EXTENSION, payload)
        bank, address = Isa(self.config).pointed_to(fields["location"])
        words = self._content(bank, address)[: fields["count"] * self.config.rows]
        return words.reshape(-1, self.config.rows)[:, : (fields["lanes_less_one"] + 1)].tobytes()

    def _content(self, bank: int, address: int) -> np.ndarray:
        """What is in memory or flash from there on."""
        if bank == FLASH:
            return np.frombuffer(self.flash[address:].ljust(ERASED, b"\xff"), np.uint8)
        return self.memory[0, bank % BANKS, address * self.config.rows :]

    def _look(self) -> FlashStatus:
        """What the core finds in its flash."""
        head = image_header(self.config)
        if not self.flash:
            return FlashStatus.NO_CHIP
        if self.flash[: len(head)] != head:
            return FlashStatus.WRONG_HEADER
        image = self.flash[: int.from_bytes(self.flash[len(head) :][:4], "little")]
        whole = zlib.crc32(image[:-4]).to_bytes(4, "little") == image[-4:]
        return FlashStatus.OK if whole else FlashStatus.WRONG_CRC

    def _run(self, bank: int, address: int, count: int) -> Outcome:
        self.layers, last = 0, False
        while not last and self.layers != (count or -1):
            if bank == FLASH and self.found != FlashStatus.OK:
                return Outcome.BAD_FLASH
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
        return Outcome.DONE if last else Outcome.LAYERS

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
        state = status | self.outcome << OUTCOME_SHIFT
        return packed.to_bytes(COUNTERS_BYTES, "little") + bytes([state])
