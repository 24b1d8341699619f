"""The CPU baseline in C++: the network on this computer in plain loops, like TFLite Micro's."""

import ctypes
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from accel.bench import cpu_steps
from accel.compiler.ir.graph import Graph, Node
from accel.flow.cache.libraries import Library, library
from accel.flow.cache.store import cache_root, key_of
from accel.processes.children import run
from accel.sim.rtl.compiled import Compiler

_SOURCE = Path(__file__).with_name("kernels.cc")
# What TFLite Micro's own build takes; the compiler may use no instructions beyond the base ones.
FLAGS = ("-std=c++17", "-O2", "-shared", "-fPIC")


class CannotCompileKernels(Exception):
    """The C++ compiler refuses kernels.cc; the message has its output."""


def compiled(compiler: Compiler) -> Library:
    """The compiled kernels, from the cache or compiled now.

    Raises ``CannotCompileKernels`` and ``CannotLoad``.
    """
    machine = (sys.platform, platform.machine())
    parts = (_SOURCE.read_text(), *compiler.command, compiler.version, *machine, *FLAGS)

    def make(folder: Path) -> Path:
        made = folder / "kernels.so"
        command = [*compiler.command, *FLAGS, str(_SOURCE), "-o", str(made)]
        answer = run(command, temporary=folder)
        if answer.returncode:
            last = answer.stderr.strip().splitlines()[-1:] or ["no message"]
            raise CannotCompileKernels(f"{compiler.command[0]} failed: {last[0]}")
        return made

    return library(cache_root() / "kernels", key_of(*parts), make)


class CppNetwork:
    """Nodes of a graph, prepared to be computed one sample at a time.

    Raises ``cpu_steps.NoKernel`` and ``CannotCompileKernels``.
    """

    def __init__(self, graph: Graph, nodes: tuple[Node, ...], compiler: Compiler):
        planned = cpu_steps.steps(graph, nodes)
        self._graph, self._aliases = graph, cpu_steps.aliases(graph, nodes)
        self._buffers: dict[str, np.ndarray] = {}
        self._kernels = compiled(compiler).load()
        self._calls = [
            (getattr(self._kernels, step.kernel), tuple(map(self._argument, step.arguments)))
            for step in planned
        ]
        self._kept = planned  # owns the arrays that the calls point to

    def _argument(self, value: Any) -> Any:
        if isinstance(value, str):
            value = self._buffer(value)
        if isinstance(value, np.ndarray):
            assert value.flags.c_contiguous
            return ctypes.c_void_p(value.ctypes.data)
        return ctypes.byref(value) if isinstance(value, ctypes.Structure) else value

    def _buffer(self, tensor: str) -> np.ndarray:
        """A tensor's codes of one sample, flat."""
        name = self._aliases.get(tensor, tensor)
        if name not in self._buffers:
            self._buffers[name] = np.zeros(self._graph.tensor(name).size, np.int8)
        return self._buffers[name]

    def run(
        self, inputs: Mapping[str, np.ndarray], outputs: tuple[str, ...]
    ) -> dict[str, np.ndarray]:
        """Compute ``outputs`` of a batch, int8 ``[N, ...]`` each."""
        samples = len(next(iter(inputs.values())))
        shapes = {name: self._graph.tensor(name).shape[1:] for name in outputs}
        answers = {name: np.empty((samples, *shapes[name]), np.int8) for name in outputs}
        for sample in range(samples):
            for name, values in inputs.items():
                self._buffer(name)[:] = values[sample].reshape(-1)
            for kernel, arguments in self._calls:
                kernel(*arguments)
            for name, answer in answers.items():
                answer[sample] = self._buffer(name).reshape(shapes[name])
        return answers
