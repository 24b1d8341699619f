"""Networks on cores that hold little of a dot product answer alike in RTL, on the machine and in
the reference, and take the modelled cycles."""

from functools import cache

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from accel.compiler.compile import compile_graph
from accel.compiler.frontends.onnx.reader import read
from accel.config import AcceleratorConfig
from tests.support.networks.onnx.unquantized import models
from tests.support.networks.tflite.operators import SEEDS
from tests.support.networks.tflite.small import small_networks
from tests.support.networks.tflite.typical import networks
from tests.support.rtl.bench import Outcome, RtlBench

CORE = AcceleratorConfig(
    rows=4,
    columns=8,
    requantizers=2,
    family="ice40up",
    weight_steps=32,
    sum_bits=17,
    bank_words=2048,
    flash_lanes=4,
)
NETWORKS, LAST_LAYERS = 25, 12


@cache
def bench():
    return RtlBench(CORE)


def drawn(count, *strategies):
    """A test that is called with the same so many examples each time."""

    def decorate(function):
        chosen = settings(
            max_examples=count,
            database=None,
            deadline=None,
            derandomize=False,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        return seeded(17)(chosen(given(*strategies)(function)))

    return decorate


def in_parts(code):
    return any(command.parts > 1 for command in code.commands)


def test_rtl_the_machine_and_the_cycle_model_agree_on_parts_of_dot_products():
    outcome, parted = Outcome(), []

    @drawn(NETWORKS, small_networks(CORE) | networks(2, 5), SEEDS)
    def hold(graph, stimulus):
        found = bench().hold(graph, stimulus)
        outcome.add(found)
        if found.counts["run"]:
            parted.append(in_parts(compile_graph(graph, CORE)))

    hold()
    assert outcome.faults == []
    assert outcome.counts["run"] >= 0.7 * outcome.counts["networks"], outcome.refused
    assert sum(parted) >= 0.4 * len(parted)


def test_sums_that_are_the_output_are_the_same_everywhere():
    outcome, parted = Outcome(), []

    @drawn(LAST_LAYERS, models())
    def hold(model):
        code = compile_graph(read(model.bytes(), "layer.onnx"), CORE)
        parted.append(in_parts(code))
        inputs = {name: data[:3] for name, data in model.inputs().items()}
        bench().run(code, inputs, outcome)

    hold()
    assert outcome.faults == []
    assert outcome.counts["run"] == LAST_LAYERS
    assert any(parted)
    assert not all(parted)
