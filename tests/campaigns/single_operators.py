"""Files of one TFLite operator, all its fields drawn, against TFLite Micro in a process of its own.

    python -m tests.campaigns.single_operators --count 10000 --seed 1

Input and output are quantized independently. In half of the files up to two fields besides are
changed, so that they may contradict others. What is accepted must answer as TFLite Micro does, on
the reference and the machine; what is refused must be refused in one report, and files without such
changes only where TFLite Micro refuses them too. Case numbers count on from the seed: `--seed` with
the last number that was printed continues.
"""

import argparse
import signal
import sys
import traceback
from collections import Counter
from dataclasses import dataclass

import numpy as np

from accel.api import Program
from accel.compiler.compile import compile_graph
from accel.compiler.frontends.tflite.reader import read
from accel.compiler.graph.interpreter import in_file_shape, run
from accel.compiler.ir.graph import Graph
from accel.config import AcceleratorConfig
from accel.errors import UserError
from tests.support.networks.tflite.drawn_operators import OPERATORS, as_uint8
from tests.support.networks.tflite.files import NUMBERS, File
from tests.support.networks.tflite.spoilt_fields import spoil
from tests.support.oracles.apart import Crashed, Refused, tflm_apart

CONFIG = AcceleratorConfig(weight_steps=8192, sum_bits=32)
SECONDS = 10  # that a case may take us
# Of good files: what TFLite Micro runs and no core can.
UNSUPPORTED = ("overflow 32 bits",)


class Fault(AssertionError):
    """An answer, a refusal or a crash that should not have been."""


@dataclass(frozen=True)
class Case:
    """A file, what was changed in it, and its inputs."""

    kind: str
    file: File
    changes: tuple[str, ...]
    inputs: list[np.ndarray]

    @property
    def data(self) -> bytes:
        return self.file.bytes()

    @property
    def ours_alone(self) -> bool:
        """Whether we run what TFLite Micro cannot: by TFLite's own kernels, or another spelling."""
        operator, tensors = self.file.graph.operators[-1], self.file.graph.tensors
        absent = self.kind == "DEPTHWISE_CONV_2D" and -1 in operator.inputs  # no bias; it crashes
        return absent or any(NUMBERS[tensor.type] == "uint8" for tensor in tensors)


def case(number: int, only: tuple[str, ...] = (), most: int = 2) -> Case | None:
    """The case of this number, the same each time; None where a change cannot be written."""
    rng = np.random.default_rng(number)
    kinds = only or tuple(OPERATORS)
    kind = kinds[rng.integers(len(kinds))]
    file = OPERATORS[kind](rng)
    if rng.random() < 0.1:
        file = as_uint8(file)
    count = int(rng.integers(1, most + 1)) if most and rng.random() < 0.5 else 0
    changes = tuple(spoil(file, rng) for _ in range(count))
    try:
        file.bytes()
        return Case(kind, file, changes, file.inputs(rng))
    except (ValueError, TypeError, OverflowError, KeyError):
        return None


def verdict(case: Case) -> str:
    """What becomes of a case. Raises ``Fault``, and whatever we raise that is no refusal."""
    try:
        expected = _expected(case)
        oracle = "runs"
    except Refused as refusal:
        expected, oracle = None, "crashes" if isinstance(refusal, Crashed) else "refuses"
    try:
        graph = read(case.data, "case.tflite")
        inputs = dict(zip(graph.inputs, case.inputs, strict=True))
        answers = {name: in_file_shape(graph, name, x) for name, x in run(graph, inputs).items()}
    except UserError as refusal:
        if expected is not None and not case.changes and not _beyond(refusal):
            raise Fault(f"is refused, and TFLite Micro runs it: {refusal}") from refusal
        return f"refused, and TFLite Micro {oracle}"
    if expected is None:
        if not case.ours_alone:
            raise Fault(f"is accepted, and TFLite Micro {oracle} it")
    else:
        _hold("the reference", graph, answers, expected)
    machine = _machine(graph, inputs)
    if machine is not None:
        _hold("the machine", graph, machine, [answers[name] for name in graph.outputs])
    found = "equal" if expected is not None else "accepted, as TFLite's kernels have it"
    return found + ("" if machine is not None else ", not compiled")


def _expected(case: Case) -> list[np.ndarray]:
    if case.kind == "RELU_N1_TO_1":
        return _clipped(case)
    return tflm_apart(case.data, case.inputs)


def _clipped(case: Case) -> list[np.ndarray]:
    """TFLite's kernel of what TFLite Micro lacks: its QUANTIZE, and a clip."""
    inputs, f = case.file.graph.operators[-1].inputs, File()
    if len(inputs) != 1 or min(inputs) < 0:
        raise Refused("it has not one input")
    x, y = case.file.operand(0), case.file.result()
    if x.shape != y.shape:
        raise Refused("its shapes contradict each other")
    f.graph.tensors = [x, y]
    f.graph.inputs = [0]
    f.ends(f.operator("QUANTIZE", [0], [1]))
    (codes,) = tflm_apart(f.bytes(), case.inputs)
    one = np.float32(1) / np.float32(y.quantization.scale[0])
    steps = int(np.floor(float(one) + 0.5))
    zero = y.quantization.zeroPoint[0]
    low, high = np.iinfo(codes.dtype).min, np.iinfo(codes.dtype).max
    return [np.clip(codes, max(zero - steps, low), min(zero + steps, high)).astype(codes.dtype)]


def _beyond(refusal: UserError) -> bool:
    return any(words in str(refusal) for words in UNSUPPORTED)


def _machine(graph: Graph, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray] | None:
    try:
        program = Program(compile_graph(graph, CONFIG))
    except UserError:
        return None
    return program.run(inputs, "machine").outputs


def _hold(
    who: str, graph: Graph, answers: dict[str, np.ndarray], expected: list[np.ndarray]
) -> None:
    for name, wanted in zip(graph.outputs, expected, strict=True):
        found = answers[name]
        if found.dtype != wanted.dtype or found.shape != wanted.shape:
            given = f"{found.dtype} {found.shape}, not {wanted.dtype} {wanted.shape}"
            raise Fault(f"{who} answers {name!r} as {given}")
        same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
        if not same.all():
            raise Fault(f"{who} differs in {(~same).sum()} of {wanted.size} elements of {name!r}")


def guarded(case: Case) -> str:
    """As `verdict`, in bounded processor time; the oracle has a limit of its own."""

    def stop(*_: object) -> None:
        raise Fault(f"takes more than {SECONDS} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        return verdict(case)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def main() -> int:
    """Run the cases, print those that fail, and a table."""
    parser = argparse.ArgumentParser(description="Single TFLite operators against TFLite Micro.")
    parser.add_argument("--count", type=int, default=10_000, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the first number (%(default)s)")
    parser.add_argument("--changes", type=int, default=2, help="at most, of fields (%(default)s)")
    parser.add_argument("--only", default="", help="operators, with commas", metavar="NAMES")
    options = parser.parse_args()
    only = tuple(filter(None, options.only.split(",")))
    found: Counter[str] = Counter()
    for number in range(options.seed, options.seed + options.count):
        drawn = case(number, only, options.changes)
        try:
            found["not written" if drawn is None else guarded(drawn)] += 1
        except Exception as error:  # noqa: BLE001 -- any is what we look for
            found["FAULT"] += 1
            print(f"case {number}, {drawn.kind}, {'; '.join(drawn.changes) or 'as drawn'}:")
            text = f"  {error}\n"
            print(text if isinstance(error, Fault) else traceback.format_exc(), flush=True)
        if (number + 1) % 500 == 0:
            print(f"next number: {number + 1}", file=sys.stderr, flush=True)
    for what, count in sorted(found.items()):
        print(f"{count:8} {what}")
    return 1 if found["FAULT"] else 0


if __name__ == "__main__":
    sys.exit(main())
