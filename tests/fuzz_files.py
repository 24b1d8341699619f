"""Spoils model files of both formats, and says what becomes of each; run as a script, for long.

    python -m tests.fuzz_files --seconds 600 --seed 1

A spoilt file either is refused, in one report, or it is a network: then it compiles or is refused
with reasons, and the machine answers as the reference does. Whatever else happens is a fault.
"""

import argparse
import random
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import onnx

from accel.api import Program
from accel.compiler.frontends import FRONTENDS
from accel.compiler.ir import Graph
from accel.compiler.pipeline import compile_graph
from accel.config import AcceleratorConfig
from accel.errors import UserError
from accel.sim.compare import assert_same
from tests.cli.test_onnx import network
from tests.compiler.frontends import test_tflite
from tests.onnx_edits import small_model

CONFIG = AcceleratorConfig(weight_steps=8192, sum_bits=32)
DIGITS = Path(__file__).resolve().parents[1] / "examples/digits/digits_int8.tflite"
LIMIT = 20  # seconds of a case
MEMORY = 3 << 30  # bytes that the script may have
MOST_ELEMENTS = 1 << 16  # of a network that is also run
NUMBERS = (0, 1, 2, 3, 7, 8, 127, 128, 255, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1)
REALS = (0.0, -0.0, -1.0, 1e-45, 1e-30, 1.0, 3e38, float("inf"), -float("inf"), float("nan"))
NAMES = ("", "x", "y", "w", "../../up", "\x1b[31mred", "a\nb", "n" * 5000, "Conv", "If", "\x00")


class Hangs(Exception):
    """A case took more time than it may."""


@cache
def originals() -> dict[str, list[bytes]]:
    """Files that are right, by front end."""
    return {
        "tflite": [test_tflite.small_model(), DIGITS.read_bytes()],
        "onnx": [small_model().SerializeToString(), network().bytes()],
    }


def spoilt_bytes(data: bytes, rng: random.Random) -> bytes:
    """The file with bits flipped, numbers written over, pieces gone, doubled or swapped, or cut."""
    spoilt = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        if not spoilt:
            break
        at = rng.randrange(len(spoilt))
        kind = rng.randrange(7)
        if kind < 3:
            spoilt[at] ^= 1 << rng.randrange(8)
        elif kind == 3:
            width = rng.choice((1, 2, 4, 8))
            number = rng.choice(NUMBERS) * rng.choice((1, -1)) % (1 << 8 * width)
            spoilt[at : at + width] = number.to_bytes(width, "little")
        elif kind == 4:
            del spoilt[at : at + rng.choice((1, 2, 4, 64))]
        elif kind == 5:
            other, size = rng.randrange(len(spoilt)), rng.choice((4, 16, 64))
            spoilt[at:at] = spoilt[other : other + size]
        else:
            other, size = rng.randrange(len(spoilt)), rng.choice((4, 4, 4, 32))
            spoilt[at : at + size] = spoilt[other : other + size]
    return bytes(spoilt[: rng.randrange(len(spoilt) + 1)] if rng.random() < 0.05 else spoilt)


def spoilt_message(data: bytes, rng: random.Random) -> bytes:
    """The ONNX file with some fields of its messages changed, doubled, emptied or exchanged."""
    model = onnx.ModelProto.FromString(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        _spoil(model, rng)
    return model.SerializeToString()


def _spoil(model, rng: random.Random) -> None:
    """Walk down from the model to a field of some message, and change it."""
    message = model
    while True:
        fields = [f for f, _ in message.ListFields()]
        field = rng.choice(fields or list(message.DESCRIPTOR.fields))
        repeated = field.is_repeated if hasattr(field, "is_repeated") else field.label == 3
        if field.message_type and not repeated and rng.random() < 0.9:
            message = getattr(message, field.name)
            continue
        if field.message_type and repeated and len(getattr(message, field.name)):
            items = getattr(message, field.name)
            if rng.random() < 0.8:
                message = rng.choice(items)
                continue
            _rearrange(items, rng)
            return
        break
    if field.message_type or rng.random() < 0.1:
        message.ClearField(field.name)
    elif repeated:
        items = getattr(message, field.name)
        items[:] = _other_list(list(items), field, rng)
    else:
        setattr(message, field.name, _value(field, rng))


def _rearrange(items, rng: random.Random) -> None:
    at = rng.randrange(len(items))
    kind = rng.randrange(3)
    if kind == 0:
        del items[at]
    elif kind == 1:
        items.add().CopyFrom(items[at])
    else:
        items[at].CopyFrom(rng.choice(items))


def _other_list(values: list, field, rng: random.Random) -> list:
    if values and rng.random() < 0.5:
        values[rng.randrange(len(values))] = rng.choice((_value(field, rng), rng.choice(values)))
    elif values and rng.random() < 0.5:
        del values[rng.randrange(len(values))]
    else:
        values.insert(rng.randrange(len(values) + 1), _value(field, rng))
    return values


def _value(field, rng: random.Random):
    if field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return rng.choice(REALS)
    if field.cpp_type == field.CPPTYPE_ENUM:
        return rng.choice(list(field.enum_type.values_by_number))
    if field.type == field.TYPE_BYTES:
        return rng.randbytes(rng.choice((0, 1, 4, 18)))
    if field.cpp_type == field.CPPTYPE_STRING:
        return rng.choice(NAMES)
    bits = 31 if field.cpp_type == field.CPPTYPE_INT32 else 63
    return rng.choice(NUMBERS) % (1 << bits) * rng.choice((1, 1, -1))


WAYS: dict[str, list[Callable[[bytes, random.Random], bytes]]] = {
    "tflite": [spoilt_bytes],
    "onnx": [spoilt_bytes, spoilt_message, spoilt_message],
}


def case(format: str, number: int) -> bytes:
    """The spoilt file of this number; the same each time."""
    rng = random.Random(f"{format} {number}")
    data = rng.choice(originals()[format])
    return rng.choice(WAYS[format])(data, rng)


def outcome(format: str, data: bytes) -> str:
    """What becomes of a file. Raises for whatever is no refusal in one report."""
    try:
        graph = FRONTENDS[format].read(data, f"spoilt.{format}")
    except UserError as refusal:
        return _refused("refused by the reader", refusal)
    try:
        program = Program(compile_graph(graph, CONFIG))
    except UserError as refusal:
        return _refused("refused by the compiler", refusal)
    if max(tensor.size for tensor in graph.tensors.values()) > MOST_ELEMENTS:
        return "compiled"
    inputs = _noise(graph)
    assert_same(program.run(inputs, "machine").outputs, program.run(inputs, "reference").outputs)
    return "compiled and run"


def _noise(graph: Graph) -> dict[str, np.ndarray]:
    """Two samples of bytes that may be anything, for each input."""
    rng, found = np.random.default_rng(0), {}
    for name in graph.inputs:
        tensor = graph.tensor(name)
        codes = rng.integers(-128, 128, (2, *tensor.shape[1:])).astype(np.int8)
        real = tensor.dtype == "float32"
        found[name] = codes.astype(np.float32) if real else codes.view(tensor.dtype)
    return found


def _refused(by: str, refusal: UserError) -> str:
    text = str(refusal)
    assert text.startswith("spoilt"), text
    assert len(text) < 20_000, len(text)
    assert "\x1b" not in text
    return by


def guarded(format: str, data: bytes) -> str:
    """As `outcome`, in bounded time."""

    def stop(*_) -> None:
        raise Hangs(f"takes more than {LIMIT} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT)
    try:
        return outcome(format, data)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def main() -> int:
    """Run cases until the time is over; keep the files of those that fail."""
    parser = argparse.ArgumentParser(description="Spoil model files.")
    parser.add_argument("--seconds", type=float, default=600, help="how long (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="where to begin (%(default)s)")
    parser.add_argument("--keep", type=Path, help="folder for files that fail", metavar="DIR")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    found: Counter[tuple[str, str]] = Counter()
    slowest, number, start = 0.0, options.seed * 1_000_000, time.monotonic()
    while time.monotonic() - start < options.seconds:
        number += 1
        for format in WAYS:
            data, before = case(format, number), time.process_time()
            try:
                found[format, guarded(format, data)] += 1
            except Exception:  # noqa: BLE001 -- any is what we look for
                found[format, "FAULT"] += 1
                print(f"case {number} of {format}:\n{traceback.format_exc()}", flush=True)
                if options.keep:
                    (options.keep / f"{number}.{format}").write_bytes(data)
            slowest = max(slowest, time.process_time() - before)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{found.total()} cases, the slowest {slowest:.1f} s, at most {peak} MiB")
    for (format, what), count in sorted(found.items()):
        print(f"{count:8} {format}: {what}")
    return 1 if any(what == "FAULT" for _, what in found) else 0


if __name__ == "__main__":
    sys.exit(main())
