"""Layers that keep 32-bit sums and add to them are in RTL what they are on the machine, and take
the modelled cycles. `tests.campaigns.wide_sums` runs more of them, on all boards' cores."""

import numpy as np
import pytest

from accel.config import AcceleratorConfig
from accel.sim.rtl.pysim import SimulatedCore
from tests.campaigns.wide_sums import WideSums
from tests.support.rtl.cores import ODD_SHAPES, board_cores
from tests.support.rtl.sums_bench import SumsBench

# Cores that are compiled for other tests as well, and cases on each
CORES = {"icebreaker": 8, "ulx3s_85f": 4, "tinyfpga_bx": 4, "2x16 ecp5": 4, "3x5": 4}


def configuration(core):
    """A board's core goes by the names of all boards that have it."""
    found = [config for name, config in board_cores().items() if core in name.split(", ")]
    return found[0] if found else ODD_SHAPES[core]


GROUPS = {name: [pytest.mark.xdist_group(name)] if name == "ulx3s_85f" else [] for name in CORES}


@pytest.mark.parametrize("core", [pytest.param(name, marks=GROUPS[name]) for name in CORES])
def test_compiled_rtl_keeps_and_adds_what_the_machine_does_in_the_modelled_cycles(core):
    bench = WideSums(configuration(core))
    assert [fault for case in range(CORES[core]) for fault in bench.faults(case)] == []


@pytest.mark.parametrize("family", ["generic", "ecp5"])
def test_so_does_rtl_in_amaranths_simulator(family):
    config = AcceleratorConfig(rows=2, columns=2, family=family, bank_words=256)
    core = SimulatedCore(config)
    zeros = np.zeros((1, 2, config.bank_words * config.rows), np.uint8)  # as it comes up
    bench = SumsBench(core, config, 3, zeros)
    assert list(bench.hold(bench.prepare()[:3])) == []
    core.close()
