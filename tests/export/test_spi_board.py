# amaranth: UnusedElaboratable=no
"""The SPI target as campaigns simulate it, on one clock: bytes cross both ways without a gap."""

import random

from amaranth.hdl import Elaboratable, Module
from amaranth.lib import wiring

from accel.core.host_link.spi import SpiTarget
from tests.support.host.spi_board import SpiHost, sampled
from tests.support.rtl.simulation import Stalls, receive, send, simulate


class Line(Elaboratable):
    """A host, its target, and behind that what says the same as it hears."""

    def __init__(self):
        self.host, self.target = SpiHost(), SpiTarget()

    def elaborate(self, platform):
        m = Module()
        m.submodules.host, host = self.host, self.host
        m.submodules.target = sampled(self.target, host)
        wiring.connect(m, self.target.o, self.target.i)
        m.d.comb += [
            self.target.sck.eq(host.sck),
            self.target.copi.eq(host.copi),
            self.target.select.eq(1),
            host.cipo.eq(self.target.cipo),
        ]
        return m


def test_what_is_heard_comes_back_a_byte_or_two_later():
    line, said = Line(), random.Random(1).randbytes(60)
    came = []

    async def host(ctx):
        await send(ctx, line.host.i, said, Stalls(0))

    async def listener(ctx):
        came.extend(await receive(ctx, line.host.o, len(said), Stalls(0)))

    simulate(line, host, listener, cycles=40 * len(said))
    late = came.index(said[0], 1)
    assert late <= 3
    assert bytes(came[late:]) == said[: len(said) - late]
    assert not any(came[:late])
