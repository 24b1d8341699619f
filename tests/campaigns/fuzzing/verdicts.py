"""What becomes of a spoilt file: refused in one report, or an answer that is held to the
oracle's."""

import math
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np

from accel.api import Program, Result
from accel.compiler.compile import compile_graph
from accel.compiler.frontends import FRONTENDS
from accel.compiler.graph import interpreter
from accel.compiler.ir.graph import Graph
from accel.config import AcceleratorConfig
from accel.errors import UserError
from accel.numeric.rounding import float_mean
from accel.numeric.rules import floating
from accel.sim.compare import assert_same
from tests.campaigns.fuzzing.oracle_process import NoAnswer, OracleProcess

CONFIG = AcceleratorConfig(weight_steps=8192, sum_bits=32)
MOST_ELEMENTS = 1 << 18  # of a tensor of a network that is also run
SAMPLES = 4
RUNTIMES = {"tflite": ("tflm",), "onnx": ("onnx ALL", "onnx NONE")}

READER, COMPILER, LARGE = "refused by the reader", "refused by the compiler", "too large to run"
EQUAL, ALONE, DIFFERS = "equal", "the oracle has no answer", "DIFFERS"
# The runtime computes some operators in float32 and adds in an order of its own, which decides
# halves.
NEAR, NEAR_SHARE = "equal but for exact halves", 0.02
BESIDE = 2.0**-20  # of a number, that float32 sums of a few are off by at most
FLOAT_SUMS = ("conv2d", "depthwise_conv2d", "fully_connected", "average_pool2d", "mean")


@dataclass(frozen=True)
class Verdict:
    """``what`` is one of the names above; ``detail`` says what differs and where."""

    what: str
    detail: str = ""


def verdict(format: str, data: bytes, oracle: OracleProcess) -> Verdict:
    """What becomes of a file. Raises for whatever is no refusal in one report."""
    try:
        graph = FRONTENDS[format].read(data, f"spoilt.{format}")
    except UserError as refusal:
        return _refused(READER, refusal)
    try:
        program = Program(compile_graph(graph, CONFIG))
        report = program.report()
        assert report.cycles_model >= 0
    except UserError as refusal:
        return _refused(COMPILER, refusal)
    if max(tensor.size for tensor in graph.tensors.values()) > MOST_ELEMENTS:
        return Verdict(LARGE)
    inputs = noise(graph)
    given = {name: interpreter.in_file_shape(graph, name, x) for name, x in inputs.items()}
    result = program.run(given, "machine")
    assert_same(result.outputs, program.run(given, "reference").outputs)
    return _held(format, data, oracle, graph, inputs, result)


def _refused(by: str, refusal: UserError) -> Verdict:
    text = str(refusal)
    assert text.startswith(("spoilt", "memory: ")), text  # the whole program's, whatever file
    assert len(text) < 20_000, len(text)
    assert "\x1b" not in text
    return Verdict(by, text.partition(": ")[2][:100])


def noise(graph: Graph) -> dict[str, np.ndarray]:
    """Samples for each input: codes of the whole range with its ends, or numbers large and
    small."""
    rng, found = np.random.default_rng(0), {}
    for name in graph.inputs:
        tensor = graph.tensor(name)
        codes = rng.integers(-128, 128, (SAMPLES, *tensor.shape[1:])).astype(np.int8)
        if tensor.dtype == "float32":
            spread = 10.0 ** rng.uniform(-2, 2, codes.shape)
            found[name] = (rng.standard_normal(codes.shape) * spread).astype(np.float32)
        else:
            codes[0] = rng.choice(np.array([-128, 127, -127, 0], np.int8), codes[0].shape)
            found[name] = codes.view(tensor.dtype)
    return found


def _held(
    format: str,
    data: bytes,
    oracle: OracleProcess,
    graph: Graph,
    inputs: dict[str, np.ndarray],
    result: Result,
) -> Verdict:
    """Equal to one of the runtime's answers, each of which is a right one; else what differs."""
    answers = [  # by sample, also where the file's shapes have no dimension for samples
        result.outputs[name].reshape(SAMPLES, *graph.tensor(name).shape[1:])
        for name in graph.outputs
    ]
    differs, silent, near = [], [], False
    for runtime in RUNTIMES[format]:
        try:
            expected = oracle.ask(runtime, data, [inputs[name] for name in graph.inputs])
        except NoAnswer as why:
            silent.append(f"{runtime} {why}")
            continue
        found = _difference(answers, expected)
        if not found:
            return Verdict(EQUAL, runtime)
        near = near or _near(graph, answers, expected) or _at_halves(graph, inputs, expected)
        differs.append(f"{runtime}: {found}")
    if not differs:
        return Verdict(ALONE, "; ".join(silent))
    if near:
        return Verdict(NEAR, "; ".join(differs))
    operators = " ".join(node.operator for node in graph.nodes[:6])
    inexact = f" [{len(result.report.inexact)} inexact channels]" if result.report.inexact else ""
    return Verdict(DIFFERS, f"{operators}{inexact}: {'; '.join([*differs, *silent])}")


def _near(graph: Graph, answers: list[np.ndarray], expected: list[list[Any]]) -> bool:
    """Whether few elements differ, by one code, in a network in which the order of sums decides."""
    if graph.contract != "onnx" or not any(node.operator in FLOAT_SUMS for node in graph):
        return False
    differing = total = 0
    for name, ours, theirs in zip(graph.outputs, answers, expected, strict=False):
        tensor, node = graph.tensor(name), graph.producer(name)
        step = 1.0
        if tensor.dtype == "float32":
            if node is None or node.operator != "dequantize":
                return False
            step = 1.01 * graph.tensor(node.inputs[0]).quantization.scale[0]
        if len(answers) != len(expected) or ours.size != sum(array.size for array in theirs):
            return False
        a = ours.reshape(len(ours), -1).astype(np.float64)
        off = np.abs(a - np.stack([array.reshape(-1) for array in theirs]))
        if not (off <= step).all():
            return False
        differing, total = differing + np.count_nonzero(off), total + off.size
    return differing <= max(1, NEAR_SHARE * total)


def _at_halves(graph: Graph, inputs: dict[str, np.ndarray], expected: list[list[Any]]) -> bool:
    """Whether means a millionth nearer to 0 or farther away have the runtime's codes between them.

    A window of an even number of codes has many exact halves, and float32 sums decide them.
    """
    if graph.contract != "onnx" or not any(n.operator == "average_pool2d" for n in graph):
        return False
    ends = []
    for factor in (1 - BESIDE, 1 + BESIDE):
        moved = lambda source, *rest, factor=factor: float_mean(source * factor, *rest)
        with mock.patch.object(floating, "float_mean", moved):
            ends.append(interpreter.run(graph, inputs, graph.outputs))
    for name, theirs in zip(graph.outputs, expected, strict=True):
        a, b = (end[name].reshape(len(end[name]), -1).astype(np.float64) for end in ends)
        wanted = np.stack([array.reshape(-1) for array in theirs])
        if wanted.shape != a.shape or not (np.abs(a - b) <= 1 + BESIDE).all():
            return False
        if not ((np.minimum(a, b) <= wanted) & (wanted <= np.maximum(a, b))).all():
            return False
    return True


def _difference(answers: list[np.ndarray], expected: list[list[Any]]) -> str:
    """What differs in type, number, shape or values; nothing where all is equal."""
    if len(answers) != len(expected):
        return f"{len(answers)} outputs, not {len(expected)}"
    for index, (ours, theirs) in enumerate(zip(answers, expected, strict=True)):
        if any(array.dtype != ours.dtype for array in theirs):
            return f"output {index} is {ours.dtype}, not {theirs[0].dtype}"
        if math.prod(ours.shape[1:]) != theirs[0].size:
            return f"output {index} has shape {ours.shape[1:]}, not {theirs[0].shape}"
        if theirs[0].shape[:1] == (1,) and ours.shape[1:] != theirs[0].shape[1:]:
            return f"output {index} has shape {ours.shape[1:]}, not {theirs[0].shape[1:]}"
        a = ours.reshape(len(ours), -1)
        b = np.stack([array.reshape(-1) for array in theirs])
        wrong = a != b
        if a.dtype.kind == "f":
            wrong &= ~(np.isnan(a) & np.isnan(b))
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            most = np.abs(a.astype(np.float64) - b)[wrong].max()
            count = f"{np.count_nonzero(wrong)} of {wrong.size} elements"
            return f"output {index}: {count} differ by up to {most:g}, {a[at]} for {b[at]} at {at}"
    return ""
