"""Both exported drivers, run on samples with a core at the other end of a line."""

import importlib.util
import sys
from pathlib import Path

import numpy as np

from accel.export.description import describe
from accel.export.micropython.write import write_micropython
from accel.sim.rtl.compiled import CompiledCore
from tests.support.host import c_driver
from tests.support.host.fake_core import FakeCore

from .conftest import SHORT


class Direct:
    """A link of the driver for MicroPython to a transport."""

    def __init__(self, core: FakeCore | CompiledCore):
        self.core = core

    def write(self, data) -> None:
        self.core.write(bytes(data))

    def first(self, ms: int) -> bytes:
        return self.core.read(1)

    def read(self, count: int, ms: int) -> bytes:
        return self.core.read(count)

    def silence(self, ms: int) -> None:
        self.core.discard()


def micropython(program, folder: Path):
    """The module that is exported with a program, and the path of what it reads."""
    folder.mkdir(parents=True, exist_ok=True)
    cycles = program.report().cycles
    write_micropython(describe(program.code, cycles, 12.0), folder, baud=1_000_000)
    for name in ("accel_links", "accel_nodes"):
        sys.modules[name] = module_of(folder / f"{name}.py")
    return module_of(folder / "accel_driver.py"), str(folder / "program.dat")


def module_of(path: Path):
    """A file's module, which is the same for all networks."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answers_of_micropython(program, samples: np.ndarray, folder: Path) -> dict[str, np.ndarray]:
    """The outputs by name; samples are of the one input."""
    module, path = micropython(program, folder)
    driver = module.Driver(Direct(FakeCore(program.config)), path)
    driver.open()
    driver.load()
    found = []
    for sample in samples:
        answer = driver.infer(sample.ravel().tolist())
        found.append(
            answer if isinstance(answer, dict) else {program.code.graph.outputs[0]: answer}
        )
    driver.file.close()
    return {name: np.array([list(one[name]) for one in found]) for name in found[0]}


def answers_of_c(program, samples: np.ndarray, folder: Path) -> dict[str, np.ndarray]:
    """The same."""
    graph = program.code.graph
    c_driver.export(program, folder)
    names = {"int64": "i4", "int32": "i4", "float32": "f4", "int8": "i1", "uint8": "u1"}
    kinds = [
        (name, names[graph.tensor(name).dtype], graph.tensor(name).size) for name in graph.outputs
    ]
    kind = np.dtype(kinds, align=True)
    executable = c_driver.compiled(folder, "uart", *SHORT)
    found, ended = c_driver.infer(FakeCore(program.config), executable, samples, ((), kind))
    assert ended.code == 0, ended.errors
    return {name: found[name] for name in graph.outputs}
