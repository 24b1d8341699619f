"""The runtimes as oracles in processes of their own, since spoilt files crash them.

A server loads the runtimes once and forks a child for each question; a child that crashes, hangs or
takes too much memory is no answer. The server must be made before the process has threads.
"""

import contextlib
import os
import pickle
import resource
import select
import signal
import struct
import time
from collections.abc import Callable
from typing import Any, BinaryIO

from accel.quantization.saturation import OF_CODES, has_codes, saturates

SECONDS = 10  # that an answer may take, of the processor's and twice as long by the clock
MEMORY = 4 << 30  # bytes of addresses; the runtimes map much of which they use little
ARENA_BYTES = 4 << 20
_LENGTH = struct.Struct("<Q")


class NoAnswer(Exception):
    """The oracle refused the file, or died of it; the message says which."""


class OracleProcess:
    """``ask("tflm", model, inputs)`` and ``ask("onnx ALL", ...)`` answer with a list of outputs.

    ``inputs`` is a list of arrays ``[N, ...]`` in the file's order, of which each sample is an
    invocation of its own; outputs are lists of one array a sample.
    """

    def __init__(self) -> None:
        question, answer = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(question[1])
            os.close(answer[0])
            try:
                _serve(os.fdopen(question[0], "rb"), os.fdopen(answer[1], "wb"))
            finally:
                os._exit(1)
        os.close(question[0])
        os.close(answer[1])
        self._out, self._in = os.fdopen(question[1], "wb"), os.fdopen(answer[0], "rb")

    def ask(self, runtime: str, model: bytes, inputs: list[Any]) -> list[list[Any]]:
        """Raises ``NoAnswer``."""
        _put(self._out, (runtime, model, inputs))
        said, answer = _get(self._in)
        if said != "answer":
            raise NoAnswer(f"{said}: {answer}")
        return answer

    def close(self) -> None:
        self._out.close()
        self._in.close()
        os.waitpid(self.pid, 0)


def _put(file: BinaryIO, value: Any) -> None:
    data = pickle.dumps(value)
    file.write(_LENGTH.pack(len(data)) + data)
    file.flush()


def _get(file: BinaryIO) -> Any:
    head = file.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    return pickle.loads(file.read(_LENGTH.unpack(head)[0]))  # of our own child


def _serve(questions: BinaryIO, answers: BinaryIO) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    runtimes = _runtimes()
    with contextlib.suppress(EOFError):
        while True:
            runtime, model, inputs = _get(questions)
            _put(answers, _forked(lambda: runtimes[runtime](model, inputs)))  # noqa: B023 -- run at once


def _forked(compute: Callable[[], Any]) -> tuple[str, Any]:
    """What a child computes: ``answer`` and the value, ``refuses`` and why, or ``dies`` and of
    what."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        _child(compute, write)
    os.close(write)
    received, end = b"", time.monotonic() + 2 * SECONDS
    while True:
        left = end - time.monotonic()
        if left <= 0 or not select.select([read], [], [], left)[0]:
            os.kill(pid, signal.SIGKILL)
            break
        piece = os.read(read, 1 << 20)
        if not piece:
            break
        received += piece
    os.close(read)
    _, status = os.waitpid(pid, 0)
    if status or not received:
        return "dies", f"status {status}"
    return pickle.loads(received)


def _child(compute: Callable[[], Any], write: int) -> None:
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        result = ("answer", compute())
    except BaseException as error:  # noqa: BLE001 -- whatever it is, it is no answer
        result = ("refuses", f"{type(error).__name__}: {error}"[:500])
    with os.fdopen(write, "wb") as file:
        file.write(pickle.dumps(result))
    os._exit(0)


def _runtimes() -> dict[str, Callable[[bytes, list[Any]], list[list[Any]]]]:
    import numpy as np
    import onnxruntime
    from tflite_micro.python.tflite_micro.runtime import Interpreter

    def tflm(model: bytes, inputs: list[Any]) -> list[list[Any]]:
        from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

        graph = schema.Model.GetRootAsModel(model, 0).Subgraphs(0)
        interpreter = Interpreter.from_bytes(model, arena_size=ARENA_BYTES)
        outputs: list[list[Any]] = [[] for _ in range(graph.OutputsLength())]
        for sample in range(len(inputs[0])):
            for index, array in enumerate(inputs):
                interpreter.set_input(np.ascontiguousarray(array[sample : sample + 1]), index)
            interpreter.invoke()
            for index, found in enumerate(outputs):
                found.append(np.array(interpreter.get_output(index)))
        return outputs

    def onnx(model: bytes, inputs: list[Any], level: Any) -> list[list[Any]]:
        plain = level == levels.ORT_DISABLE_ALL  # other levels make sums exact, but QGemm's
        if saturates() and has_codes(model, OF_CODES if plain else ("QGemm",)):
            raise RuntimeError("sums of products saturate on this processor")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        options.graph_optimization_level = level
        options.add_session_config_entry("session.x64quantprecision", "1")  # for all other levels
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        names = [port.name for port in session.get_inputs()]
        answers = [
            session.run(None, {n: x[i : i + 1] for n, x in zip(names, inputs, strict=True)})
            for i in range(len(inputs[0]))
        ]
        return [list(samples) for samples in zip(*answers, strict=True)]

    levels = onnxruntime.GraphOptimizationLevel
    return {
        "tflm": tflm,
        "onnx ALL": lambda model, inputs: onnx(model, inputs, levels.ORT_ENABLE_ALL),
        "onnx NONE": lambda model, inputs: onnx(model, inputs, levels.ORT_DISABLE_ALL),
    }
