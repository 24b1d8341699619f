"""The core's host interface: frames of bytes in, replies out."""

from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .. import protocol
from ..config import AcceleratorConfig
from ..identity import identity
from ..isa import COUNTER_BITS
from ..protocol import COUNTER_BYTES, COUNTERS, Opcode, Status


class Link(wiring.Component):
    """Serves the frames of `protocol`, one at a time.

    Members
    -------
    i, o : stream of bytes
        From and to the host.
    set_pointer, pointer_byte : Out
        A byte of the location of a frame.
    memory_en, memory_write : Out, write_data : Out, read_data : In
        Access to the word at the pointer, which then moves on.
    run, stop : Out, idle, layer_done : In
        The sequencer.
    counters : In
        As `Sequencer` has them.
    """

    def __init__(self, config: AcceleratorConfig, *, memory_latency: int):
        self.config = config
        self.memory_latency = memory_latency
        super().__init__(
            {
                "i": In(stream.Signature(8)),
                "o": Out(stream.Signature(8)),
                "set_pointer": Out(protocol.LOCATION_BYTES),
                "pointer_byte": Out(8),
                "memory_en": Out(1),
                "memory_write": Out(1),
                "write_data": Out(config.word_bits),
                "read_data": In(config.word_bits),
                "run": Out(1),
                "stop": Out(1),
                "idle": In(1),
                "layer_done": In(1),
                "counters": In(len(COUNTERS) * COUNTER_BITS),
            }
        )

    def elaborate(self, platform):
        m = Module()
        word_bytes = self.config.rows
        byte = Signal(range(max(word_bytes, protocol.INFO_BYTES, protocol.HEADER_BYTES)))
        opcode, status = Signal(8), Signal(8)
        count = Signal(8 * protocol.COUNT_BYTES)
        word, crc = Signal(self.config.word_bits), Signal(8)
        info = Signal(8)
        self._add_info(m, byte, info)
        m.d.comb += [
            self.pointer_byte.eq(self.i.payload),
            self.write_data.eq(word),
            self.stop.eq(count == 1),
        ]

        # What happens to a byte
        def take(check=True):
            """A byte comes in; it is taken at once."""
            m.d.comb += self.i.ready.eq(1)
            if check:
                with m.If(self.i.valid):
                    m.d.sync += [crc.eq(_crc_step(crc, self.i.payload)), byte.eq(byte + 1)]
            return self.i.valid

        def put(payload, check=True):
            """A byte goes out."""
            m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(payload)]
            with m.If(self.o.ready):
                if check:
                    m.d.sync += crc.eq(_crc_step(crc, payload))
                m.d.sync += byte.eq(byte + 1)
            return self.o.ready

        def reply(value):
            m.d.sync += status.eq(value)
            m.next = "Status"

        # A frame that stops in the middle is forgotten.
        patience, expired = Signal(protocol.TIMEOUT_BITS), Signal()
        with m.If(self.i.ready & ~self.i.valid):
            m.d.sync += Cat(patience, expired).eq(patience + 1)
        with m.Else():
            m.d.sync += [patience.eq(0), expired.eq(0)]

        with m.FSM():
            with m.State("Idle"):
                m.d.sync += [crc.eq(_crc_step(0, self.i.payload)), byte.eq(1)]
                m.d.sync += opcode.eq(self.i.payload)
                with m.If(take(check=False) & (self.i.payload != Opcode.NONE)):
                    m.next = "Header"

            with m.State("Header"):
                with m.If(take()):
                    for index in range(protocol.LOCATION_BYTES):
                        m.d.comb += self.set_pointer[index].eq(byte == 1 + index)
                    with m.If((byte > protocol.LOCATION_BYTES) & (byte < protocol.HEADER_BYTES - 1)):
                        m.d.sync += count.eq(Cat(count[8:], self.i.payload))
                    with m.If(byte == protocol.HEADER_BYTES - 1):
                        m.next = "Decode"
                with m.Elif(expired):
                    m.next = "Idle"

            with m.State("Decode"):
                m.d.sync += [byte.eq(0), crc.eq(0)]
                with m.If((crc != 0) | (opcode > Opcode.INFO)):
                    reply(Status.BAD_HEADER)
                with m.Elif(opcode == Opcode.WRITE):
                    m.next = "Receive"
                with m.Elif(opcode == Opcode.RUN):
                    m.d.comb += self.run.eq(1)
                    m.next = "Run"
                with m.Else():
                    reply(Status.OK)

            with m.State("Receive"):
                with m.If(take()):
                    m.d.sync += word.eq(Cat(word[8:], self.i.payload))
                    with m.If(byte == word_bytes - 1):
                        m.next = "Store"
                with m.Elif(expired):
                    m.next = "Idle"
            with m.State("Store"):
                m.d.comb += [self.memory_en.eq(1), self.memory_write.eq(1)]
                m.d.sync += [byte.eq(0), count.eq(count - 1)]
                m.next = "Receive"
                with m.If(count == 1):
                    m.next = "Check"
            with m.State("Check"):
                with m.If(take(check=False)):
                    reply(Mux(crc == self.i.payload, Status.OK, Status.BAD_DATA))
                with m.Elif(expired):
                    m.next = "Idle"

            with m.State("Run"):
                with m.If(self.layer_done):
                    m.d.sync += count.eq(count - 1)
                with m.If(self.idle):
                    reply(Status.OK)

            with m.State("Status"):
                with m.If(put(status, check=False)):
                    m.d.sync += [byte.eq(0), crc.eq(0)]
                    m.next = "Idle"
                    with m.If(status == Status.OK):
                        with m.If(opcode == Opcode.READ):
                            m.next = "Fetch"
                        with m.Elif(opcode == Opcode.INFO):
                            m.next = "Info"
            with m.State("Fetch"):
                m.d.comb += self.memory_en.eq(byte == 0)
                m.d.sync += [byte.eq(byte + 1), word.eq(self.read_data)]
                with m.If(byte == self.memory_latency):
                    m.d.sync += byte.eq(0)
                    m.next = "Send"
            with m.State("Send"):
                with m.If(put(word[:8])):
                    m.d.sync += word.eq(word >> 8)
                    with m.If(byte == word_bytes - 1):
                        m.d.sync += [byte.eq(0), count.eq(count - 1)]
                        m.next = "Fetch"
                        with m.If(count == 1):
                            m.next = "Close"
            with m.State("Info"):
                with m.If(put(info)):
                    with m.If(byte == protocol.INFO_BYTES - 1):
                        m.next = "Close"
            with m.State("Close"):
                with m.If(put(crc, check=False)):
                    m.next = "Idle"
        return m

    def _add_info(self, m, byte, info):
        constants = [C(value, 8) for value in identity(self.config)]
        counters = []
        for index in range(len(COUNTERS)):
            value = self.counters[index * COUNTER_BITS : (index + 1) * COUNTER_BITS]
            value = Cat(value, C(0, 8 * COUNTER_BYTES - COUNTER_BITS))
            counters += [value.word_select(b, 8) for b in range(COUNTER_BYTES)]
        m.d.comb += info.eq(Array([*constants, *counters])[byte])


def _crc_step(crc, byte) -> Value:
    """The CRC after one more byte."""
    value = list(Value.cast(crc) ^ byte | C(0, 8))
    for _ in range(8):
        top = value[7]
        shifted = [C(0, 1), *value[:7]]
        value = [
            bit ^ top if protocol.CRC_POLYNOMIAL >> index & 1 else bit
            for index, bit in enumerate(shifted)
        ]
    return Cat(value)
