"""The core's host interface: frames of bytes in, answers out."""

from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ... import protocol
from ...config import AcceleratorConfig
from ...isa import Isa
from ..link_signatures import CounterPort, HostFlash, HostMemory, HostWrite, LineRate, RunControl
from .byte_crc import bits_of
from .dispatch import Dispatch
from .order import FrameOrder
from .receiver import LinkTimes, Receiver
from .request import RequestRegister
from .sender import Sender
from .words import PayloadWords


class Link(wiring.Component):
    """Serves the requests of `protocol`. Receiver and sender do not wait for each other.

    Timing: accesses to memory pass a register. Data read from memory come ``memory_latency`` cycles
    after the access.

    Members
    -------
    i, o : stream of bytes
        From and to the host.
    run : Out(RunControl)
        Begins and aborts runs.
    memory : Out(HostMemory), read_data : In(word_bits)
        Moves the sequencer's pointer, and reads there while no program runs; what was read.
    write : Out(HostWrite)
        Words to write, at any time.
    counters : Out(CounterPort)
        What the last run counted.
    rate : Out(LineRate)
        The rate of a serial line.
    flash : Out(HostFlash)
        On cores with a flash: its status and the bytes from the pointer on.
    """

    def __init__(
        self, config: AcceleratorConfig, *, memory_latency: int, times: LinkTimes | None = None
    ):
        self.config = config
        self.receiver = Receiver(crc_bits=bits_of(config.family), times=times or LinkTimes())
        self.request = RequestRegister()
        self.words = PayloadWords(config)
        self.order = FrameOrder()
        self.dispatch = Dispatch()
        self.sender = Sender(config, memory_latency=memory_latency)
        super().__init__(
            {
                **({"flash": Out(HostFlash())} if config.flash_lanes else {}),
                "i": In(stream.Signature(8)),
                "o": Out(stream.Signature(8)),
                "run": Out(RunControl()),
                "memory": Out(HostMemory(config)),
                "read_data": In(config.word_bits),
                "write": Out(HostWrite(config)),
                "counters": Out(CounterPort()),
                "rate": Out(LineRate()),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.receiver = receiver = self.receiver
        m.submodules.request = self.request
        m.submodules.words = self.words
        m.submodules.order = self.order
        m.submodules.dispatch = self.dispatch
        m.submodules.sender = sender = self.sender
        wiring.connect(m, wiring.flipped(self.i), receiver.i)
        wiring.connect(m, sender.o, wiring.flipped(self.o))
        wiring.connect(m, sender.counters, wiring.flipped(self.counters))
        if self.config.flash_lanes:
            wiring.connect(m, sender.flash, wiring.flipped(self.flash))
        self._connect_frames(m)
        self._connect_writes(m)
        self._connect_order(m)
        self._connect_answers(m)
        return m

    def _connect_frames(self, m):
        """From the receiver to the request and its payload."""
        receiver, request, dispatch = self.receiver, self.request, self.dispatch
        words, byte = self.words, self.i.payload
        field, payload = Signal(), Signal()  # what the byte is that is taken in this cycle
        muted = Mux(receiver.begin, dispatch.waiting, dispatch.muted)  # as it is a cycle later
        m.d.sync += [field.eq(receiver.field & ~muted), payload.eq(receiver.payload)]
        m.d.comb += [
            request.byte.eq(byte),
            request.shift.eq(field),
            words.begin.eq(receiver.good & ~receiver.in_payload & dispatch.follows),
            words.byte.eq(byte),
            words.take.eq(payload),
            words.words.eq(dispatch.words),
            words.lanes_less_one.eq(request.o.lanes_less_one[: len(words.lanes_less_one)]),
            words.discard.eq(dispatch.discard),
            receiver.room.eq(words.room),
            receiver.unknown.eq(dispatch.unknown),
            Cat(dispatch.opcode, dispatch.flags).eq(request.o.opcode),
            dispatch.byte.eq(byte),
            dispatch.begin.eq(receiver.begin),
            dispatch.good.eq(receiver.good),
            dispatch.in_payload.eq(receiver.in_payload),
        ]
        # The bytes of a CRC come after the last word, and after the opcode.
        last_word = request.o.count[: protocol.COUNT_BITS] == 1
        m.d.sync += [
            receiver.settled.eq(words.room),
            receiver.follows.eq(dispatch.follows),
            receiver.last.eq(Mux(dispatch.words, words.word_end & last_word, words.extension_end)),
        ]
        m.d.comb += request.step.eq(payload & dispatch.words & words.word_end)

    def _connect_writes(self, m):
        """Words go to where the request's location has come. One that is read goes first."""
        words, request, sender = self.words, self.request, self.sender
        location = request.o.location[: Isa(self.config).location.size]
        m.d.comb += [
            self.write.valid.eq(words.o.valid & ~sender.memory.access),
            self.write.location.eq(location),
            self.write.data.eq(words.o.payload),
            words.o.ready.eq(self.write.taken),
            request.advance.eq(self.write.taken),
            sender.read_data.eq(self.read_data),
            self.memory.advance.eq(sender.memory.advance),
        ]
        m.d.sync += self.memory.access.eq(sender.memory.access)

    def _connect_order(self, m):
        receiver, order, dispatch, sender = self.receiver, self.order, self.dispatch, self.sender
        m.d.comb += [
            order.number.eq(self.request.o.number),
            order.step.eq(dispatch.step),
            order.set.eq(dispatch.set),
            order.acknowledge.eq(dispatch.acknowledge),
            order.spoilt.eq(receiver.spoilt & ~dispatch.muted),
            order.unknown.eq(dispatch.refuse),
            order.early.eq(dispatch.early),
            order.taken.eq(sender.taken),
            dispatch.is_next.eq(order.is_next),
            sender.due.eq(order.due),
            sender.status.eq(order.status),
            sender.expected.eq(order.expected),
        ]
        m.d.sync += dispatch.was_run.eq(sender.was_run & (self.request.o.number == sender.tag_kept))
        # A rate is valid once its acknowledgement has been sent, and not that of a frame before.
        rate_due, rate_told = Signal(), Signal()
        m.d.comb += rate_told.eq(rate_due & sender.acknowledged & ~order.due)
        with m.If(dispatch.rate):
            m.d.sync += rate_due.eq(1)
        with m.Elif(rate_told):
            m.d.sync += rate_due.eq(0)
        m.d.comb += [
            self.rate.bit.eq(self.request.o.count),
            self.rate.apply.eq(rate_told),
            self.rate.good.eq(receiver.good),
            self.rate.expired.eq(receiver.expired),
        ]

    def _connect_answers(self, m):
        """From the request to the run and to the answer."""
        request, extension = self.request.o, self.words.extension
        dispatch, sender, config = self.dispatch, self.sender, self.config
        size = Isa(config).pointer.size
        m.d.comb += [
            self.run.start.eq(dispatch.run),
            self.run.layers.eq(request.count),
            self.run.limit.eq(extension.limit[: protocol.LIMIT_BITS]),
            self.run.shared_layers.eq(extension.limit[protocol.LIMIT_BITS :]),
            dispatch.when_free.eq(request.opcode[protocol.OPCODE_BITS]),
            dispatch.free.eq(self.run.free),
            self.run.share.eq(request.opcode[protocol.OPCODE_BITS :]),
            self.run.abort.eq(dispatch.abort),
            dispatch.busy.eq(sender.busy),
            dispatch.running.eq(self.run.busy),
            sender.start.eq(dispatch.answer),
            sender.opcode.eq(request.opcode[: Shape.cast(protocol.Opcode).width]),
            sender.tag.eq(request.number),
            sender.lanes_less_one.eq(extension.lanes_less_one[: len(sender.lanes_less_one)]),
            sender.count.eq(extension.count),
            sender.location.eq(extension.location),
            sender.hold.eq(self.run.busy),
            sender.outcome.eq(self.run.outcome),
            sender.run.eq(dispatch.run),
            sender.chunk.eq(request.location[:size]),
            self.memory.set.eq(sender.memory.set),
            self.memory.location.eq(sender.memory.location),
        ]
        m.d.sync += [
            self.run.take.eq(dispatch.wrote & dispatch.when_free),
            self.run.band.eq(dispatch.wrote & request.opcode[protocol.OPCODE_BITS + 1]),
        ]
        if config.flash_lanes:
            m.d.comb += self.flash.check.eq(dispatch.check)
