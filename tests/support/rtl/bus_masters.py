"""Masters of buses in Amaranth's simulator: each reads and writes words."""

from typing import Any

from amaranth.lib import wiring

from tests.support.rtl.simulation import Stalls

ALL_LANES = 0b1111


class WishboneMaster:
    """Standard cycles, with pauses between them."""

    def __init__(self, bus: wiring.PureInterface, stalls: Stalls):
        self.bus = bus
        self.stalls = stalls

    async def read(self, ctx: Any, address: int, lanes: int = ALL_LANES) -> int:
        return await self._cycle(ctx, address, 0, 0, lanes)

    async def write(self, ctx: Any, address: int, data: int, lanes: int = ALL_LANES) -> None:
        await self._cycle(ctx, address, data, 1, lanes)

    async def _cycle(self, ctx: Any, address: int, data: int, we: int, lanes: int) -> int:
        bus = self.bus
        await self.stalls.wait(ctx)
        for signal, value in (
            (bus.cyc, 1),
            (bus.stb, 1),
            (bus.we, we),
            (bus.adr, address),
            (bus.sel, lanes),
            (bus.dat_w, data),
        ):
            ctx.set(signal, value)
        (answer,) = await ctx.tick().sample(bus.dat_r).until(bus.ack)
        ctx.set(bus.cyc, 0)
        ctx.set(bus.stb, 0)
        return answer


class Axi4LiteMaster:
    """Address, data and answer each after a pause of its own, in any order."""

    def __init__(self, bus: wiring.PureInterface, stalls: Stalls):
        self.bus = bus
        self.stalls = stalls

    async def read(self, ctx: Any, address: int) -> int:
        bus = self.bus
        await self._offer(ctx, bus.araddr, address, bus.arvalid, bus.arready)
        answer, response = await self._take(ctx, (bus.rdata, bus.rresp), bus.rvalid, bus.rready)
        assert response == 0
        return answer

    async def write(self, ctx: Any, address: int, data: int, lanes: int = ALL_LANES) -> None:
        bus = self.bus
        ctx.set(bus.wstrb, lanes)
        parts = [
            (bus.awaddr, address, bus.awvalid, bus.awready),
            (bus.wdata, data, bus.wvalid, bus.wready),
        ]
        self.stalls.random.shuffle(parts)
        for part in parts:
            await self._offer(ctx, *part)
        (response,) = await self._take(ctx, (bus.bresp,), bus.bvalid, bus.bready)
        assert response == 0

    async def _offer(self, ctx: Any, signal: Any, value: int, valid: Any, ready: Any) -> None:
        await self.stalls.wait(ctx)
        ctx.set(signal, value)
        ctx.set(valid, 1)
        await ctx.tick().until(ready)
        ctx.set(valid, 0)

    async def _take(self, ctx: Any, values: tuple, valid: Any, ready: Any) -> tuple:
        await self.stalls.wait(ctx)
        ctx.set(ready, 1)
        found = await ctx.tick().sample(*values).until(valid)
        ctx.set(ready, 0)
        return found
