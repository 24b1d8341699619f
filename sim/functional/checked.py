"""The machine for a program that comes from a file: what no core does is an answer, not a fault."""

import contextlib
from collections.abc import Iterator

import numpy as np

from accel.compiler.ir.descriptor import Descriptor
from accel.compiler.program.executable import CoreExecutable
from accel.errors import UserError
from accel.isa import Isa

from .layer import IllegalProgram
from .machine import Machine

MOST_ENTRIES = 2**26  # of a layer's tables of addresses: what is decoded before a layer is computed
_WRONG = (IllegalProgram, ArithmeticError, LookupError, TypeError, ValueError)


class BadProgram(UserError):
    """A program's chunks ask for something that no core does."""


class CheckedMachine(Machine):
    """A `Machine` that raises ``BadProgram`` for chunks that mean nothing, or that would take more
    memory than any network does."""

    def __init__(self, program: CoreExecutable, jobs: int = 1):
        isa = Isa(program.config)
        for command, chunk in zip(program.commands, program.chunks, strict=True):
            f = Descriptor.from_bytes(chunk.data, isa)
            steps, columns = f.steps(program.config.rows), program.config.columns
            positions = f.tiles(program.config.rows) * program.config.rows
            largest = max(positions * steps, f.groups * max(positions, steps) * columns)
            if largest > MOST_ENTRIES:
                raise BadProgram(_message(program, f"layer {command.name!r} is too large"))
        with _answered(program):
            super().__init__(program, jobs)

    def _run(self, inputs, between, keep):
        with _answered(self.program):
            return super()._run(inputs, between, keep)


@contextlib.contextmanager
def _answered(program: CoreExecutable) -> Iterator[None]:
    try:
        with np.errstate(divide="raise", invalid="raise"):
            yield
    except _WRONG as problem:
        raise BadProgram(_message(program, str(problem)[:200])) from problem


def _message(program: CoreExecutable, what: str) -> str:
    return (
        f"{program.name}: its chunks ask for something that no core does ({what}); compile the "
        "network again, with `accel compile MODEL -o DIR`"
    )
