"""Charts show what is: nothing lies where something else does."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import accel
from accel.pictures.charts import _boxes

DIGITS = Path(__file__).parents[2] / "examples/digits/digits_int8.tflite"


@pytest.mark.parametrize("words", [640, 800, 1024, 16384])
def test_no_word_of_memory_holds_two_things_at_a_time(words):
    config = accel.AcceleratorConfig(flash_lanes=4, bank_words=words)
    report = accel.compile(DIGITS, config=config).report()
    code = report.program.code
    assert words > 1000 or any(code.transfers)
    ends = np.cumsum([counters.cycles for counters in report.counters]).tolist()
    for a, b in combinations(_boxes(code, [0, *ends[:-1]], ends), 2):
        apart = a.high <= b.low or b.high <= a.low
        assert apart or a.end <= b.begin or b.end <= a.begin, (a.text, b.text)
