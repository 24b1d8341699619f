"""A known network: its answers are the machine's, and its cycles those of the model."""

import importlib.resources

import numpy as np

from accel.compiler.compile import compile_graph
from accel.compiler.frontends import load
from accel.compiler.program.program import CoreProgram
from accel.config import AcceleratorConfig
from accel.errors import UserError
from accel.host.driver import RunEnded
from accel.host.exchange import Transport
from accel.host.runner import run
from accel.session import Session
from accel.sim.functional.machine import Machine

from .array_check import SHARED, stopped
from .steps import Finding, Step, failed, impossible, passed

NAME = "network"
_SAMPLES = 4


def digits_program(config: AcceleratorConfig) -> CoreProgram:
    """The network that reads digits, compiled. Raises ``UserError`` where a core cannot run it."""
    folder = importlib.resources.files("accel.digits")
    with importlib.resources.as_file(folder / "digits_int8.tflite") as file:
        return compile_graph(load(file, None), config)


def digits_samples(count: int) -> np.ndarray:
    """The first test images, ``[count, ...]``."""
    folder = importlib.resources.files("accel.digits")
    with (
        importlib.resources.as_file(folder / "test_images.npz") as images,
        np.load(images, allow_pickle=False) as archive,
    ):
        samples: np.ndarray = archive["x"][:count]
    return samples


def check_network(config: AcceleratorConfig, transport: Transport) -> Step:
    """Run the network that reads digits, layer by layer."""
    try:
        program = digits_program(config)
    except UserError as problem:
        return impossible(NAME, f"the network cannot be compiled for this core: {problem}")
    if program.flash:
        return impossible(NAME, "the network has no room in this core's memory without a flash")
    x = digits_samples(_SAMPLES)
    keep = program.stored_tensors()
    driven = Session(program).driven(transport)
    driven.stepped = True
    try:
        found = run(program, driven, x, keep)
    except RunEnded as problem:
        return failed(NAME, stopped(str(problem)))
    expected = run(program, Machine(program), x, keep)
    findings = []
    for command in program.commands:
        wrong = int((found[command.output] != expected[command.output]).sum())
        if wrong:
            said = f"layer {command.name}: {wrong} of {found[command.output].size} elements differ"
            look = f"`accel bisect` with this network names the element; {SHARED}"
            findings.append(Finding(said=said, look=look, place={"layer": command.name}))
            break
    pairs = zip(program.commands, driven.layer_counters, driven.expected, strict=True)
    wrong_cycles = [(c.name, n.cycles, e.cycles) for c, n, e in pairs if n != e]
    if wrong_cycles:
        name, counted, model = wrong_cycles[0]
        said = (
            f"{len(wrong_cycles)} layers count other cycles than the model: {name} {counted:,}, "
            f"not {model:,}"
        )
        look = f"the counters and the sequencer: {SHARED}"
        findings.append(Finding(said=said, look=look, place={"counters": name}))
    if findings:
        return failed(NAME, findings)
    cycles = sum(layer.cycles for layer in driven.layer_counters)
    return passed(
        NAME,
        f"digits: {len(program.commands)} layers of {_SAMPLES} images equal the machine's in every "
        f"element, and {cycles:,} cycles are the model's",
    )
