"""Energy is estimated by measured power where there is any, and said not to be where there is
none."""

import pytest

from accel.config import FAMILIES
from accel.target import energy


def test_the_up5k_model_meets_both_points_that_were_measured():
    for mhz, milliwatts in ((12, 10.58), (20, 16.99)):
        found = energy.estimate("ice40up", cycles=1, mhz=mhz)
        assert found.milliwatts == pytest.approx(milliwatts, abs=0.005)


def test_energy_is_power_times_the_inference():
    found = energy.estimate("ice40up", cycles=2_000_000, mhz=20.0)
    assert found.microjoules == pytest.approx(found.milliwatts * 1e-3 * 0.1 * 1e6)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_estimate_has_its_source_or_is_none(family):
    found = energy.estimate(family, cycles=1000, mhz=30.0)
    assert found.method
    assert (found.microjoules is None) == (found.source is None) == (found.milliwatts is None)
    assert found.as_dict()["method"] == found.method
