"""Sends acknowledgements and answers."""

from enum import IntEnum

from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.crc import catalog
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, exact_log2

from ... import protocol
from ...config import AcceleratorConfig
from ...identity import identity
from ...isa import Isa
from ...protocol import IDENTITY_BYTES, INFO_BYTES, FlashStatus, Opcode, Status
from ..link_signatures import CounterPort, HostFlash, HostMemory
from ..signals import advanced, reached


class _Part(IntEnum):
    """Of an answer, in their order."""

    STATUS = 0
    NUMBER = 1
    FIXED = 2
    WORDS = 3
    CRC = 4


class Sender(wiring.Component):
    """Sends an acknowledgement as soon as one is due, and the answer with data that is due.

    Timing: a byte is offered eleven cycles or more after the one before was taken, as its bits are
    added to the CRC one by one; one of memory ``memory_latency + 3`` cycles later.

    Members
    -------
    o : stream of bytes
        To the host.
    due, status, expected : In, taken, acknowledged : Out(1)
        An acknowledgement is due, its status and number; it begins to be sent, with this status
        and the number that is expected once the status has been sent; it has been sent.
    start : In(1), opcode, tag, lanes_less_one, count, location : In
        An answer with data is due; what it says, its location a cycle later.
    run : In(1), chunk : In
        In the cycle of ``start``: the sequencer's pointer is to be set to this in the next one.
    was_run : Out(1), tag_kept : Out(8)
        The last answer with data is, or was, that of a run; its tag.
    busy : Out(1), hold : In(1)
        One is; it may not begin yet.
    memory : Out(HostMemory), read_data : In(word_bits)
        Words of memory, and what was read.
    counters : Out(CounterPort), outcome : In(protocol.Outcome)
        What the last run counted, and how it ended.
    flash : Out(HostFlash)
        On cores with a flash.
    """

    def __init__(self, config: AcceleratorConfig, *, memory_latency: int):
        self.config = config
        self.memory_latency = memory_latency
        super().__init__(
            {
                **({"flash": Out(HostFlash())} if config.flash_lanes else {}),
                "o": Out(stream.Signature(8)),
                "due": In(1),
                "status": In(8),
                "expected": In(8),
                "taken": Out(1),
                "acknowledged": Out(1),
                "start": In(1),
                "run": In(1),
                "chunk": In(Isa(config).pointer.size),
                "was_run": Out(1),
                "tag_kept": Out(8),
                "opcode": In(Opcode),
                "tag": In(8),
                "lanes_less_one": In(bits_for(config.rows - 1)),
                "count": In(protocol.COUNT_BITS),
                "location": In(Isa(config).pointer.size),
                "busy": Out(1),
                "hold": In(1),
                "memory": Out(HostMemory(config)),
                "read_data": In(config.word_bits),
                "counters": Out(CounterPort()),
                "outcome": In(protocol.Outcome),
            }
        )

    def elaborate(self, platform):
        m = Module()
        processor = catalog.CRC32_ISO_HDLC(data_width=1).create()
        restart = Signal()
        m.submodules.crc = crc = ResetInserter(restart)(processor)
        _Answer(m, self, crc, restart).states()
        return m


class _Answer:
    """The registers of an answer, and the states of the sender."""

    def __init__(self, m, sender, crc, restart):
        self.m, self.s, self.crc, self.restart = m, sender, crc, restart
        self.opcode, self.part = Signal(Opcode, name="opcode"), Signal(_Part, name="part")
        self.tag = sender.tag_kept
        self.lanes_less_one = Signal.like(
            sender.lanes_less_one, name="lanes_less_one", reset_less=True
        )
        self.missing = Signal.like(sender.count, name="missing", reset_less=True)
        self.location = Signal.like(sender.location, name="location", reset_less=True)
        self.with_data = Signal(name="with_data", reset_less=True)
        self.held = Signal(8, name="held", reset_less=True)
        waits = 2 + sender.memory_latency
        self.index = Signal(range(max(INFO_BYTES, sender.config.rows)), name="index")
        self.step = Signal(3, name="step")  # of a byte's bits
        self.wait = Signal(range(waits + 1), name="wait")
        self.has_flash = bool(sender.config.flash_lanes)
        self.from_flash = sender.flash.selected if self.has_flash else C(0)
        self.none = Signal(name="none")
        m.d.sync += self.none.eq(self.missing.all())
        self.fixed_bit = Signal(name="fixed_bit", reset_less=True)
        # Of a fixed byte: one of the identity; it is the last; one of a counter or the last; one of
        # a counter.
        self.known = Signal(8, name="known", reset_less=True)
        constants = Array(C(value, 8) for value in identity(sender.config))
        m.d.sync += self.known.eq(constants[self.index[: exact_log2(IDENTITY_BYTES)]])
        self.last, self.counted = Signal(name="last"), Signal(name="counted")
        self.counting = Signal(name="counting")
        # The next bit is prepared in this cycle, as the states say a cycle ahead.
        self.prepares = Signal(name="prepares")
        m.d.comb += sender.counters.next.eq(self.counting & self.prepares)
        last, counted = reached(self.index, INFO_BYTES - 1), self.index >= IDENTITY_BYTES
        m.d.sync += [
            self.last.eq(last),
            self.counted.eq(counted),
            self.counting.eq((self.part == _Part.FIXED) & counted & ~last),
        ]
        # As it was when the answer began: its bits are sent one by one.
        self.flash_status = Signal(FlashStatus, name="flash_status", reset_less=True)
        if self.has_flash:
            with m.If(restart):
                m.d.sync += self.flash_status.eq(sender.flash.status)
        self._take()

    def _take(self):
        """Keep what the answer says."""
        m, s = self.m, self.s
        word_sent = Signal(name="word_sent")
        self.word_sent = word_sent
        # One register has the pointer to a run's chunk for a cycle, and then that to its result.
        started, run = Signal(name="started"), Signal(name="run")
        self.started = started
        m.d.sync += [started.eq(s.start), run.eq(s.run)]
        with m.If(s.start):
            m.d.sync += [
                self.opcode.eq(s.opcode),
                self.tag.eq(s.tag),
                self.lanes_less_one.eq(s.lanes_less_one),
                s.busy.eq(1),
            ]
        with m.If(s.start | started):
            m.d.sync += self.location.eq(Mux(s.start, s.chunk, s.location))
        with m.If(s.start | word_sent):
            m.d.sync += self.missing.eq(
                advanced(self.missing, C(1, 1), load=s.start, loaded=~s.count)
            )
        m.d.comb += [
            s.memory.location.eq(self.location),
            s.memory.set.eq(run),
            s.was_run.eq(self.opcode == Opcode.RUN),
            s.memory.advance.eq(word_sent),
            s.o.payload.eq(self.held),
        ]

    def states(self):
        m, s = self.m, self.s
        with m.FSM():
            with m.State("Idle"):
                m.d.comb += [self.restart.eq(1), s.taken.eq(s.due)]
                m.d.sync += [
                    self.part.eq(_Part.STATUS),
                    self.with_data.eq(~s.due),
                    self.held.eq(Mux(s.due, s.status, self._status_of_data())),
                ]
                with m.If(s.due):
                    m.next = "Settle"
                with m.Elif(s.busy & ~s.hold & ~self.started):
                    m.next = "Point"
            with m.State("Point"):
                m.d.comb += s.memory.set.eq(1)
                m.next = "Seek"
            with m.State("Settle"):
                # What depends on the part and the index is in registers after this cycle.
                m.next = "Prepare"
                m.d.sync += self.prepares.eq(1)
            with m.State("Prepare"):
                self._prepare_bit()
                m.next = "Shift"
                with m.If(self.part == _Part.WORDS):
                    m.next = "Fetch"
            with m.State("Shift"):
                self._shift()
                m.d.sync += self.prepares.eq((self.step != 0) & (self.step != 7))
                with m.If(self.step == 0):
                    m.next = "Send"
                with m.Else():
                    self._prepare_bit()
            with m.State("Send"):
                m.d.comb += s.o.valid.eq(1)
                with m.If(s.o.ready):
                    self._go_on()
            self._add_words()

    def _status_of_data(self):
        # It has the opcode, but for HELLO, which is answered as INFO.
        low = Opcode.INFO.bit_length()
        opcode = Mux(self.opcode == Opcode.HELLO, Opcode.INFO, self.opcode)[:low]
        return Cat(opcode, C(Status.INFO >> low, 8 - low))

    def _shift(self):
        """Bit by bit a byte is made, or goes once around, and is added to the CRC."""
        m, closing, bit = self.m, Signal(name="closing"), Signal(name="bit")
        m.d.comb += [
            closing.eq(self.part == _Part.CRC),
            bit.eq(self.held[0]),
            self.crc.valid.eq(1),
            # The complement of the CRC's own bit moves it along and leaves it otherwise alone.
            self.crc.data.eq(bit ^ closing),
        ]
        with m.If(closing):
            m.d.comb += bit.eq(self.crc.crc[0])
        with m.Elif(self.part == _Part.FIXED):
            m.d.comb += bit.eq(self.fixed_bit)
        m.d.sync += self.held.eq(Cat(self.held[1:], bit))

    def _prepare_bit(self):
        """The next bit of the identity, the counters or the core's state, a cycle ahead."""
        self.m.d.sync += [self.fixed_bit.eq(self._fixed_bit()), self.step.eq(self.step + 1)]

    def _fixed_bit(self):
        s = self.s
        state = Cat(self.flash_status, C(0, 8))[: protocol.OUTCOME_SHIFT]
        state = Cat(state, s.outcome, C(0, 8))[:8]
        variable = Mux(self.last, state.bit_select(self.step, 1), s.counters.bit)
        return Mux(self.counted, variable, self.known.bit_select(self.step, 1))

    def _go_on(self):
        """What comes after a byte."""
        m, s, index = self.m, self.s, self.index
        m.next = "Settle"
        m.d.sync += index.eq(index + 1)
        with m.Switch(self.part):
            with m.Case(_Part.STATUS):
                m.d.sync += [
                    self.part.eq(_Part.NUMBER),
                    self.held.eq(Mux(self.with_data, self.tag, s.expected)),
                ]
            with m.Case(_Part.NUMBER):
                m.d.sync += [
                    self.part.eq(_Part.FIXED),
                    index.eq(Mux(self.opcode == Opcode.RUN, IDENTITY_BYTES, 0)),
                ]
                with m.If(~self.with_data):
                    self._close()
                with m.Elif(self.opcode == Opcode.READ):
                    self._begin_words()
            with m.Case(_Part.FIXED), m.If(reached(index, INFO_BYTES - 1)):
                self._begin_words()
                with m.If(self.opcode != Opcode.RUN):
                    self._close()
            with m.Case(_Part.WORDS):
                lane = index[: len(self.lanes_less_one)]
                with m.If(lane == self.lanes_less_one):
                    m.d.comb += self.word_sent.eq(1)
                    m.d.sync += index.eq(0)
            with m.Case(_Part.CRC), m.If(reached(index, protocol.CRC_BYTES - 1)):
                m.next = "Idle"
                m.d.comb += s.acknowledged.eq(~self.with_data)
                with m.If(self.with_data):
                    m.d.sync += s.busy.eq(0)

    def _close(self):
        self.m.d.sync += [self.part.eq(_Part.CRC), self.index.eq(0)]

    def _begin_words(self):
        self.m.d.sync += [self.part.eq(_Part.WORDS), self.index.eq(0)]

    def _add_words(self):
        """A byte of a word is read anew each time: others write to memory meanwhile.

        An answer with bytes of the flash begins when the first of them is there, so that no answer
        pauses.
        """
        m, s = self.m, self.s
        with m.State("Seek"):
            m.next = "Settle"
            if self.has_flash:
                words = ~self.none & ((self.opcode == Opcode.READ) | (self.opcode == Opcode.RUN))
                checking = s.flash.status == FlashStatus.CHECKING
                with m.If(self.from_flash & words):
                    m.d.comb += s.flash.start.eq(~checking)
                    m.next = "Seek"
                    with m.If(~checking):
                        m.next = "Wait"
        if self.has_flash:
            data, taken = s.flash.data, Signal(name="flash_taken")
            m.d.comb += data.ready.eq(taken)
            m.d.sync += taken.eq(0)
            with m.State("Wait"), m.If(data.valid):
                m.next = "Settle"
        with m.State("Fetch"):
            arrived = self.wait == 2 + s.memory_latency
            read = s.read_data.word_select(self.index[: bits_for(s.config.rows - 1)], 8)
            byte = Signal(8, name="byte", reset_less=True)
            m.d.sync += byte.eq(read)
            if self.has_flash:
                byte = Mux(self.from_flash, s.flash.data.payload, byte)
            m.d.sync += [
                self.wait.eq(Mux(arrived, 0, self.wait + 1)),
                self.held.eq(byte),
            ]
            asked = (self.wait == 0) & ~self.from_flash & ~self.none
            m.d.comb += s.memory.access.eq(asked)
            with m.If(arrived):
                m.next = "Shift"
            if self.has_flash:
                with m.If(self.from_flash):
                    m.d.sync += self.wait.eq(0)
                    m.next = "Fetch"
                    with m.If(data.valid):
                        m.d.sync += taken.eq(~self.none)
                        m.next = "Shift"
            with m.If(self.none):
                m.d.sync += self.wait.eq(0)
                m.next = "Shift"
                self._close()
