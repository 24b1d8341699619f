"""Random networks of 3 to 12 layers answer as TFLite Micro does: every stored tensor, and in RTL
the cycles. `tests.campaigns.random_networks` runs more of them, and says what was refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.config import AcceleratorConfig
from tests.campaigns.random_networks import SIZES, Tally, attempt, core
from tests.support.networks.tflite.operators import SEEDS
from tests.support.networks.tflite.typical import LEAST, MOST, networks
from tests.support.rtl.simulation import UNSHRUNK

RTL = AcceleratorConfig(bank_words=4096)  # as other tests have it, so that it is compiled once
EXAMPLES, EXAMPLES_RTL = 200, 20


def assert_reached(tally: Tally, examples: int) -> None:
    """Most networks ran, of all lengths and with all kinds of layers."""
    assert tally.networks >= examples
    assert tally.answered >= 0.8 * tally.networks, tally
    assert LEAST <= min(tally.lengths) < max(tally.lengths) <= MOST
    assert tally.differing == 0, tally


def test_the_machine_equals_the_oracle():
    tally = Tally()

    @settings(max_examples=EXAMPLES)
    @given(networks(), st.sampled_from(SIZES), SEEDS)
    def check(graph, size, stimulus):
        attempt(graph, core(size), stimulus, tally)
        assert tally.differing == 0

    check()
    assert_reached(tally, EXAMPLES)
    lengths = set(range(LEAST, MOST + 1))
    assert set(tally.lengths) <= lengths
    assert len(tally.lengths) >= len(lengths) - 1  # by chance one may be missing
    assert len(tally.operators) >= 20, tally


@pytest.mark.xdist_group("generic 4x4")
def test_rtl_equals_the_oracle_and_takes_the_modelled_cycles():
    tally = Tally()

    @settings(UNSHRUNK, max_examples=EXAMPLES_RTL)
    @given(networks(), SEEDS)
    def check(graph, stimulus):
        program = attempt(graph, RTL, stimulus, tally, "rtl")
        if program is not None:
            program.close()
        assert tally.differing == 0

    check()
    assert_reached(tally, EXAMPLES_RTL)
