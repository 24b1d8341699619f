"""Which frame is expected, and what is to be acknowledged."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ...protocol import ACKNOWLEDGEMENTS, NUMBERS, Status

number_bits = exact_log2(NUMBERS)


class FrameOrder(wiring.Component):
    """The number of the frame that is expected, and the acknowledgement that is due.

    Members
    -------
    number : In(8)
        Of a frame.
    is_next : Out(1)
        It is the expected one.
    step : In(1), set : In(1)
        The next number is expected; ``number`` is.
    expected : Out(8)
        The number that is expected.
    acknowledge : In(1), spoilt, unknown, early : In(1)
        An acknowledgement is due; why, unless it is of a good frame in its time.
    due : Out(1), status : Out(8)
        One is; its status.
    sent : In(1)
        Its number is being sent.
    """

    def __init__(self):
        super().__init__(
            {
                "number": In(number_bits),
                "is_next": Out(1),
                "step": In(1),
                "set": In(1),
                "expected": Out(number_bits),
                "acknowledge": In(1),
                "spoilt": In(1),
                "unknown": In(1),
                "early": In(1),
                "due": Out(1),
                "status": Out(8),
                "sent": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.is_next.eq(self.number == self.expected)
        with m.If(self.set):
            m.d.sync += self.expected.eq(self.number)
        with m.Elif(self.step):
            m.d.sync += self.expected.eq(self.expected + 1)

        kind = Signal(range(len(ACKNOWLEDGEMENTS)))
        with m.If(self.acknowledge | self.spoilt | self.unknown):
            index = {status: number for number, status in enumerate(ACKNOWLEDGEMENTS)}
            reason = Mux(self.early, index[Status.EARLY], index[Status.OK])
            reason = Mux(self.unknown, index[Status.UNKNOWN], reason)
            m.d.sync += [
                self.due.eq(1),
                kind.eq(Mux(self.spoilt, index[Status.SPOILT], reason)),
            ]
        with m.Elif(self.sent):
            m.d.sync += self.due.eq(0)
        m.d.comb += self.status.eq(Array(C(status, 8) for status in ACKNOWLEDGEMENTS)[kind])
        return m
