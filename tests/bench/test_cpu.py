"""The C++ baseline computes what the reference computes, or says why it cannot."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings

from accel.bench import cpu, cpu_steps
from accel.compiler.frontends import load
from accel.compiler.graph import interpreter
from accel.compiler.graph.host_partition import partition
from accel.sim.rtl.compiled import Compiler, find_compiler
from tests.end_to_end.test_random_models import ON_THE_CORE
from tests.support.networks.tflite.operators import SEEDS, random_inputs
from tests.support.shared import shared

EXAMPLES = 40
SAMPLES = 2


def computed(graph, inputs) -> tuple[dict, dict]:
    """What C++ and the reference make of the core's part of a graph."""
    parts = partition(graph)
    values = interpreter.run(graph, inputs, (*parts.inputs, *parts.outputs))
    network = cpu.CppNetwork(graph, parts.core, find_compiler())
    ours = network.run({name: values[name] for name in parts.inputs}, parts.outputs)
    return ours, {name: values[name] for name in parts.outputs}


def assert_equal(graph, inputs) -> None:
    ours, expected = computed(graph, inputs)
    assert list(ours) == list(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(ours[name], values, err_msg=name)


@pytest.mark.parametrize("operator", sorted(set(ON_THE_CORE) & {*cpu_steps.KERNELS, "relu"}))
def test_every_kernel_equals_the_reference(operator):
    reached = Counter()

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(ON_THE_CORE[operator][0], SEEDS)
    def check(graph, seed):
        inputs = random_inputs(graph, SAMPLES, seed)
        try:
            assert_equal(graph, inputs)
        except cpu_steps.NoKernel:
            reject()  # another example takes its place
        reached["equal"] += 1

    check()
    assert reached["equal"] >= 5


@pytest.mark.parametrize("model", ["kws01_dscnn", "ic01_resnet", "vww01_mobilenet", "ad01"])
def test_whole_networks_equal_the_reference(model):
    graph = load(shared(f"models/mlperf_tiny/{model}_int8.tflite"))
    assert_equal(graph, random_inputs(graph, 2))


def test_another_contract_has_no_kernels():
    graph = load(shared("models/onnx_mlperf_k1/ad01.onnx"))
    with pytest.raises(cpu_steps.NoKernel, match="round as tflm says, the network as onnx"):
        cpu_steps.steps(graph, graph.nodes)


def test_operators_without_a_kernel_are_named():
    graph = load(shared("models/mlperf_tiny/kws01_dscnn_int8.tflite"))
    with pytest.raises(cpu_steps.NoKernel, match=r"^no kernel for SOFTMAX$"):
        cpu_steps.steps(graph, graph.nodes)


def test_what_a_compiler_says_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("ACCEL_CACHE", str(tmp_path))
    with pytest.raises(cpu.CannotCompileKernels, match=r"^false failed: no message$"):
        cpu.compiled(Compiler(("false",), "1"))
    assert not list(tmp_path.rglob("*.entry"))


def test_kernels_are_compiled_once(tmp_path, monkeypatch):
    monkeypatch.setenv("ACCEL_CACHE", str(tmp_path))
    first = cpu.compiled(find_compiler())
    made = first.path.stat().st_ino
    assert cpu.compiled(find_compiler()) == first
    assert first.path.stat().st_ino == made
