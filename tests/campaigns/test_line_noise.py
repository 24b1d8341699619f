"""On a noisy line no spoilt frame is executed, and every sample has its answer, run once."""

import pytest

from tests.campaigns.line_noise import Frames, Samples

# What compiles the same RTL stays in one process.
pytestmark = pytest.mark.xdist_group("line_noise")


def test_no_spoilt_frame_is_executed():
    frames = Frames(seed=1)
    for _ in range(4000):
        frames.trial()
    assert frames.counts["acceptances"] == 0
    assert frames.counts["spoilt frames"] > 3000
    assert frames.counts["good frames"] > 10


@pytest.mark.parametrize("rate", [0.0005, 0.003])
def test_every_sample_on_a_noisy_line_has_its_answer(rate):
    samples = Samples(seed=1, rate=rate)
    for number in range(40):
        samples.trial(number)
    assert samples.driven.driver.retries > 3
