"""Single ONNX operators over all their fields are ONNX Runtime's: a part of the campaign."""

import pytest

from tests.campaigns.single_operators_onnx import Tally, attempt
from tests.support.networks.onnx.single import KINDS, drawn

SEED, MODELS, EVERY = 3, 240, 4  # of which every fourth is compiled too
REFUSED = 0.06  # sums of two activations at exact halves, which no tables give


def test_every_element_is_the_runtimes():
    tally = Tally()
    for number in range(MODELS):
        tally.add(attempt(SEED, number, core=number % EVERY == 0))
    assert tally.differing == []
    assert tally.verdicts["exact"] >= (1 - REFUSED) * MODELS, tally
    assert tally.verdicts["exact"] + tally.verdicts["near"] > len(KINDS)


def test_an_answer_that_is_another_counts(monkeypatch):
    """As if the runtime summed up codes wherever it can."""
    monkeypatch.setattr(
        "accel.compiler.frontends.onnx.fusion.Fusions.form", lambda *arguments: "codes"
    )
    numbers = [n for n in range(2 * MODELS) if drawn(SEED, n)[0] in ("Add", "Mul")]
    verdicts = [attempt(SEED, number, core=False).verdict for number in numbers]
    assert 3 <= verdicts.count("differs") < len(verdicts)


@pytest.mark.parametrize("number", [0, 7, 20])
def test_a_number_stands_for_one_model(number):
    assert attempt(SEED, number, core=False) == attempt(SEED, number, core=False)
