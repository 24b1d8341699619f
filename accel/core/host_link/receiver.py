"""Parses the frames that come from the host."""

from dataclasses import dataclass

from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ... import protocol
from ..signals import reached
from .byte_crc import ByteCrc


@dataclass(frozen=True)
class LinkTimes:
    """How long the core waits for bytes, each as 2 to the power of so many cycles.

    ``frame_bits`` is for the next byte of a frame, ``silence_bits`` ends deafness.
    """

    frame_bits: int = protocol.TIMEOUT_BITS
    silence_bits: int = protocol.SILENCE_BITS


class Receiver(wiring.Component):
    """Tells the bytes of headers and payloads apart, and good frames from others.

    Between frames bytes of 0 are skipped. After a frame that is spoilt, or that the core knows
    nothing of, all bytes are dropped until the line has been silent.

    Timing: once its CRC has been computed it is told what a byte is; in the cycle after that it is
    taken. A verdict comes two cycles after the last byte or later, once all is ``settled``, and
    before the next byte is looked at.

    Parameters
    ----------
    crc_bits : int
        As `ByteCrc` has them.
    times : LinkTimes
        How long to wait for bytes.

    Members
    -------
    i : In(stream of bytes)
        From the host.
    begin : Out(1)
        A frame begins with the byte that is taken next.
    field, payload : Out(1)
        The byte that is taken next is one of a header's fields, or of a payload.
    room : In(1), last : In(1)
        A byte of the payload may be taken; it is the payload's last one.
    settled : In(1)
        What the frame asks to be written has been written.
    good : Out(1), in_payload : Out(1)
        A header is good, or, with ``in_payload``, a payload is.
    follows, unknown : In(1)
        After this good header follows a payload; or nobody knows what does.
    spoilt : Out(1)
        A CRC is wrong.
    expired : Out(1)
        For so long that a frame is forgotten no byte has come.
    """

    def __init__(self, *, crc_bits: int, times: LinkTimes):
        self.crc_bits = crc_bits
        self.times = times
        super().__init__(
            {
                "i": In(stream.Signature(8)),
                "begin": Out(1),
                "field": Out(1),
                "payload": Out(1),
                "room": In(1),
                "last": In(1),
                "settled": In(1),
                "good": Out(1),
                "in_payload": Out(1),
                "follows": In(1),
                "unknown": In(1),
                "spoilt": Out(1),
                "expired": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = ByteCrc(self.crc_bits)
        taking, closing, deaf = Signal(), Signal(), Signal()
        taken, paused, verdict, restart = Signal(), Signal(), Signal(), Signal()
        expired, silent = self._add_patience(m, taking | deaf)
        m.d.comb += [
            crc.byte.eq(self.i.payload),
            crc.add.eq(self.i.valid & taking & ~paused & ~expired),
            crc.closing.eq(closing),
            self.i.ready.eq(taken | deaf),
            self.expired.eq(expired),
        ]

        index = Signal(range(protocol.HEADER_BYTES))  # of a byte in the header or in a CRC
        at_begin, fields = Signal(init=1), Signal(init=1)
        header_ends, crc_ends, of_payload = Signal(), Signal(), Signal()
        m.d.sync += [
            at_begin.eq(index == 0),
            fields.eq(index < protocol.FIELD_BYTES),
            header_ends.eq(reached(index, protocol.HEADER_BYTES - 1)),
            crc_ends.eq(reached(index, protocol.CRC_BYTES - 1)),
            taken.eq(crc.done),
            crc.restart.eq(restart),
            # So what is said of the index is up to date before the next byte is looked at.
            paused.eq(crc.done | restart),
            self.good.eq(verdict & ~crc.wrong),
            self.spoilt.eq(verdict & crc.wrong),
            self.in_payload.eq(of_payload),
        ]
        with m.FSM():
            with m.State("Header"):
                m.d.comb += [taking.eq(1), closing.eq(~fields)]
                with m.If(crc.done):
                    nothing = at_begin & (self.i.payload == protocol.Opcode.NONE)
                    m.d.comb += [
                        self.begin.eq(at_begin & ~nothing),
                        self.field.eq(fields & ~nothing),
                        restart.eq(nothing),
                    ]
                    m.d.sync += [index.eq(index + ~nothing), of_payload.eq(0)]
                    with m.If(header_ends):
                        m.next = "Verdict"
                with m.Elif(expired & ~at_begin):
                    m.next = "Forget"
            with m.State("Payload"):
                m.d.comb += [taking.eq(self.room), self.payload.eq(crc.done)]
                with m.If(crc.done & self.last):
                    m.next = "CRC"
                with m.Elif(expired):
                    m.next = "Forget"
            with m.State("CRC"):
                m.d.comb += [taking.eq(1), closing.eq(1)]
                with m.If(crc.done):
                    m.d.sync += index.eq(index + 1)
                    with m.If(crc_ends):
                        m.next = "Verdict"
                with m.Elif(expired):
                    m.next = "Forget"
            with m.State("Verdict"), m.If(self.settled):
                m.d.comb += [restart.eq(1), verdict.eq(1)]
                m.d.sync += [index.eq(0), of_payload.eq(1)]
                m.next = "Header"
                with m.If(crc.wrong | (~of_payload & self.unknown)):
                    m.next = "Deaf"
                with m.Elif(~of_payload & self.follows):
                    m.next = "Payload"
            with m.State("Deaf"):
                m.d.comb += deaf.eq(1)
                with m.If(silent):
                    m.next = "Header"
            with m.State("Forget"):
                m.d.comb += restart.eq(1)
                m.d.sync += index.eq(0)
                m.next = "Header"
        return m

    def _add_patience(self, m, waiting):
        """Whether no byte has come for long; only cycles count in which one could have."""
        bits, silence = self.times.frame_bits, self.times.silence_bits
        patience = Signal(bits + 1)
        with m.If(~waiting | self.i.valid):
            m.d.sync += patience.eq(0)
        with m.Elif(~patience[-1]):
            m.d.sync += patience.eq(patience + 1)
        return patience[-1], patience[silence]
