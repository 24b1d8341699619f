"""Each operator that the core computes, in RTL: as TFLite Micro has it, in the modelled cycles."""

from collections import Counter

import pytest
from hypothesis import given, settings

from accel.config import AcceleratorConfig
from tests.end_to_end.test_random_models import ON_THE_CORE, attempt
from tests.support.networks.tflite.operators import SEEDS, random_inputs
from tests.support.oracles.agreement import assert_cycles, assert_layers
from tests.support.oracles.tflm import tflm
from tests.support.rtl.simulation import UNSHRUNK

CONFIG = AcceleratorConfig(bank_words=4096)
SAMPLES = 2
EXAMPLES = 8

pytestmark = pytest.mark.xdist_group("generic 4x4")


@pytest.mark.parametrize("operator", ON_THE_CORE)
def test_rtl_equals_the_oracle(operator):
    count = Counter()

    @settings(UNSHRUNK, max_examples=EXAMPLES)
    @given(ON_THE_CORE[operator][0], SEEDS)
    def check(graph, seed):
        file, program, _ = attempt(graph, CONFIG)
        if program is not None and program.code.commands:
            inputs = random_inputs(graph, SAMPLES + 1, seed)
            inputs = inputs if isinstance(inputs, dict) else {graph.inputs[0]: inputs}
            inputs = {name: codes[1:] for name, codes in inputs.items()}
            expected = tflm(file, inputs, all_tensors=True)
            execution = assert_layers(program, "rtl", inputs, expected)
            assert_cycles(program.code, execution.layers)
            program.close()
            count["reached"] += 1

    check()
    assert count["reached"] >= 3
