"""Holds an executor's answers to the oracle's, layer by layer, and RTL's counters to the
model's."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise

import numpy as np

from accel.api import Program
from accel.compiler.program.program import CoreProgram
from accel.executors import Execution
from accel.host.driven_core import DrivenCore
from accel.host.exchange import Transport
from accel.host.run_results import Counters
from accel.host.runner import run
from accel.sim.compare import assert_same
from accel.sim.cycles.cycle_model import predict


def compared(code: CoreProgram, expected: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The expected tensors that the compiled network has; it may compute some on the way to
    others."""
    return {name: array for name, array in expected.items() if code.has(name)}


def assert_layers(
    program: Program, executor: str, inputs: np.ndarray, expected: Mapping[str, np.ndarray]
) -> Execution:
    """Run a batch ``[N, ...]`` and assert that all expected tensors, ``[N, ...]``, come out."""
    wanted = compared(program.code, expected)
    execution = program.session.execute(executor, inputs, tuple(wanted))
    assert_same(execution.tensors, wanted)
    return execution


def in_parts(
    program: Program, inputs: np.ndarray, executor: str, ends: Sequence[int]
) -> dict[str, np.ndarray]:
    """The outputs of successive inferences, begun anew, in runs that end at these samples."""
    parts = [program.run(inputs[: ends[0]], executor)]
    for begin, end in pairwise(ends):
        parts.append(program.run(inputs[begin:end], executor, stream=True))
    return {name: np.concatenate([p.outputs[name] for p in parts]) for name in parts[0].outputs}


def assert_cycles(code: CoreProgram, counted: Sequence[Counters]) -> None:
    """Assert that all four counters of every layer are the cycle model's."""
    names = [command.name for command in code.commands]
    assert len(names) == len(counted) == len(code.chunks)
    modelled = [asdict(layer) for layer in predict(code)]
    measured = [asdict(layer) for layer in counted]
    assert dict(zip(names, measured, strict=True)) == dict(zip(names, modelled, strict=True))


def assert_rtl(
    code: CoreProgram, transport: Transport, inputs: np.ndarray, expected: Mapping[str, np.ndarray]
) -> None:
    """Drive a core that is already there: every layer, and the cycles of each sample's layers."""
    core = DrivenCore(code, transport)
    core.stepped = True
    wanted = compared(code, expected)
    for index in range(len(inputs)):
        piece = slice(index, index + 1)
        answer = run(code, core, inputs[piece], tuple(wanted))
        assert_same(answer, {name: array[piece] for name, array in wanted.items()})
        assert_cycles(code, core.layer_counters)
