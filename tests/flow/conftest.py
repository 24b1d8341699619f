"""Small designs, and tools that behave as a test wants."""

import stat
import sys

import pytest
from amaranth.hdl import *
from amaranth.lib import io
from amaranth_boards.icebreaker import ICEBreakerPlatform
from amaranth_boards.ulx3s import ULX3S_25F_Platform

from accel.core.primitives.memory import SinglePortMemory
from accel.core.primitives.multiplier import Multiplier
from accel.flow.plan import make_plan


class MultiplyAccumulate(Elaboratable):
    """Bits in, two sums of products and some memory contents out: a placeholder with hard cells."""

    def __init__(self, family):
        self.family = family

    def elaborate(self, platform):
        m = Module()
        uart = platform.request("uart", 0, dir="-")
        m.submodules.rx = rx = io.FFBuffer("i", uart.rx)
        m.submodules.tx = tx = io.FFBuffer("o", uart.tx)
        m.submodules.multiplier = multiplier = Multiplier(
            count=2, activation_shape=signed(8), weight_shape=signed(8), family=self.family
        )
        m.submodules.memory = memory = SinglePortMemory(
            width_bytes=2, depth=16384, family=self.family
        )
        taps = Signal(40)
        sums = [Signal(signed(24), name=f"sum_{k}") for k in range(2)]
        parity = Signal()
        m.d.sync += [
            taps.eq(Cat(taps[1:], rx.i)),
            *(total.eq(total + p) for total, p in zip(sums, multiplier.p, strict=True)),
            parity.eq(Cat(*sums, memory.read_data).xor()),
        ]
        m.d.comb += [
            multiplier.a.eq(taps),
            multiplier.b.eq(taps[16:]),
            memory.en.eq(1),
            memory.write_en.eq(taps[:2]),
            memory.address.eq(taps[2:]),
            memory.write_data.eq(taps[16:]),
            tx.o.eq(parity),
        ]
        return m


@pytest.fixture(scope="session")
def make_ice40_plan():
    """Return a function that plans the placeholder for an iCEBreaker anew."""
    top = MultiplyAccumulate("ice40up")
    return lambda: make_plan(ICEBreakerPlatform(), top, clock_mhz=12.0, seeds=(1, 2))


@pytest.fixture(scope="session")
def ice40_plan(make_ice40_plan):
    return make_ice40_plan()


@pytest.fixture(scope="session")
def ecp5_plan():
    return make_plan(
        ULX3S_25F_Platform(),
        MultiplyAccumulate("ecp5"),
        clock_mhz=25.0,
        nextpnr_options=("--router", "router2"),
    )


@pytest.fixture
def fake_tool(tmp_path, monkeypatch):
    """Return a function that puts a Python script in the place of a tool."""

    def fake(name, body, version="9.9"):
        folder = tmp_path / "tools"
        folder.mkdir(exist_ok=True)
        script = folder / name
        script.write_text(
            f"#!{sys.executable}\nimport sys\n"
            f"if sys.argv[1:] in (['-V'], ['--version']):\n    print('{name} {version}')\n"
            f"    sys.exit()\n{body}\n"
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv(name.upper().replace("-", "_"), str(script))
        return script

    return fake
