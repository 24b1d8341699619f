"""Spoils bytes on the line to cores in compiled RTL: no spoilt frame is executed, nothing runs that
nobody sent, and every sample has its right answer, once.

    python -m tests.campaigns.line_noise --count 1000000 --samples 2000 --seed 1

The core's timeouts are shortened, so that a spoilt frame costs hundreds of cycles and not millions.
"""

import argparse
import random
import sys
from collections import Counter

import numpy as np

from accel.api import compile
from accel.config import AcceleratorConfig
from accel.core.host_link.receiver import LinkTimes
from accel.host.driven_core import DrivenCore
from accel.host.runner import run
from accel.protocol import (
    FRAME_BYTES,
    Opcode,
    Status,
    closed,
    extension,
    header,
)
from accel.sim.rtl.compiled import CompiledCore
from accel.sim.rtl.harness import Harness
from tests.support.networks.small import images, two_convolutions

TIMES = LinkTimes(frame_bits=10, silence_bits=8)
PATIENCE = 1 << 14  # cycles for an answer, more than any run here takes
CONFIG = AcceleratorConfig()
KINDS = ("bits", "byte", "lost", "twice", "swapped", "foreign", "burst", "cut")


class HastyHarness(Harness):
    """A core that waits for bytes a short time only."""

    times = TIMES


class HastyCore(CompiledCore):
    """A transport to it."""

    def __init__(self) -> None:
        super().__init__(CONFIG, HastyHarness)

    def read(self, count: int, cycles: int = 0) -> bytes:
        return self.advance(b"", count, PATIENCE)[1]

    def discard(self) -> None:
        while self.advance(b"", FRAME_BYTES, 3 << TIMES.frame_bits)[1]:
            pass


def spoilt(frame: bytes, kind: str, rng: random.Random) -> bytes:
    """A frame that was spoilt on its way."""
    data, at = bytearray(frame), rng.randrange(len(frame))
    match kind:
        case "bits":
            for _ in range(rng.choice((1, 1, 2, 3))):
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        case "byte":
            data[at] = rng.randrange(256)
        case "lost":
            del data[at : at + rng.choice((1, 1, 2, 5))]
        case "twice":
            data[at:at] = data[at : at + rng.choice((1, 1, 2, 5))]
        case "swapped":
            other = rng.randrange(len(data))
            data[at], data[other] = data[other], data[at]
        case "foreign":
            data[at:at] = rng.randbytes(rng.choice((1, 2, 9)))
        case "burst":
            length = min(rng.choice((4, 5, 8, 20)), len(data) - at)
            data[at : at + length] = rng.randbytes(length)
        case "cut":
            del data[at:]
    return bytes(data)


class Frames:
    """Sends spoilt frames that would be executed if they were not spoilt."""

    def __init__(self, seed: int):
        self.rng = random.Random(f"line noise {seed}")
        self.core = HastyCore()
        self.counts: Counter[str] = Counter()
        self.number = 0
        self.core.write(header(Opcode.HELLO))
        self.core.discard()

    def frame(self) -> bytes:
        rng = self.rng
        location = rng.randrange(1 << 15)
        if rng.random() < 0.3:
            fields = {
                "location": rng.randrange(1 << 15),
                "count": rng.randrange(3),
                "lanes_less_one": 3,
            }
            return header(Opcode.RUN, self.number, location=location) + extension(**fields)
        lanes, count = rng.randint(1, 4), rng.choice((1, 1, 2, 20))
        data = closed(rng.randbytes(lanes * count))
        fields = {"location": location, "count": count, "lanes_less_one": lanes - 1}
        return header(Opcode.WRITE, self.number, **fields) + data

    def trial(self) -> None:
        """One frame. Whatever comes of it, the core expects the same number."""
        frame, kind = self.frame(), self.rng.choice(KINDS)
        sent = spoilt(frame, kind, self.rng)
        if frame in sent:  # it is not spoilt, only something beside it
            return
        self.counts["spoilt frames"] += 1
        self.core.write(sent)
        said = b""
        while part := self.core.advance(b"", 64, 3 << TIMES.frame_bits)[1]:
            said += part
        while said:
            answer, said = said[:6], said[6:]
            right = answer == closed(answer[:2])
            stays = right and answer[0] != Status.RESULT and answer[1] == self.number
            self.counts["answers"] += 1
            self.counts["acceptances"] += not stays
            if not stays:
                raise AssertionError(f"{frame.hex()} as {sent.hex()}: {answer.hex()}")
        if self.rng.random() < 0.01:  # and a good one steps
            self.number = (self.number + 1) % 256
            data = header(Opcode.WRITE, self.number - 1 & 255, count=1, lanes_less_one=0) + closed(
                b"x"
            )
            self.core.write(data)
            answer = self.core.read(6)
            assert answer == closed(bytes([Status.OK, self.number])), answer.hex()
            self.counts["good frames"] += 1


class Noise:
    """A line that spoils some bytes, both ways."""

    def __init__(self, core: HastyCore, rng: random.Random, rate: float):
        self.core, self.rng, self.rate = core, rng, rate
        self.events: Counter[str] = Counter()
        self.unread = b""

    def _pass(self, data: bytes) -> bytes:
        passed = bytearray()
        for byte in data:
            if self.rng.random() >= self.rate:
                passed.append(byte)
                continue
            kind = self.rng.choice(("flipped", "lost", "twice", "foreign"))
            self.events[kind] += 1
            if kind == "flipped":
                passed.append(byte ^ 1 << self.rng.randrange(8))
            elif kind == "twice":
                passed += bytes([byte, byte])
            elif kind == "foreign":
                passed += bytes([self.rng.randrange(256), byte])
        return bytes(passed)

    def write(self, data: bytes) -> None:
        self.core.write(self._pass(data))

    def read(self, count: int, cycles: int = 0) -> bytes:
        while len(self.unread) < count:
            came = self.core.read(count - len(self.unread))
            if not came:
                break
            self.unread += self._pass(came)
        part, self.unread = self.unread[:count], self.unread[count:]
        return part

    def discard(self) -> None:
        self.unread = b""
        self.core.discard()


class Samples:
    """Runs samples over a noisy line. The program writes over its input, so a second run shows."""

    def __init__(self, seed: int, rate: float):
        self.program = compile(two_convolutions(), config=CONFIG)
        self.line = Noise(HastyCore(), random.Random(f"samples {seed}"), 0.0)
        expected = self.program.session.cycles
        self.cycles = sum(layer.cycles for layer in expected)
        self.driven = DrivenCore(self.program.code, self.line)
        self.inputs = images(16)
        self.expected = self.program.session.execute("machine", self.inputs).tensors
        self.line.rate = rate
        self.wrong = 0

    def trial(self, number: int) -> None:
        """One sample."""
        at = number % len(self.inputs)
        self.driven.stepped = number % 3 == 0
        answer = run(self.program.code, self.driven, self.inputs[at : at + 1])
        for name, array in self.expected.items():
            np.testing.assert_array_equal(answer[name], array[at : at + 1])
        if not self.driven.stepped:
            assert self.driven.total is not None
            assert self.driven.total.cycles == self.cycles


def main() -> int:
    """Send spoilt frames, then run samples over noisy lines. Returns 1 if there was any fault."""
    parser = argparse.ArgumentParser(description="Spoil bytes on the line.")
    parser.add_argument("--seed", type=int, default=1, help="whose noise (%(default)s)")
    parser.add_argument("--count", type=int, default=10_000, help="frames (%(default)s)")
    parser.add_argument("--samples", type=int, default=200, help="samples (%(default)s)")
    parser.add_argument("--rate", type=float, default=0.001, help="of bytes (%(default)s)")
    options = parser.parse_args()
    frames = Frames(options.seed)
    for number in range(options.count):
        frames.trial()
        if number % 20_000 == 19_999:
            print(f"{number + 1} frames: {dict(frames.counts)}", flush=True)
    print(f"frames: {dict(frames.counts)}", flush=True)
    samples = Samples(options.seed, options.rate)
    for number in range(options.samples):
        samples.trial(number)
    retries = samples.driven.driver.retries
    print(f"{options.samples} samples, {dict(samples.line.events)}, {retries} times sent again")
    return 0


if __name__ == "__main__":
    sys.exit(main())
