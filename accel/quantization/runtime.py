"""ONNX Runtime: imported when first needed, silent, and its errors as ours."""

import contextlib
import io
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from accel.advice import how_to_install
from accel.compiler.diagnostics import Reason
from accel.compiler.frontends import UnsupportedModel
from accel.errors import ToolError

Advance = Callable[[int], Any]

_FATAL, _WARNING = 4, 2  # severities of ONNX Runtime's log
_PROVIDERS = ["CPUExecutionProvider"]


class RuntimeMissing(ToolError):
    """ONNX Runtime is not installed, or cannot be imported."""


def runtime() -> Any:
    """The module ``onnxruntime``. Raises ``RuntimeMissing``."""
    try:
        with _no_stderr():  # it looks for graphics cards, and complains of what it does not find
            import onnxruntime
            import onnxruntime.quantization
    except ImportError as problem:
        raise RuntimeMissing(
            f"accel quantize: the Python package onnxruntime cannot be imported ({problem}); "
            f"install it with: {how_to_install('quantize')}"
        ) from problem
    return onnxruntime


@contextlib.contextmanager
def quiet(model: str) -> Iterator[Any]:
    """Give ONNX Runtime, and keep what it prints from the terminal.

    What it raises becomes ``UnsupportedModel`` for the file ``model``, with the first line of it.
    """
    ort, disabled = runtime(), logging.root.manager.disable
    ort.set_default_logger_severity(_FATAL)
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield ort
    except (UnsupportedModel, ToolError):
        raise
    except Exception as problem:  # the runtime's errors have no base of their own
        raise UnsupportedModel(model, [refusal(problem)]) from problem
    finally:
        logging.disable(disabled)
        ort.set_default_logger_severity(_WARNING)


def refusal(problem: Exception, what: str = "is refused by onnxruntime") -> Reason:
    """What a library says of a model, in one line."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    why = lines[0] if lines else type(problem).__name__
    for _ in range(3 * why.startswith("[ONNXRuntimeError]")):  # : number : name : message
        why = why.partition(" : ")[2] or why
    why = why.removeprefix("Fatal error: ")
    remedy = "check it with onnx.checker, and export it with a recent opset"
    return Reason(place="", what=what, why=why[:300], remedy=remedy)


class Session:
    """A network on ONNX Runtime's CPU provider.

    Parameters
    ----------
    model
        The file's bytes. Its first dimension must be 1.
    name
        The file's name, for messages.

    Raises ``UnsupportedModel`` with what the runtime says.
    """

    def __init__(self, model: bytes, name: str) -> None:
        self.name = name
        with quiet(name) as ort:
            options = ort.SessionOptions()
            options.log_severity_level = _FATAL
            options.intra_op_num_threads = 1
            self._session = ort.InferenceSession(model, options, providers=_PROVIDERS)
            self._input = self._session.get_inputs()[0].name

    def run(self, x: np.ndarray, advance: Advance | None = None) -> np.ndarray:
        """The first output ``[N, ...]`` of samples ``[N, ...]``."""
        answers = []
        with quiet(self.name):
            for count, sample in enumerate(x, 1):
                answer = self._session.run(None, {self._input: sample[np.newaxis]})[0]
                answers.append(answer)
                if advance is not None:
                    advance(count)
            return np.concatenate(answers)


@contextlib.contextmanager
def _no_stderr() -> Iterator[None]:
    """Drop what code other than Python's writes to the process's standard error."""
    if "onnxruntime" in sys.modules:
        yield
        return
    sys.stderr.flush()
    with contextlib.ExitStack() as stack:
        kept = os.dup(2)
        stack.callback(os.close, kept)
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        stack.callback(os.dup2, kept, 2)
        yield
