"""The core's host interface: frames of bytes in, replies out."""

from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, exact_log2

from ... import protocol
from ...config import AcceleratorConfig
from ...identity import identity
from ...protocol import IDENTITY_BYTES, FlashStatus, Opcode, Status
from ..signals import advanced, delayed


class Link(wiring.Component):
    """Serves the frames of `protocol`, one at a time.

    Members
    -------
    i, o : stream of bytes
        From and to the host.
    set_pointer, pointer_byte : Out
        A byte of the location of a frame.
    memory_en : Out(1), memory_write : Out(rows), write_byte : Out(8), read_data : In
        Access to the word at the pointer: read it, or write the byte of it that came a cycle
        before. Read data stay.
    advance : Out(1)
        Move the pointer on.
    run, stop : Out, idle, layer_done : In
        The sequencer.
    counter_byte : In(8), turn_counters : Out(1)
        The lowest byte of the counters, and that the next one is wanted.
    from_flash, refused : In(1)
        The pointer is into the flash; the last run ended in a flash that is not valid.
    flash_status : In(FlashStatus), flash_start, flash_check : Out(1), flash : In(stream of bytes)
        On cores with a flash: what was found there; read it from the pointer on; look again; what is
        read.
    """

    def __init__(self, config: AcceleratorConfig, *, memory_latency: int):
        self.config = config
        self.memory_latency = memory_latency
        flash = {
            "from_flash": In(1),
            "flash_status": In(FlashStatus),
            "flash_start": Out(1),
            "flash_check": Out(1),
            "flash": In(stream.Signature(8)),
        }
        super().__init__(
            {
                **(flash if config.flash_lanes else {}),
                "refused": In(1),
                "i": In(stream.Signature(8)),
                "o": Out(stream.Signature(8)),
                "set_pointer": Out(protocol.LOCATION_BYTES),
                "pointer_byte": Out(8),
                "memory_en": Out(1),
                "memory_write": Out(config.rows),
                "write_byte": Out(8),
                "advance": Out(1),
                "read_data": In(config.word_bits),
                "run": Out(1),
                "stop": Out(1),
                "idle": In(1),
                "layer_done": In(1),
                "counter_byte": In(8),
                "turn_counters": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        word_bytes = self.config.rows
        opcode, known = Signal(Shape.cast(Opcode)), Signal()
        # Minus the words or layers that are left, less one
        count = Signal(8 * protocol.COUNT_BYTES)
        held = Signal(8, reset_less=True)
        chosen = Signal(8, reset_less=True)  # of a word, which comes from afar
        outcome = Signal(range(len(Status)))
        status = Array(C(value, 8) for value in Status)[outcome]
        byte = Signal(range(max(word_bytes, protocol.INFO_BYTES, protocol.HEADER_BYTES)))
        # Words and layers are counted after the event, and which is the last one after that.
        counting, counted, last_word = Signal(), Signal(2), Signal()
        coming, passed = Signal(), Signal(8, reset_less=True)
        m.d.sync += [coming.eq(0), counted.eq(Cat(counting, counted)), last_word.eq(~count == 1)]
        with m.If(counted[0] | coming):
            following = Cat(count[8:], ~passed)
            m.d.sync += count.eq(advanced(count, C(1, 1), load=coming, loaded=following))

        m.d.comb += [
            self.write_byte.eq(self.i.payload),
            self.stop.eq(last_word),
        ]

        layer_done = delayed(m, self.layer_done, 1, name="layer_done", init=0)

        # What is asked of the memory and the sequencer passes registers.
        en, write, advance = Signal(), Signal.like(self.memory_write), Signal()
        set_pointer, run = Signal.like(self.set_pointer), Signal()
        turn = Signal()
        m.d.sync += [
            self.turn_counters.eq(turn),
            self.memory_en.eq(en),
            self.memory_write.eq(write),
            self.advance.eq(advance),
            self.set_pointer.eq(set_pointer),
            self.run.eq(run),
        ]

        # Every byte, of either direction, is counted and goes through one CRC, a cycle later, and only
        # after that comes another one; what a byte to send is depends on the state. A state restarts
        # the CRC and the count of bytes by `restart`, and only the count by `count_anew`.
        source = {name: Signal(name=f"send_{name}") for name in ("status", "held", "crc")}
        restart, restarted, moved, crc = Signal(), Signal(), Signal(), Signal(8)
        pending, ready = Signal(), Signal()
        count_anew, counts_anew = Signal(), Signal()
        # Whether a CRC was right is looked at in a cycle of its own.
        settled, clean = Signal(), Signal(reset_less=True)
        m.d.comb += [self.o.valid.eq(Cat(source.values()).any()), self.pointer_byte.eq(passed)]
        for name, value in {"status": status, "held": held, "crc": crc}.items():
            with m.If(source[name]):
                m.d.comb += self.o.payload.eq(value)
        m.d.comb += moved.eq((self.i.valid & self.i.ready) | (self.o.valid & self.o.ready))
        m.d.sync += [
            passed.eq(Mux(self.o.valid, self.o.payload, self.i.payload)),
            pending.eq(moved & ~restart),
            restarted.eq(restart),
            settled.eq(~pending),
            clean.eq(crc == 0),
            counts_anew.eq(count_anew),
        ]
        m.d.comb += ready.eq(~(pending | restarted))
        with m.If(restarted):
            m.d.sync += crc.eq(0)
        with m.Elif(pending):
            m.d.sync += crc.eq(_crc_step(crc, passed))
        with m.If(restarted | counts_anew):
            m.d.sync += byte.eq(0)
        with m.Elif(pending):
            m.d.sync += byte.eq(byte + 1)

        # A frame that stops in the middle is forgotten.
        patience, expired = Signal(protocol.TIMEOUT_BITS), Signal()
        with m.If(self.i.ready & ~self.i.valid & ~expired):
            m.d.sync += Cat(patience, expired).eq(patience + 1)
        with m.Else():
            m.d.sync += [patience.eq(0), expired.eq(0)]

        def taken(when=1):
            """A byte comes in; it is taken when the one before is done with, or something else."""
            m.d.comb += self.i.ready.eq(ready & when)
            return self.i.valid & ready & when

        def sent(name):
            """A byte goes out."""
            m.d.comb += source[name].eq(ready)
            return self.o.ready & ready

        def answer(value):
            m.d.sync += outcome.eq(list(Status).index(value))
            m.next = "Status"

        def next_word():
            m.d.comb += [advance.eq(1), counting.eq(1), count_anew.eq(1)]

        word_end, info_end = byte == word_bytes - 1, byte == protocol.INFO_BYTES - 1
        from_flash = self.from_flash if self.config.flash_lanes else C(0)
        with m.FSM():
            with m.State("Idle"):
                m.d.sync += [opcode.eq(self.i.payload), known.eq(self.i.payload <= max(Opcode))]
                m.d.comb += restart.eq(self.i.payload == Opcode.NONE)
                m.d.comb += self.i.ready.eq(1)
                with m.If(self.i.valid & (self.i.payload != Opcode.NONE)):
                    m.next = "Header"

            with m.State("Header"):
                fields_end = byte == protocol.HEADER_BYTES - 1
                with m.If(taken()):
                    for index in range(protocol.LOCATION_BYTES):
                        m.d.comb += set_pointer[index].eq(byte == 1 + index)
                    m.d.sync += coming.eq((byte > protocol.LOCATION_BYTES) & ~fields_end)
                    with m.If(fields_end):
                        m.next = "Decode"
                with m.Elif(expired):
                    m.next = "Forget"
            with m.State("Decode"), m.If(settled & ready):
                m.d.comb += restart.eq(1)
                with m.If(~clean | ~known):
                    answer(Status.BAD_HEADER)
                with m.Elif(opcode == Opcode.WRITE):
                    m.next = "Receive"
                with m.Elif(opcode == Opcode.RUN):
                    m.d.comb += run.eq(1)
                    m.next = "Run"
                with m.Else():
                    answer(Status.OK)
                    if self.config.flash_lanes:
                        m.d.comb += self.flash_check.eq(opcode == Opcode.CHECK)
            with m.State("Forget"):
                m.d.comb += restart.eq(1)
                m.next = "Idle"

            # WRITE
            with m.State("Receive"):
                with m.If(taken(~counted.any())):
                    m.d.comb += [en.eq(1), write.eq(1 << byte)]
                    with m.If(word_end):
                        next_word()
                        with m.If(last_word):
                            m.next = "Check"
                with m.Elif(expired):
                    m.next = "Forget"
            with m.State("Check"):
                with m.If(taken()):
                    m.next = "Verdict"
                with m.Elif(expired):
                    m.next = "Forget"
            with m.State("Verdict"), m.If(settled & ready):
                answer(Status.BAD_DATA)
                with m.If(clean):
                    answer(Status.OK)

            # RUN
            with m.State("Run"):
                m.d.comb += counting.eq(layer_done)
                with m.If(self.idle & ~self.run):
                    answer(Status.OK)
                    with m.If(self.refused):
                        answer(Status.BAD_FLASH)

            # The reply, and what READ and INFO send with it
            with m.State("Status"), m.If(sent("status")):
                m.d.comb += restart.eq(1)
                m.next = "Idle"
                with m.If((outcome == 0) & (opcode == Opcode.READ)):
                    m.next = "Fetch"
                with m.If((outcome == 0) & (opcode == Opcode.INFO)):
                    m.next = "Info"
            with m.State("Fetch"), m.If(ready):
                m.d.comb += en.eq((byte == 0) & ~from_flash)
                m.d.sync += byte.eq(byte + 1)
                with m.If(from_flash | (byte == 1 + self.memory_latency)):
                    m.d.sync += byte.eq(0)
                    m.next = "Choose"
                if self.config.flash_lanes:
                    m.d.comb += self.flash_start.eq(from_flash)
            with m.State("Choose"), m.If(ready):
                part = self.read_data.word_select(byte[: bits_for(word_bytes - 1)], 8)
                m.d.sync += chosen.eq(part)
                m.next = "Data"
            with m.State("Data"), m.If(ready):
                m.d.sync += held.eq(chosen)
                m.next = "Send data"
                if self.config.flash_lanes:
                    with m.If(from_flash):
                        m.d.sync += [
                            held.eq(self.flash.payload),
                            self.flash.ready.eq(self.flash.valid & ~self.flash.ready),
                        ]
                        with m.If(~self.flash.ready):
                            m.next = "Data"
            with m.State("Send data"), m.If(sent("held")):
                m.next = "Choose"
                with m.If(word_end):
                    next_word()
                    with m.If(~from_flash):
                        m.next = "Fetch"
                    with m.If(last_word):
                        m.next = "Close"
            with m.State("Info"), m.If(ready):
                m.d.comb += turn.eq((byte >= IDENTITY_BYTES) & ~info_end)
                m.d.sync += held.eq(self._info(byte, info_end))
                m.next = "Send info"
            with m.State("Send info"), m.If(sent("held")):
                m.next = "Info"
                with m.If(info_end):
                    m.next = "Close"
            with m.State("Close"), m.If(sent("crc")):
                m.d.comb += restart.eq(1)
                m.next = "Idle"
        return m

    def _info(self, byte, last):
        """The byte of the reply to INFO."""
        constants = Array(C(value, 8) for value in identity(self.config))
        status = self.flash_status if self.config.flash_lanes else 0
        measured = Mux(last, status, self.counter_byte)
        return Mux(byte >= IDENTITY_BYTES, measured, constants[byte[: exact_log2(IDENTITY_BYTES)]])


def _crc_step(crc: Value, byte: Value) -> Value:
    """The CRC after one more byte."""
    value = list(crc ^ byte)
    for _ in range(8):
        top = value[7]
        shifted = [C(0, 1), *value[:7]]
        value = [
            bit ^ top if protocol.CRC_POLYNOMIAL >> index & 1 else bit
            for index, bit in enumerate(shifted)
        ]
    return Cat(value)
