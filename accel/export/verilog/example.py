"""The network that an exported core's testbench runs: one that the core can run."""

import importlib.resources
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

import accel
from accel.api import Program
from accel.config import AcceleratorConfig
from accel.datapath import network
from accel.errors import UserError, plain

_SEED = 2


class NoExample(UserError):
    """A core runs none of the networks of testbenches."""


@dataclass(frozen=True)
class Example:
    """A compiled network and one input for it, ``[...]``."""

    program: Program
    sample: np.ndarray


def example(config: AcceleratorConfig) -> Example:
    """Handwritten digits where a core runs them, else a few small layers.

    The layers are those that formats are held to: a convolution, depthwise ones, a pool and a fully
    connected one. Raises ``NoExample`` where a core runs neither.
    """
    with suppress(UserError):  # its format has other weights, or its memory is too small
        return digits(config)
    try:
        return layers(config)
    except UserError as problem:
        raise NoExample(
            f"The core runs no network that a testbench has: {plain(problem)}; change the core, or "
            "export it with --no-testbench"
        ) from problem


def digits(config: AcceleratorConfig) -> Example:
    """The network of `accel demo` and its first test image. Raises what ``accel.compile`` does."""
    folder = importlib.resources.files("accel.digits")
    with (
        importlib.resources.as_file(folder / "digits_int8.tflite") as model,
        importlib.resources.as_file(folder / "test_images.npz") as images,
    ):
        program = accel.compile(model, config=config)
        with np.load(images, allow_pickle=False) as archive:
            return _resident(Example(program, archive["x"][0]))


def layers(config: AcceleratorConfig) -> Example:
    """Small layers with weights of the core's format, and a random input."""
    graph = network(config)
    shape = graph.tensor(graph.inputs[0]).shape[1:]
    sample = np.random.default_rng(_SEED).integers(-128, 128, shape).astype(np.int8)
    return _resident(Example(accel.compile(graph, config=config), sample))


def _resident(found: Example) -> Example:
    if found.program.code.flash:
        raise UserError(
            f"{found.program.name}: does not fit into the core's memory; the testbench has no flash"
        )
    return found
