# amaranth: UnusedElaboratable=no
"""The dividers of PLLs, what is refused, and the reset that follows."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from amaranth.hdl import *
from amaranth.sim import Simulator

from accel.core.clocking import ClockPlan, ecp5, ice40
from accel.core.clocking.reset import HOLD_US, ResetRelease


@pytest.mark.parametrize(
    ("input_mhz", "output_mhz"), [(12, 36), (12, 42), (12, 50), (16, 60), (48, 30), (100, 133)]
)
def test_an_ice40_pll_is_set_as_icepll_sets_it(input_mhz, output_mhz):
    icepll = Path(sys.executable).parent / "yowasp-icepll"
    command = [str(icepll), "-i", str(input_mhz), "-o", str(output_mhz)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    theirs = dict(re.findall(r"(DIVR|DIVF|DIVQ|FILTER_RANGE): +(\d+)", answer))
    ours = ice40.find_dividers(input_mhz, output_mhz)
    assert ours.output_mhz == pytest.approx(
        float(re.search(r"F_PLLOUT: +([\d.]+) MHz \(achieved", answer).group(1)), abs=1e-3
    )
    assert ours.filter_range == int(theirs["FILTER_RANGE"])
    assert (ours.r, ours.f, ours.q) == tuple(int(theirs[key]) for key in ("DIVR", "DIVF", "DIVQ"))


@pytest.mark.parametrize("input_mhz", [25, 48, 100])
@pytest.mark.parametrize("output_mhz", [20, 50, 62.5, 75, 100, 133])
def test_an_ecp5_pll_stays_within_its_data_sheet(input_mhz, output_mhz):
    dividers = ecp5.find_dividers(input_mhz, output_mhz)
    assert dividers.output_mhz == pytest.approx(output_mhz, rel=0.01)
    assert 400 <= dividers.vco_mhz <= 800
    assert 10 <= dividers.detector_mhz <= 400
    assert dividers.output_mhz == pytest.approx(
        input_mhz / dividers.reference * dividers.multiple / dividers.output
    )


def test_a_plan_tells_the_clock_that_is_really_made():
    plan = ClockPlan(family="ice40up", pin="clk12", input_mhz=12.0, output_mhz=50.0)
    assert plan.made_mhz == 50.25
    assert ClockPlan(family="ecp5", pin="clk25", input_mhz=25.0, output_mhz=25.0).dividers is None


@pytest.mark.parametrize(("wanted", "exponent"), [(48, 0), (24, 1), (12, 2), (6, 3)])
def test_the_ultraplus_can_do_without_a_pin(wanted, exponent):
    plan = ClockPlan(family="ice40up", output_mhz=wanted)
    assert (plan.made_mhz, plan.oscillator_exponent) == (wanted, exponent)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"output_mhz": 300.0},
            "Clock of 300 MHz cannot be made from 12 MHz; the nearest is 270 MHz",
        ),
        (
            {"output_mhz": 5.0},
            "Clock of 5 MHz cannot be made from 12 MHz; the nearest is 16.125 MHz",
        ),
        ({"input_mhz": 5.0}, "PLL input must be 10 to 133 MHz, not 5 MHz"),
        (
            {"family": "spartan"},
            "Clock family must be one of 'ice40', 'ice40up', 'ecp5', not 'spartan'",
        ),
        (
            {"family": "ecp5", "pin": None},
            "Clock pin must be given, since 'ecp5' has no oscillator",
        ),
        ({"pin": None, "output_mhz": 36.0}, "Clock of 36 MHz cannot be made from 48 MHz; "),
    ],
)
def test_a_clock_that_cannot_be_made_is_refused(changes, message):
    arguments = {"family": "ice40up", "pin": "clk12", "input_mhz": 12.0, "output_mhz": 36.0}
    if changes.get("pin", "") is None:
        del arguments["input_mhz"]
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        ClockPlan(**(arguments | changes))


def test_the_reset_is_released_late_and_comes_back_with_the_lock():
    clock_mhz = 2.0
    dut = ResetRelease(clock_mhz)
    hold = HOLD_US * clock_mhz

    async def bench(ctx):
        async def cycles_until_released():
            count = 0
            while ctx.get(dut.rst):
                await ctx.tick()
                count += 1
            return count

        ctx.set(dut.ready, 0)
        await ctx.tick().repeat(100)
        assert ctx.get(dut.rst) == 1
        ctx.set(dut.ready, 1)
        assert hold <= await cycles_until_released() <= hold + 5
        await ctx.tick().repeat(10)
        assert ctx.get(dut.rst) == 0
        ctx.set(dut.ready, 0)
        await ctx.tick().repeat(2)
        assert ctx.get(dut.rst) == 1
        ctx.set(dut.ready, 1)
        assert hold <= await cycles_until_released() <= hold + 5

    simulator = Simulator(dut)
    simulator.add_clock(1 / (clock_mhz * 1e6))
    simulator.add_testbench(bench)
    simulator.run()


def test_the_hold_is_long_enough_for_the_block_rams_of_an_ice40():
    assert HOLD_US >= 3 * 5
