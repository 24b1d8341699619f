"""How fast this computer computes a network: machine, compiled RTL, NumPy and C++.

All must give the same answers before any is timed.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from accel.api import Program
from accel.bench import cpu, cpu_steps
from accel.bench.figures import Figure, median, missing
from accel.compiler.graph import interpreter
from accel.compiler.graph.host_partition import Partition
from accel.errors import ToolError
from accel.sim.rtl.compiled import CannotCompileRtl, find_compiler

LEAST_SECONDS = 0.05  # that a measurement takes at least, if need be in several runs


class Differs(ToolError):
    """Two ways of computing a network disagree, so no speed is worth anything."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Expected:
    """The reference's answers to a batch: at the core's own inputs and outputs, and the
    network's."""

    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]
    network: Mapping[str, np.ndarray]


def expected(program: Program, inputs: Mapping[str, np.ndarray]) -> Expected:
    """The answers that every way of computing must give."""
    graph, parts = program.code.graph, program.code.partition
    values = interpreter.run(graph, inputs, (*parts.inputs, *parts.outputs, *graph.outputs))
    return Expected(
        inputs={name: values[name] for name in parts.inputs},
        outputs={name: values[name] for name in parts.outputs},
        network={name: values[name] for name in graph.outputs},
    )


def numpy_speed(program: Program, inputs: Mapping[str, np.ndarray], repeat: int) -> Figure:
    """Speed of the reference executor."""
    graph, samples = program.code.graph, _samples(inputs)
    how = f"the graph in NumPy {np.__version__}, batches of {samples}"
    return _rates(lambda: interpreter.run(graph, inputs), samples, repeat, how)


def machine_speed(
    program: Program, inputs: Mapping[str, np.ndarray], answers: Expected, repeat: int
) -> Figure:
    """Speed of the functional machine. Raises ``Differs``."""
    samples = _samples(inputs)
    _compare("machine", program.run(inputs, "machine").outputs, answers.network)
    how = f"batches of {samples}, equal to the reference"
    return _rates(lambda: program.run(inputs, "machine"), samples, repeat, how)


def cpp_speed(program: Program, answers: Expected, repeat: int) -> Figure:
    """Speed of plain loops in C++, where there is a compiler and every kernel. Raises
    ``Differs``."""
    parts: Partition = program.code.partition
    try:
        compiler = find_compiler()
        network = cpu.CppNetwork(program.code.graph, parts.core, compiler)
    except (CannotCompileRtl, cpu.CannotCompileKernels, cpu_steps.NoKernel) as problem:
        return missing(f"not measured: {problem}")
    _compare("C++", network.run(answers.inputs, parts.outputs), answers.outputs)
    driven = len(parts.driver)
    left_out = f", without the driver's {driven} operators" if driven else ""
    how = (
        f"reference kernels' loops, one thread, {compiler.version}, {cpu.FLAGS[1]}{left_out}; "
        "equal to the reference"
    )
    return _rates(
        lambda: network.run(answers.inputs, parts.outputs),
        _samples(answers.inputs),
        repeat,
        how,
    )


@dataclass(frozen=True, kw_only=True)
class Rtl:
    """The cycles that compiled RTL counts, and its speed."""

    cycles: Figure
    speed: Figure
    inferences: Figure


def rtl(program: Program, inputs: Mapping[str, np.ndarray], answers: Expected, repeat: int) -> Rtl:
    """Run a sample in compiled RTL. Raises ``Differs`` where answers or a layer's cycles do."""
    one = {name: values[:1] for name, values in inputs.items()}
    keep = program.code.graph.outputs
    try:
        first = program.session.execute("rtl", one, keep)
    except CannotCompileRtl as problem:
        why = missing(f"not measured: {problem}")
        return Rtl(cycles=why, speed=why, inferences=why)
    _compare("RTL", first.tensors, {name: v[:1] for name, v in answers.network.items()})
    counted = [layer.cycles for layer in first.layers or ()]
    model = [layer.cycles for layer in program.cycles]
    if counted != model:
        where = [i for i, pair in enumerate(zip(counted, model, strict=True)) if len({*pair}) > 1]
        raise Differs(f"{program.name}: RTL and cycle model differ in layers {where}")
    speeds, inferences, before = [], [], first.simulated_cycles
    for _ in range(repeat):
        begin = time.perf_counter()
        execution = program.session.execute("rtl", one, keep)
        seconds = time.perf_counter() - begin
        speeds.append((execution.simulated_cycles - before) / seconds)
        inferences.append(1 / seconds)
        before = execution.simulated_cycles
    return Rtl(
        cycles=Figure(value=sum(counted), how="the core's counters, equal to the model's by layer"),
        speed=median(speeds, "whole core with its link, one process, compiled C++"),
        inferences=median(inferences, "the same, sample in and answer out by the link"),
    )


def _samples(inputs: Mapping[str, np.ndarray]) -> int:
    return len(next(iter(inputs.values())))


def _rates(work: Callable[[], object], amount: int, repeat: int, how: str) -> Figure:
    """``amount`` by the seconds that ``work`` takes, in ``repeat`` measurements after one run."""
    begin = time.perf_counter()
    work()
    runs = max(1, round(LEAST_SECONDS / (time.perf_counter() - begin)))
    rates = []
    for _ in range(repeat):
        begin = time.perf_counter()
        for _ in range(runs):
            work()
        rates.append(amount * runs / (time.perf_counter() - begin))
    return median(rates, how)


def _compare(name: str, actual: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]) -> None:
    for tensor, values in wanted.items():
        count = int((actual[tensor] != values).sum())
        if count:
            raise Differs(
                f"{name} and reference differ in {count} of {values.size} elements of {tensor!r}; "
                "this is a fault of accel, please report it"
            )
