"""What a run of ``accel run`` has left of a network's states, for the next one to go on with."""

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from accel.cli._output import note
from accel.flow.cache.store import Cache, cache_root, key_of

if TYPE_CHECKING:
    from accel.api import Executable

_FILE = "states.npz"
_LIMIT_BYTES = 16 << 20  # of all programs' states together


def _cache() -> Cache:
    return Cache(folder=cache_root() / "states", limit=_LIMIT_BYTES)


def _key(program: "Executable") -> str:
    """The same for the same program, whether it comes from a model or a program file."""
    digest = hashlib.sha256()
    for chunk in program.code.contents:
        digest.update(chunk.data)
    for node in program.code.partition.driver:
        tensors = [program.code.graph.tensor(name) for name in node.inputs]
        for data in (tensor.data for tensor in tensors if tensor.data is not None):
            digest.update(np.ascontiguousarray(data).tobytes())
    names = [[state.name, list(state.shape), state.dtype] for state in program.states]
    return key_of(program.name, program.contract, digest.hexdigest(), names)


def go_on(program: "Executable", executor: str) -> None:
    """Let the program find what its last run has left, if that is known; else say that it is not.

    States move between executors: all answer alike.
    """
    with tempfile.TemporaryDirectory(prefix="accel-") as folder:
        files = _cache().take(_key(program), Path(folder))
        if not files:
            note("no run has left states of this program: the first step finds the initial ones")
            return
        with np.load(files[0], allow_pickle=False) as found:
            values = dict(zip((s.name for s in program.states), found.values(), strict=True))
    program.restore(values, executor)


def keep(program: "Executable", executor: str) -> None:
    """Keep what the program's run has left. Where that cannot be written, nothing is kept."""
    values = program.snapshot(executor)
    with tempfile.TemporaryDirectory(prefix="accel-") as folder:
        path = Path(folder, _FILE)
        np.savez(path, *(values[state.name] for state in program.states))
        _cache().keep(_key(program), Path(folder), [path])
