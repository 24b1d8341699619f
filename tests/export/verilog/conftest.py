"""A small core, exported on each bus, with what Amaranth's simulator answered."""

from functools import cache

import pytest

from accel.config import AcceleratorConfig
from accel.core.buses import BUSES
from accel.export.verilog.example import example
from accel.export.verilog.export import export
from accel.export.verilog.recording import record
from accel.sim.rtl.pysim import SimulatedCore

SMALL = AcceleratorConfig(rows=2, columns=2, weight_steps=64, bank_words=1024)


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Return a function that gives the small core exported on a bus: the same for all tests."""
    made = {}

    @cache
    def run(config):
        found = example(config)
        with found.program:
            return record(found.program, found.sample, SimulatedCore(config))

    def of(bus="axis"):
        if bus not in made:
            folder = tmp_path_factory.mktemp("export") / bus
            made[bus] = export(SMALL, folder, bus=bus, run=run)
        return made[bus]

    return of


@pytest.fixture(params=BUSES)
def bus(request):
    return request.param
