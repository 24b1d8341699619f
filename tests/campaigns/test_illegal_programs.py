"""After what is no program the link answers, and the right program runs as ever."""

import pytest

from accel.protocol import Outcome
from tests.campaigns.illegal_programs import CONFIGURATIONS, Bench, case_of

CASES = 15  # on each core


@pytest.mark.parametrize("config", CONFIGURATIONS, ids=lambda config: config.family)
def test_illegal_programs_end_and_leave_nothing_behind(config):
    bench = Bench(config)
    outcomes = {bench.run(case_of(bench, 1, number)) for number in range(CASES)}
    assert {Outcome.CYCLES, Outcome.ABORTED} <= outcomes


def test_a_layer_that_is_done_before_its_work_writes_nothing_afterwards():
    """Found by the campaign: the sequencer was idle, and the tile loops went on."""
    bench = Bench(CONFIGURATIONS[2])
    for number in (7, 20, 50, 66, 79, 82, 110):  # of seed 5, those that the limit of layers ends
        assert bench.run(case_of(bench, 5, number)) == Outcome.LAYERS
