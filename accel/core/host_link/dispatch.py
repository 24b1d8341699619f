"""What becomes of a good frame: when a request begins, and which waits."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import BANKS
from ...protocol import BAND, OPCODE_BITS, WHEN_FREE, Opcode


class Dispatch(wiring.Component):
    """Decides what a frame does.

    A request that is answered with data waits until no other such answer is due. Meanwhile its
    fields are kept, so the core hears only ``ABORT``: other frames that begin then are *muted*.

    Members
    -------
    opcode : In(4), flags : In(4), byte : In(8)
        Of the request that is held; the byte that is taken.
    begin, good, in_payload : In(1)
        As `Receiver` has them.
    follows, unknown : Out(1), words : Out(1), discard : Out(1)
        What follows a header: a payload, nobody knows what; a payload of words, not to be written.
    waiting, muted : Out(1)
        A request waits; the frame in progress began while one did.
    when_free, free : In(1), early : Out(1)
        The request's words are to be written only where their place is free; it is; the frame that
        is acknowledged came too early.
    wrote : Out(1)
        Words have been written as asked for.
    is_next : In(1), step, set : Out(1)
        As `FrameOrder` has them.
    was_run : In(1)
        The frame has the number of the run whose result was answered last, or is due.
    acknowledge, refuse : Out(1)
        Acknowledge a good frame, or one that is not known.
    busy, running : In(1)
        An answer with data is due; a run is in progress.
    answer, run : Out(1)
        The request becomes the answer that is due; it begins a run.
    check, abort, rate : Out(1)
        Check the flash; end the run; set the rate.
    """

    def __init__(self):
        super().__init__(
            {
                "opcode": In(OPCODE_BITS),
                "flags": In(8 - OPCODE_BITS),
                "byte": In(8),
                "begin": In(1),
                "good": In(1),
                "in_payload": In(1),
                "follows": Out(1),
                "unknown": Out(1),
                "words": Out(1),
                "discard": Out(1),
                "waiting": Out(1),
                "muted": Out(1),
                "when_free": In(1),
                "free": In(1),
                "early": Out(1),
                "wrote": Out(1),
                "is_next": In(1),
                "was_run": In(1),
                "step": Out(1),
                "set": Out(1),
                "acknowledge": Out(1),
                "refuse": Out(1),
                "busy": In(1),
                "running": In(1),
                "answer": Out(1),
                "run": Out(1),
                "check": Out(1),
                "abort": Out(1),
                "rate": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        muted, waiting = self.muted, self.waiting
        fresh, early, is_abort = Signal(), Signal(), Signal()
        write, run, read, info, hello, check, rate = (
            self.opcode == opcode for opcode in Opcode if opcode not in (Opcode.NONE, Opcode.ABORT)
        )
        with m.If(self.begin):
            m.d.sync += [muted.eq(waiting), is_abort.eq(self.byte == Opcode.ABORT)]

        header = self.good & ~self.in_payload
        payload = self.good & self.in_payload
        known = Signal()  # of a header: all its bytes have been held for cycles
        heard = header & known & ~is_abort
        m.d.sync += known.eq(is_abort | (~muted & self._is_known()))
        m.d.comb += [
            self.words.eq(write),
            self.follows.eq(~muted & ~is_abort & (write | run | read)),
            self.unknown.eq(~known),
            self.refuse.eq(header & ~muted & ~known),
            self.abort.eq(header & is_abort),
            self.rate.eq(heard & rate),
            self.step.eq(payload & (write | run) & self.is_next & ~self.early),
            self.early.eq(early & write),
            self.wrote.eq(self.step & write),
        ]
        with m.If(heard):
            too_early = self.when_free & ~self.free
            m.d.sync += [
                self.discard.eq(~self.is_next | too_early),
                early.eq(too_early & self.is_next),
            ]

        # A run that is asked for again has its answer again, unless that is due anyway.
        again = self.was_run & ~self.running
        m.d.comb += [
            self.answer.eq(waiting & ~self.busy & ~check),
            self.run.eq(self.answer & run & fresh),
            self.set.eq(self.answer & hello),
            self.check.eq(waiting & ~self.busy & check),
            self.acknowledge.eq((payload & (write | run)) | self.abort | self.rate | self.check),
        ]
        with m.If(payload):
            m.d.sync += fresh.eq(self.is_next)
        with m.If(self.abort | (waiting & ~self.busy)):
            m.d.sync += waiting.eq(0)
        with m.Elif(heard & (info | hello | check)):
            m.d.sync += waiting.eq(1)
        with m.Elif(payload & (read | (run & (self.is_next | again)))):
            m.d.sync += waiting.eq(1)
        return m

    def _is_known(self):
        """Whether the request that is held is one of this core, with flags that it has."""
        opcode, flags = self.opcode, self.flags
        written = (opcode == Opcode.WRITE) & ~(flags & ~((WHEN_FREE | BAND) >> OPCODE_BITS)).any()
        shared = (opcode == Opcode.RUN) & ~flags[BANKS:].any()
        # No request begins with NONE.
        return ((flags == 0) & (opcode <= max(Opcode))) | written | shared
