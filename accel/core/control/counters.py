"""Counts the cycles of a run and what they were spent on."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ...protocol import COUNTER_BITS, COUNTERS
from ..link_signatures import CounterPort
from ..primitives.fanout import fan_out
from ..signals import advanced, delayed


class Counters(wiring.Component):
    """A counter of ``COUNTER_BITS`` for each of ``protocol.COUNTERS``, in their order.

    Timing: an event is counted two cycles later; ``clear`` takes as long.

    Members
    -------
    clear : In(1)
        Set all counters to 0.
    events : In(len(COUNTERS))
        What happens in this cycle, a bit for each counter.
    host : In(CounterPort)
        Moves all counters down by a bit; the lowest bit becomes the highest. Nothing may be counted
        meanwhile.
    value : Out
        The counters, one directly after the other.
    """

    def __init__(self, config: AcceleratorConfig, *, simulate: bool = False):
        self.config, self.simulate = config, simulate
        super().__init__(
            {
                "clear": In(1),
                "events": In(len(COUNTERS)),
                "host": In(CounterPort()),
                "value": Out(len(COUNTERS) * COUNTER_BITS),
            }
        )

    def elaborate(self, platform):
        m = Module()
        clear = fan_out(
            m,
            self.clear,
            len(COUNTERS),
            family=self.config.family,
            simulate=self.simulate,
            name="clear",
            init=0,
        )
        m.d.comb += self.host.bit.eq(self.value[0])
        rotated = Cat(self.value[1:], self.value[0])
        for index, name in enumerate(COUNTERS):
            event = delayed(m, self.events[index], 1, name=f"count_{name}", init=0)
            bits = slice(index * COUNTER_BITS, (index + 1) * COUNTER_BITS)
            counter = self.value[bits]
            m.d.sync += counter.eq(
                advanced(counter, event, load=self.host.next, loaded=rotated[bits])
            )
            with m.If(clear[index]):
                m.d.sync += counter.eq(0)
        return m
