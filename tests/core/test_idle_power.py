"""While nothing runs, multipliers and memories rest: their enables are off."""

from collections import Counter

import numpy as np
import pytest
from amaranth.hdl import Cat
from hypothesis import given, settings
from hypothesis import strategies as st

import accel
from accel.compiler.operators.fully_connected import FullyConnected
from accel.config import AcceleratorConfig
from accel.session import Session
from accel.sim.rtl.pysim import SimulatedCore
from tests.support.networks.tflite.operators import TRAINED, Builder, random_inputs
from tests.support.rtl.simulation import UNSHRUNK


def enables(core):
    """What is enabled, by name."""
    unit = core.units[0]
    return {
        "weights": core.weights.memory.read_en,
        "lookup_tables": unit.post_op.awake,
        "parameters": unit.table.awake,
        "bank_0": core.banks.banks[0].en,
        "bank_1": core.banks.banks[1].en,
        "products": core.array.products.en,
    }


class Watched(SimulatedCore):
    """Counts the cycles in which something is on or off, while a run is in progress, and while
    neither one is nor a byte comes or goes."""

    seen: Counter[tuple[str, bool, bool]]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._simulator.add_testbench(self._watch, background=True)

    def read(self, count, cycles=0):
        answer = super().read(count, cycles)
        self._advance(lambda: False, 30)  # a host that takes its time
        return answer

    async def _watch(self, ctx):
        core, quiet = self._core, 0
        ports = enables(core)
        async for *_, running, coming, answering, values in ctx.tick().sample(
            core.running, core.i.valid, core.link.sender.busy, Cat(*ports.values())
        ):
            quiet = 0 if running or coming or answering else quiet + 1
            if running or quiet > 1:
                for index, name in enumerate(ports):
                    self.seen[name, bool(running), bool(values >> index & 1)] += 1


@pytest.mark.parametrize("family", ["ice40up", "ecp5"])
@settings(UNSHRUNK, max_examples=1)
@given(data=st.data())
def test_enables_are_off_while_nothing_runs_and_no_frame_comes(family, data):
    b = Builder(data.draw, (1, 16), style=TRAINED)
    weights = b.random.integers(-127, 128, (8, 16)).astype(np.int8)
    names, q = b.linear(weights, 0, "int8", False)
    b.node("fully_connected", FullyConnected(activation="none"), (1, 8), q, constants=names)
    graph = b.graph()
    config = AcceleratorConfig(rows=4, columns=4, family=family, bank_words=1024)
    Watched.seen = seen = Counter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("accel.sim.rtl.pysim.SimulatedCore", Watched)
        session = Session(accel.compile(graph, config=config).code)
        session.execute("pysim", random_inputs(graph, 1), graph.outputs)
        session.close()
    for name in {name for name, *_ in seen}:
        assert seen[name, True, True], f"{name} is never enabled"
        assert not seen[name, False, True], f"{name} is enabled while nothing runs"
        assert seen[name, False, False]
    assert seen
