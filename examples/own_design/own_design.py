"""A core as a component of a design of one's own, run by accel's driver in Amaranth's simulator.

python examples/own_design/own_design.py
"""

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

import accel
from accel.core.core import Core
from accel.datapath import network
from accel.host.runner import run

CONFIG = accel.AcceleratorConfig(rows=2, columns=2, weight_steps=64, bank_words=1024)


class OwnDesign(wiring.Component):
    """A core behind a FIFO for each direction, and a counter of the cycles in which it works."""

    i: In(stream.Signature(8))
    o: Out(stream.Signature(8))
    worked: Out(32)

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = Core(CONFIG)
        m.submodules.before = before = fifo.SyncFIFOBuffered(width=8, depth=16)
        m.submodules.after = after = fifo.SyncFIFOBuffered(width=8, depth=16)
        wiring.connect(m, wiring.flipped(self.i), before.w_stream)
        wiring.connect(m, before.r_stream, core.i)
        wiring.connect(m, core.o, after.w_stream)
        wiring.connect(m, after.r_stream, wiring.flipped(self.o))
        with m.If(core.running):
            m.d.sync += self.worked.eq(self.worked + 1)
        return m


class Bytes:
    """What the driver needs of a way to a core: here, of one that is simulated."""

    def __init__(self, design):
        self.design, self.sending, self.received = design, bytearray(), bytearray()
        self.simulator = Simulator(design)
        self.simulator.add_clock(1e-6)
        self.simulator.add_testbench(self.move, background=True)

    async def move(self, ctx):
        i, o = self.design.i, self.design.o
        ctx.set(o.ready, 1)
        while True:
            offered = bool(self.sending)
            ctx.set(i.valid, offered)
            ctx.set(i.payload, self.sending[0] if offered else 0)
            _, _, taken, came, byte = await ctx.tick().sample(i.ready, o.valid, o.payload)
            if offered and taken:
                del self.sending[0]
            if came:
                self.received.append(byte)
            self.worked = ctx.get(self.design.worked)

    def write(self, data):
        self.sending += data

    def read(self, count, cycles=0):
        for _ in range(100_000):
            if len(self.received) >= count:
                break
            self.simulator.advance()
        part = bytes(self.received[:count])
        del self.received[:count]
        return part

    def discard(self):
        self.received.clear()


def main():
    """Run an input in the design and in the machine: both outputs, and cycles as counted twice."""
    with accel.compile(network(CONFIG), config=CONFIG) as program:
        shape = program.code.graph.tensor("x").shape[1:]
        sample = np.random.default_rng(1).integers(-128, 128, (1, *shape)).astype(np.int8)
        transport = Bytes(OwnDesign())
        core = program.session.driven(transport)
        (output,) = run(program.code, core, sample).values()
        expected = program.run(sample, executor="machine").output
    print(f"in the design: {output[0]}, in the machine: {expected[0]}")
    print(f"{core.total.cycles} cycles by the core's counter, {transport.worked} by the design's")
    return output, expected, core.total.cycles, transport.worked


if __name__ == "__main__":
    main()
