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
        It is the expected one, a cycle later.
    step : In(1), set : In(1)
        The next number is expected; ``number`` is.
    expected : Out(8)
        The number that is expected.
    acknowledge : In(1), spoilt, unknown, early : In(1)
        An acknowledgement is due; why, unless it is of a good frame in its time.
    due : Out(1), status : Out(8)
        One is; its status, which is not that of a good frame as long as one of its frames was none.
    taken : In(1)
        It begins to be sent, with the status of this cycle.
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
                "taken": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.is_next.eq(self.number == self.expected)
        with m.If(self.set):
            m.d.sync += self.expected.eq(self.number)
        with m.Elif(self.step):
            m.d.sync += self.expected.eq(self.expected + 1)

        # What is due may be due for several frames. That one came too early must be told, even if
        # others came after it, out of order.
        with m.If(self.taken):
            m.d.sync += self.due.eq(0)
        with m.If(self.acknowledge | self.spoilt | self.unknown):
            m.d.sync += self.due.eq(1)
        spoilt, unknown, early = (
            self._until_taken(m, event, name)
            for event, name in (
                (self.spoilt, "spoilt"),
                (self.unknown, "unknown"),
                (self.acknowledge & self.early, "early"),
            )
        )
        kind = Signal(range(len(ACKNOWLEDGEMENTS)))
        index = {status: number for number, status in enumerate(ACKNOWLEDGEMENTS)}
        good = Mux(early, index[Status.EARLY], index[Status.OK])
        known = Mux(unknown, index[Status.UNKNOWN], good)
        m.d.comb += [
            kind.eq(Mux(spoilt, index[Status.SPOILT], known)),
            self.status.eq(Array(C(status, 8) for status in ACKNOWLEDGEMENTS)[kind]),
        ]
        return m

    def _until_taken(self, m, event, name):
        """Whether this was so for a frame whose acknowledgement is not being sent."""
        was_so = Signal(name=f"was_{name}")
        m.d.sync += was_so.eq(event | (was_so & ~self.taken))
        return was_so
