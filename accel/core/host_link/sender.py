"""Sends acknowledgements and answers."""

from enum import IntEnum

from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, exact_log2

from ... import protocol
from ...config import AcceleratorConfig
from ...identity import identity
from ...isa import Isa
from ...protocol import IDENTITY_BYTES, INFO_BYTES, FlashStatus, Opcode, Status
from ..signals import advanced, reached
from ..signatures import CounterPort, HostFlash, HostMemory
from .byte_crc import ByteCrc


class _Part(IntEnum):
    """Of an answer, in their order."""

    STATUS = 0
    NUMBER = 1
    FIXED = 2
    WORDS = 3
    CRC = 4


class Sender(wiring.Component):
    """Sends an acknowledgement as soon as one is due, and the answer with data that is due.

    Timing: a byte is offered four cycles or more after the CRC of the one before has been computed;
    one of memory ``memory_latency`` cycles later.

    Members
    -------
    o : stream of bytes
        To the host.
    due, status, expected : In, number_sent, acknowledged : Out(1)
        An acknowledgement is due, its status and number; these are being sent; it has been sent.
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

    def __init__(self, config: AcceleratorConfig, *, memory_latency: int, crc_bits: int):
        self.config = config
        self.memory_latency = memory_latency
        self.crc_bits = crc_bits
        super().__init__(
            {
                **({"flash": Out(HostFlash())} if config.flash_lanes else {}),
                "o": Out(stream.Signature(8)),
                "due": In(1),
                "status": In(8),
                "expected": In(8),
                "number_sent": Out(1),
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
        m.submodules.crc = ByteCrc(self.crc_bits)
        _Answer(m, self).states()
        return m


class _Answer:
    """The registers of an answer, and the states of the sender."""

    def __init__(self, m, sender):
        self.m, self.s, self.crc = m, sender, m.submodules.crc
        self.opcode, self.part = Signal(Opcode, name="opcode"), Signal(_Part, name="part")
        self.tag = sender.tag_kept
        self.lanes_less_one = Signal.like(
            sender.lanes_less_one, name="lanes_less_one", reset_less=True
        )
        self.missing = Signal.like(sender.count, name="missing", reset_less=True)
        self.location = Signal.like(sender.location, name="location", reset_less=True)
        self.with_data = Signal(name="with_data", reset_less=True)
        self.held = Signal(8, name="held", reset_less=True)
        self.chosen = Signal(8, name="chosen", reset_less=True)
        waits = 2 + sender.memory_latency
        self.index = Signal(range(max(INFO_BYTES, sender.config.rows)), name="index")
        self.wait = Signal(range(waits + 1), name="wait")
        self.has_flash = bool(sender.config.flash_lanes)
        self.from_flash = sender.flash.selected if self.has_flash else C(0)
        self.none = self.missing.all()
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
            self.crc.byte.eq(self.held),
            self.crc.closing.eq(self.part == _Part.CRC),
        ]

    def states(self):
        m, s = self.m, self.s
        with m.FSM():
            with m.State("Idle"):
                m.d.comb += self.crc.restart.eq(1)
                m.d.sync += [self.part.eq(_Part.STATUS), self.with_data.eq(~s.due)]
                with m.If(s.due):
                    m.next = "Load"
                with m.Elif(s.busy & ~s.hold & ~self.started):
                    m.d.comb += s.memory.set.eq(1)
                    m.next = "Seek"
            with m.State("Load"):
                self._load()
                m.next = "Send"
            with m.State("Send"):
                m.d.comb += s.o.valid.eq(1)
                with m.If(s.o.ready):
                    m.next = "Add"
            with m.State("Add"):
                m.d.comb += self.crc.add.eq(1)
                with m.If(self.crc.done):
                    self._go_on()
            self._add_words()

    def _load(self):
        """The next byte, but those of words."""
        m, s, index = self.m, self.s, self.index
        constants = Array(C(value, 8) for value in identity(s.config))
        flash = s.flash.status if self.has_flash else C(0, Shape.cast(FlashStatus))
        state = Cat(flash, C(0, protocol.OUTCOME_SHIFT - len(flash)), s.outcome)
        kinds = {Opcode.RUN: Status.RESULT, Opcode.READ: Status.DATA}
        with m.Switch(self.part):
            with m.Case(_Part.STATUS):
                m.d.sync += self.held.eq(s.status)
                with m.If(self.with_data):
                    m.d.sync += self.held.eq(Status.INFO)
                    for opcode, status in kinds.items():
                        with m.If(self.opcode == opcode):
                            m.d.sync += self.held.eq(status)
            with m.Case(_Part.NUMBER):
                m.d.sync += self.held.eq(Mux(self.with_data, self.tag, s.expected))
                m.d.comb += s.number_sent.eq(~self.with_data)
            with m.Case(_Part.FIXED):
                last = reached(index, INFO_BYTES - 1)
                counted = index >= IDENTITY_BYTES
                m.d.comb += s.counters.next.eq(counted & ~last)
                m.d.sync += self.held.eq(constants[index[: exact_log2(IDENTITY_BYTES)]])
                with m.If(last):
                    m.d.sync += self.held.eq(state)
                with m.Elif(counted):
                    m.d.sync += self.held.eq(s.counters.byte)
            with m.Case(_Part.WORDS):
                m.d.sync += self.held.eq(self.chosen)
            with m.Case(_Part.CRC):
                m.d.sync += self.held.eq(self.crc.low)

    def _go_on(self):
        """What comes after a byte."""
        m, s, index = self.m, self.s, self.index
        m.next = "Load"
        m.d.sync += index.eq(index + 1)
        with m.Switch(self.part):
            with m.Case(_Part.STATUS):
                m.d.sync += self.part.eq(_Part.NUMBER)
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
                m.next = "Fetch"
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
        self.m.next = "Load"
        self.m.d.sync += [self.part.eq(_Part.CRC), self.index.eq(0)]

    def _begin_words(self):
        self.m.next = "Fetch"
        self.m.d.sync += [self.part.eq(_Part.WORDS), self.index.eq(0)]

    def _add_words(self):
        """A byte of a word is read anew each time: others write to memory meanwhile.

        An answer with bytes of the flash begins when the first of them is there, so that no answer
        pauses.
        """
        m, s = self.m, self.s
        with m.State("Seek"):
            m.next = "Load"
            if self.has_flash:
                words = ~self.none & ((self.opcode == Opcode.READ) | (self.opcode == Opcode.RUN))
                checking = s.flash.status == FlashStatus.CHECKING
                with m.If(self.from_flash & words):
                    m.d.comb += s.flash.start.eq(~checking)
                    m.next = "Seek"
                    with m.If(~checking):
                        m.next = "Wait"
        if self.has_flash:
            with m.State("Wait"), m.If(s.flash.data.valid):
                m.next = "Load"
        with m.State("Fetch"):
            arrived = self.wait == 1 + s.memory_latency
            byte = self.index[: bits_for(s.config.rows - 1)]
            m.d.sync += [
                self.wait.eq(Mux(arrived, 0, self.wait + 1)),
                self.chosen.eq(s.read_data.word_select(byte, 8)),
            ]
            asked = (self.wait == 0) & ~self.from_flash & ~self.none
            m.d.comb += s.memory.access.eq(asked)
            with m.If(arrived):
                m.next = "Load"
            if self.has_flash:
                data = s.flash.data
                with m.If(self.from_flash):
                    m.d.sync += [
                        self.wait.eq(0),
                        self.chosen.eq(data.payload),
                        data.ready.eq(data.valid & ~data.ready & ~self.none),
                    ]
                    m.next = "Fetch"
                    with m.If(data.ready):
                        m.next = "Load"
            with m.If(self.none):
                m.d.sync += self.wait.eq(0)
                self._close()
