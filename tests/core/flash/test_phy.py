# amaranth: UnusedElaboratable=no
"""The pins of a flash have one register each way, and on boards the cells that clocks need."""

import random
import re
from types import SimpleNamespace

import pytest
from amaranth.hdl import *
from amaranth.lib import io, wiring

from accel import boards
from accel.core.flash.bus import PAD_CYCLES
from accel.core.flash.phy import FlashPhy
from accel.core.flash.reader import FlashReader
from tests.support.rtl.simulation import simulate


def ports(lines: int):
    """Ports of a platform that can be simulated, as a resource with ``dq`` has them."""
    return SimpleNamespace(
        cs=io.SimulationPort("o", 1, invert=True),
        clk=io.SimulationPort("o", 1),
        dq=io.SimulationPort("io", lines),
    )


def test_what_comes_back_at_once_is_as_late_as_the_reader_takes_it_to_be():
    port = ports(4)
    phy = FlashPhy(port, divider=2, family="generic")
    m = Module()
    m.submodules.phy = phy
    m.d.comb += port.dq.i.eq(port.dq.o)  # a line that is driven is seen
    rng = random.Random(4)

    async def drive(ctx):
        history = []
        for cycle in range(50):
            history.append([rng.randrange(size) for size in (2, 2, 16, 16)])
            for signal, value in zip(
                (phy.pins.cs, phy.pins.sck, phy.pins.dq_o, phy.pins.dq_oe),
                history[-1],
                strict=True,
            ):
                ctx.set(signal, value)
            if cycle >= PAD_CYCLES:
                cs, sck, dq_o, dq_oe = history[-2]
                assert ctx.get(port.cs.o) == 1 - cs
                assert ctx.get(port.clk.o) == sck
                assert (ctx.get(port.dq.o), ctx.get(port.dq.oe)) == (dq_o, dq_oe)
                assert ctx.get(phy.pins.dq_i) == history[-1 - PAD_CYCLES][2]
            await ctx.tick()

    simulate(m, drive)


class Top(Elaboratable):
    def __init__(self, board, resource, data_lines, divider):
        self.board = board
        self.resource = resource
        self.reader = FlashReader(
            data_lines=data_lines, divider=divider, offset=1 << 20, header=b"header"
        )
        self.divider = divider

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain()
        clock = platform.request(self.board.clock.pin, dir="-")
        m.submodules.clock = buffer = io.Buffer("i", clock)
        m.d.comb += [ClockSignal().eq(buffer.i), ResetSignal().eq(0)]
        m.submodules.reader = self.reader
        port = platform.request(*self.resource, dir="-")
        m.submodules.phy = phy = FlashPhy(port, divider=self.divider, family=self.board.family)
        wiring.connect(m, self.reader.pins, phy.pins)
        return m


def netlist(board, resource, data_lines, divider) -> str:
    platform = boards.get(board).platform()
    top = Top(boards.get(board), resource, data_lines, divider)
    return platform.prepare(top, "top", emit_src=False).files["top.il"]


def types_of_pins(text: str) -> list[str]:
    return sorted(re.findall(r"parameter \\PIN_TYPE 6'([01]+)", text))


REGISTERED_OUT, DDR_OUT, REGISTERED_BOTH = "110101", "110001", "110100"


@pytest.mark.parametrize(
    ("resource", "data_lines", "divider", "clock", "data"),
    [
        ("spi_flash_4x", 4, 1, DDR_OUT, [REGISTERED_BOTH] * 4),
        ("spi_flash_2x", 2, 1, DDR_OUT, [REGISTERED_BOTH] * 2),
        ("spi_flash_4x", 4, 2, REGISTERED_OUT, [REGISTERED_BOTH] * 4),
        # DI, DO, and what never changes
        ("spi_flash_1x", 1, 1, DDR_OUT, [REGISTERED_OUT, "000000", "101001", "101001"]),
    ],
)
def test_an_ice40_has_its_registers_in_the_pads(resource, data_lines, divider, clock, data):
    found = types_of_pins(netlist("icebreaker", (resource, 0), data_lines, divider))
    crystal = "000001"
    assert found == sorted([REGISTERED_OUT, clock, *data, crystal])


def test_an_ecp5_drives_the_clock_of_its_configuration():
    text = netlist("ulx3s_85f", ("spi_flash", 0), 1, 2)
    assert text.count("cell \\USRMCLK") == 1
    assert text.count("cell \\IFS1P3DX") == 1


def test_an_ecp5_has_no_clock_as_fast_as_its_own():
    message = "^Divider of a flash's clock on an ECP5 must be 2, not 1$"
    with pytest.raises(ValueError, match=message):
        FlashPhy(ports(4), divider=1, family="ecp5")
