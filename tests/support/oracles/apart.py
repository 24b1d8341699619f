"""TFLite Micro's answers from a process of its own for each file: it trusts files, and may crash.

A server without threads is started once and forks for each file, which takes a millisecond.
"""

import atexit
import ctypes
import os
import pickle
import resource
import signal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 10  # of processor time that an answer may take
MEMORY = 2 << 30  # bytes that it may have beyond the server's
ARENA_BYTES = 2**20
M_PERTURB = -6  # of mallopt: fill what is allocated, so that what was never written is no zero


class Refused(Exception):
    """TFLite Micro does not run the file; the message says what it said."""


class Crashed(Refused):
    """TFLite Micro ended, by a signal or out of time."""


def tflm_apart(model: bytes, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Run a model on ``[N, ...]`` inputs, one sample at a time, and return its outputs alike.

    Raises ``Refused`` or ``Crashed``.
    """
    server = _server()
    pickle.dump((model, inputs), server.stdin)
    server.stdin.flush()
    kind, answer = pickle.load(server.stdout)
    if kind == "answer":
        return answer
    raise {"refused": Refused, "crashed": Crashed}[kind](answer)


@cache
def _server() -> subprocess.Popen:
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.support.oracles.apart"],
        cwd=ROOT,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    atexit.register(_end, server)
    return server


def _end(server: subprocess.Popen) -> None:
    server.stdin.close()
    server.stdout.close()
    server.wait()


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until there are no more requests."""
    from tests.support.oracles import tflm  # noqa: F401 -- imported once, before any fork

    while True:
        try:
            request = pickle.load(requests)
        except EOFError:
            return
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            with open(writer, "wb") as out:
                pickle.dump(_answer(*request), out)
                out.flush()
                os._exit(0)
        os.close(writer)
        with open(reader, "rb") as piece:
            whole = piece.read()
        _, status = os.waitpid(child, 0)
        if status == 0:
            answers.write(whole)
        else:
            number = os.waitstatus_to_exitcode(status)
            name = signal.Signals(-number).name if number < 0 else f"exit code {number}"
            pickle.dump(("crashed", f"TFLite Micro ended by {name}"), answers)
        answers.flush()


def _answer(model: bytes, inputs: list[np.ndarray]) -> tuple[str, object]:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    ctypes.CDLL(None).mallopt(M_PERTURB, 0x5A)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            return "answer", _run(model, inputs)
        except Exception as error:  # noqa: BLE001 -- whatever its wrapper raises is a refusal
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().split("\n")
            return "refused", f"{error} ({'; '.join(lines)})"


def _run(model: bytes, inputs: list[np.ndarray]) -> list[np.ndarray]:
    from tests.support.oracles.tflm import Interpreter

    interpreter = Interpreter.from_bytes(model, arena_size=ARENA_BYTES)
    found: list[list[np.ndarray]] = []
    for sample in range(len(inputs[0])):
        for index, array in enumerate(inputs):
            interpreter.set_input(array[sample : sample + 1], index)
        interpreter.invoke()
        found.append([np.array(interpreter.get_output(i)) for i in range(_outputs(model))])
    return [np.concatenate(pieces) for pieces in zip(*found, strict=True)]


def _outputs(model: bytes) -> int:
    import tflite

    return tflite.Model.GetRootAs(model, 0).Subgraphs(0).OutputsLength()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
