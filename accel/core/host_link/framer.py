"""Bytes from and to the host: one at a time, counted, and checked by a CRC."""

from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ... import protocol


class Framer(wiring.Component):
    """Moves the bytes of frames in either direction and keeps their CRC and their number.

    Timing: a byte that moves in one cycle is counted and added to the CRC in the next. Only in the
    cycle after that may another byte move, so a state of the link that looks at ``count`` when a
    byte moves sees the number of bytes before it. ``crc_is_zero`` takes one more cycle and is
    valid where ``settled`` is set.

    Members
    -------
    i, o : stream of bytes
        From and to the host.
    receive : In(1), received : Out(1)
        Take a byte as soon as one may move; one is taken in this cycle.
    listen : In(1)
        No frame is in progress: take a byte in every cycle.
    send, send_crc : In(1), data : In(8), sent : Out(1)
        Send ``data``, or the CRC, as soon as a byte may move; it leaves in this cycle.
    ready : Out(1)
        A byte may move: the one before it has been counted.
    last_byte : Out(8)
        The byte that moved last.
    restart : In(1)
        A new CRC and a new count begin; a byte that moves in this cycle belongs to neither.
    restart_count : In(1)
        A new count begins; a byte that moves in this cycle is not counted.
    count_cycle, clear_count : In(1)
        Count this cycle like a byte; set the count to 0.
    count : Out
        Bytes since the count began.
    settled, crc_is_zero : Out(1)
        The CRC of what came, its own CRC included, is 0, as it is where there was no error.
    expired : Out(1)
        For ``2 ** TIMEOUT_BITS`` cycles a byte could have come and none did.
    """

    def __init__(self, *, most: int):
        super().__init__(
            {
                "i": In(stream.Signature(8)),
                "o": Out(stream.Signature(8)),
                "receive": In(1),
                "received": Out(1),
                "listen": In(1),
                "send": In(1),
                "send_crc": In(1),
                "data": In(8),
                "sent": Out(1),
                "ready": Out(1),
                "last_byte": Out(8),
                "restart": In(1),
                "restart_count": In(1),
                "count_cycle": In(1),
                "clear_count": In(1),
                "count": Out(range(most)),
                "settled": Out(1),
                "crc_is_zero": Out(1),
                "expired": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        pending, restarted, count_restarted = Signal(), Signal(), Signal()
        # A reset, where the processor's own input would be an input of every bit's sum.
        m.submodules.crc = crc = ResetInserter(restarted)(protocol.CRC.create())
        moved = Signal()
        last_byte = Signal(8, reset_less=True)
        crc_is_zero = Signal(reset_less=True)

        # A byte moves where the previous one has been counted.
        m.d.comb += [
            self.ready.eq(~(pending | restarted)),
            self.i.ready.eq((self.receive & self.ready) | self.listen),
            self.received.eq(self.i.valid & self.receive & self.ready),
            self.o.valid.eq(self.ready & (self.send | self.send_crc)),
            self.o.payload.eq(Mux(self.send_crc, crc.crc, self.data)),
            self.sent.eq(self.ready & self.o.ready),
            moved.eq((self.i.valid & self.i.ready) | (self.o.valid & self.o.ready)),
        ]

        # It is counted a cycle later, and the CRC is compared a cycle after that.
        m.d.comb += [
            crc.valid.eq(pending),
            crc.data.eq(last_byte),
            self.last_byte.eq(last_byte),
            self.crc_is_zero.eq(crc_is_zero),
        ]
        m.d.sync += [
            last_byte.eq(Mux(self.o.valid, self.o.payload, self.i.payload)),
            pending.eq(moved & ~self.restart),
            restarted.eq(self.restart),
            count_restarted.eq(self.restart_count),
            self.settled.eq(~pending),
            crc_is_zero.eq(crc.crc == 0),
        ]
        with m.If(restarted | count_restarted | self.clear_count):
            m.d.sync += self.count.eq(0)
        with m.Elif(pending | self.count_cycle):
            m.d.sync += self.count.eq(self.count + 1)

        # Only cycles in which the host is waited for count for the timeout.
        patience, expired = Signal(protocol.TIMEOUT_BITS), Signal()
        m.d.comb += self.expired.eq(expired)
        with m.If(self.i.ready & ~self.i.valid & ~expired):
            m.d.sync += Cat(patience, expired).eq(patience + 1)
        with m.Else():
            m.d.sync += [patience.eq(0), expired.eq(0)]
        return m
