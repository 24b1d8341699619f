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


def test_an_idle_core_takes_what_was_measured():
    found = energy.estimate_step("ice40up", cycles=0, mhz=12, milliseconds=30)
    assert found.milliwatts == pytest.approx(3.53, abs=0.005)
    assert found.microjoules == pytest.approx(3.53 * 30, abs=0.2)


def test_a_step_is_its_inference_and_the_idle_rest_of_its_time():
    work, rest = 12_000, 9.0  # 1 ms at 12 MHz, and what is left of 10 ms
    found = energy.estimate_step("ice40up", cycles=work, mhz=12, milliseconds=1 + rest)
    inference = energy.estimate("ice40up", cycles=work, mhz=12).microjoules
    idle = energy.estimate_step("ice40up", cycles=0, mhz=12, milliseconds=rest).microjoules
    assert found.microjoules == pytest.approx(inference + idle)
    assert found.milliwatts == pytest.approx(found.microjoules / (1 + rest))


def test_a_step_that_is_too_slow_for_its_time_has_no_rest():
    late = energy.estimate_step("ice40up", cycles=24_000, mhz=12, milliseconds=1)
    inference = energy.estimate("ice40up", cycles=24_000, mhz=12)
    assert late.microjoules == pytest.approx(inference.microjoules)
    assert late.milliwatts == pytest.approx(inference.milliwatts)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_step_is_estimated_where_an_inference_is(family):
    inference = energy.estimate(family, cycles=1000, mhz=30.0)
    step = energy.estimate_step(family, cycles=1000, mhz=30.0, milliseconds=30)
    assert (step.microjoules is None) == (inference.microjoules is None)
    assert step.source == inference.source
