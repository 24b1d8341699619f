"""The bridges of Wishbone and AXI4-Lite: bytes by way of registers, and the rules of each bus."""

import random

import pytest
from amaranth.hdl import *
from amaranth.lib import wiring

from accel.core.buses.axi4_lite import Axi4LiteBridge
from accel.core.buses.registers import RECEIVE_VALID, Register, StatusBit
from accel.core.buses.wishbone import WishboneBridge
from accel.protocol import MAGIC
from tests.support.rtl.bus_masters import Axi4LiteMaster, WishboneMaster
from tests.support.rtl.simulation import Stalls, receive, send, simulate

BUSES = {"wishbone": (WishboneBridge, WishboneMaster), "axi4lite": (Axi4LiteBridge, Axi4LiteMaster)}
BYTES = 60


class Bridge:
    """A bridge, a master on its bus, and the two streams at its other side."""

    def __init__(self, bus: str, stalls: float = 0.0):
        make, master = BUSES[bus]
        self.dut = make()
        port = self.dut.wb if bus == "wishbone" else self.dut.axi
        self.master = master(port, Stalls(stalls, 1))
        self.to_core, self.from_core = self.dut.registers.o, self.dut.registers.i

    async def status(self, ctx, bit: StatusBit) -> int:
        return await self.master.read(ctx, Register.STATUS) >> bit & 1


@pytest.fixture(params=BUSES)
def bus(request):
    return request.param


@pytest.mark.parametrize("stalls", [0.0, 0.6])
def test_bytes_go_both_ways_in_their_order_whoever_waits(bus, stalls):
    bridge, generator = Bridge(bus, stalls), random.Random(bus)
    sent, answers = ([generator.randrange(256) for _ in range(BYTES)] for _ in range(2))
    taken, got = [], []

    async def master(ctx):
        left = list(sent)
        while left or len(got) < BYTES:
            word = await bridge.master.read(ctx, Register.RECEIVE)
            if word >> RECEIVE_VALID:
                got.append(word & 255)
            if left and await bridge.status(ctx, StatusBit.TRANSMIT_READY):
                await bridge.master.write(ctx, Register.TRANSMIT, left.pop(0))
        assert not await bridge.status(ctx, StatusBit.OVERRUN)

    async def core_takes(ctx):
        taken.extend(await receive(ctx, bridge.to_core, BYTES, Stalls(stalls, 2)))

    async def core_answers(ctx):
        await send(ctx, bridge.from_core, answers, Stalls(stalls, 3))

    simulate(bridge.dut, master, core_takes, core_answers)
    assert (taken, got) == (sent, answers)


def test_a_byte_that_comes_too_early_is_lost_and_said_so_until_that_is_cleared(bus):
    bridge, taken = Bridge(bus), []

    async def master(ctx):
        write, overrun = bridge.master.write, StatusBit.OVERRUN
        await write(ctx, Register.TRANSMIT, 0x11)
        assert not await bridge.status(ctx, StatusBit.TRANSMIT_READY)
        assert not await bridge.status(ctx, overrun)
        await write(ctx, Register.TRANSMIT, 0x22)
        assert await bridge.status(ctx, overrun)
        taken.extend(await receive(ctx, bridge.to_core, 1, Stalls(0)))
        assert await bridge.status(ctx, StatusBit.TRANSMIT_READY)
        await write(ctx, Register.STATUS, 0)
        assert await bridge.status(ctx, overrun)
        await write(ctx, Register.STATUS, 1 << overrun)
        assert not await bridge.status(ctx, overrun)
        await write(ctx, Register.TRANSMIT, 0x33)
        taken.extend(await receive(ctx, bridge.to_core, 1, Stalls(0)))

    simulate(bridge.dut, master)
    assert taken == [0x11, 0x33]


def test_only_a_write_of_the_lowest_byte_is_one(bus):
    bridge = Bridge(bus)

    async def master(ctx):
        await bridge.master.write(ctx, Register.TRANSMIT, 0x1234, lanes=0b1110)
        assert await bridge.status(ctx, StatusBit.TRANSMIT_READY)

    simulate(bridge.dut, master)


def test_a_read_without_a_byte_takes_none_and_one_with_a_byte_takes_it(bus):
    bridge = Bridge(bus)

    async def master(ctx):
        read = bridge.master.read
        assert not await read(ctx, Register.RECEIVE) >> RECEIVE_VALID
        ctx.set(bridge.from_core.payload, 0x5A)
        ctx.set(bridge.from_core.valid, 1)
        assert ctx.get(bridge.dut.registers.irq)
        assert await bridge.status(ctx, StatusBit.RECEIVE_VALID)
        assert not ctx.get(bridge.from_core.ready)  # a read of the status takes nothing
        assert await read(ctx, Register.RECEIVE) == 1 << RECEIVE_VALID | 0x5A

    simulate(bridge.dut, master)


def test_a_byte_is_taken_once_for_each_read(bus):
    bridge, count = Bridge(bus), 0

    async def master(ctx):
        ctx.set(bridge.from_core.valid, 1)
        for _ in range(5):
            await bridge.master.read(ctx, Register.RECEIVE)
        await ctx.tick().repeat(5)

    async def watch(ctx):
        nonlocal count
        async for _, _, taken in ctx.tick().sample(bridge.from_core.ready):
            count += taken

    simulate(bridge.dut, master, background=[watch])
    assert count == 5


def test_identity_and_status_say_what_is_there(bus):
    bridge = Bridge(bus)

    async def master(ctx):
        word = await bridge.master.read(ctx, Register.IDENTITY)
        assert word.to_bytes(4, "little") == MAGIC
        for running in (1, 0):
            ctx.set(bridge.dut.registers.running, running)
            assert await bridge.status(ctx, StatusBit.RUNNING) == running

    simulate(bridge.dut, master)


def test_wishbone_reads_other_lanes_of_a_byte_without_taking_it():
    bridge = Bridge("wishbone")

    async def master(ctx):
        ctx.set(bridge.from_core.valid, 1)
        for lanes, taken in ((0b1110, 0), (0b0001, 1)):
            bus = bridge.dut.wb
            for signal, value in ((bus.cyc, 1), (bus.stb, 1), (bus.sel, lanes), (bus.adr, 4)):
                ctx.set(signal, value)
            assert ctx.get(bridge.from_core.ready) == taken
            await ctx.tick()
            ctx.set(bus.stb, 0)
            await ctx.tick()

    simulate(bridge.dut, master)


def test_wishbone_acknowledges_each_strobe_once_and_nothing_without_a_cycle():
    bridge, acknowledged = Bridge("wishbone"), []

    async def master(ctx):
        bus = bridge.dut.wb
        for cyc, stb in ((0, 1), (1, 0), (1, 1), (1, 1), (1, 1), (1, 1), (0, 0), (0, 0)):
            ctx.set(bus.cyc, cyc)
            ctx.set(bus.stb, stb)
            acknowledged.append(ctx.get(bus.ack))
            await ctx.tick()

    simulate(bridge.dut, master)
    assert acknowledged == [0, 0, 0, 1, 0, 1, 0, 0]


def test_axi_answers_stay_as_they_are_until_they_are_taken():
    bridge = Bridge("axi4lite")

    async def master(ctx):
        bus = bridge.dut.axi
        ctx.set(bus.araddr, Register.IDENTITY)
        ctx.set(bus.arvalid, 1)
        await ctx.tick().until(bus.arready)
        ctx.set(bus.araddr, Register.STATUS)  # the next read is asked for at once
        await ctx.tick().until(bus.rvalid)
        for _ in range(10):
            assert ctx.get(bus.rvalid)
            assert ctx.get(bus.rdata).to_bytes(4, "little") == MAGIC
            await ctx.tick()
        ctx.set(bus.rready, 1)
        await ctx.tick()
        ctx.set(bus.arvalid, 0)
        (status,) = await ctx.tick().sample(bus.rdata).until(bus.rvalid)
        assert status == 1 << StatusBit.TRANSMIT_READY

    simulate(bridge.dut, master)


class _Comb(wiring.Component):
    """A bridge of AXI4-Lite in a design whose clock never ticks."""

    def __init__(self):
        self.bridge = Axi4LiteBridge()
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules.bridge = self.bridge
        return m


def test_axi_has_no_path_from_an_input_to_an_output():
    from amaranth.sim import Simulator

    dut = _Comb()
    bus, inputs = dut.bridge.axi, ("awvalid", "wvalid", "bready", "arvalid", "rready")
    outputs = ("awready", "wready", "bvalid", "bresp", "arready", "rvalid", "rdata", "rresp")

    async def toggle(ctx):
        before = [ctx.get(getattr(bus, name)) for name in outputs]
        for name in inputs:
            ctx.set(getattr(bus, name), 1)
            assert [ctx.get(getattr(bus, one)) for one in outputs] == before, name

    simulator = Simulator(dut)
    simulator.add_clock(1.0, phase=0.9)
    simulator.add_testbench(toggle)
    simulator.run()
