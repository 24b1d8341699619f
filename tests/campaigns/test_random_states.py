"""A small part of the campaign: networks with states answer as TFLite Micro's interpreter."""

from tests.campaigns.random_states import draw_and_attempt

COUNT = 20


def test_successive_inferences_of_random_networks_answer_as_the_oracle():
    tally = draw_and_attempt(COUNT, 2026, "machine")
    assert tally.networks == COUNT
    assert tally.answered >= COUNT - 1, str(tally)
    assert tally.differing == 0
