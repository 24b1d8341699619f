"""Runs what is no program on cores in compiled RTL: afterwards the link answers, and a right one
runs as ever.

    python -m tests.campaigns.illegal_programs --count 10000 --seed 1
"""

import argparse
import random
import sys
from collections import Counter
from dataclasses import astuple, dataclass

import numpy as np

from accel.api import compile
from accel.config import AcceleratorConfig
from accel.host.driver import Driver
from accel.isa import Isa
from accel.protocol import (
    COUNTERS_BYTES,
    INFO_BYTES,
    OUTCOME_SHIFT,
    RESULT_BYTES,
    Opcode,
    Outcome,
    extension,
    header,
)
from accel.sim.rtl.compiled import CompiledCore
from tests.support.networks.small import images, two_convolutions

PATIENCE = 1 << 17  # cycles until an answer, at most
CONFIGURATIONS = (
    AcceleratorConfig(bank_words=1024),
    AcceleratorConfig(family="ice40up", flash_lanes=4, bank_words=1024),
    AcceleratorConfig(family="ecp5", rows=8, columns=8, requantizers=2, bank_words=1024),
    AcceleratorConfig(rows=4, columns=8, requantizers=4, bank_words=1024, flash_lanes=1),
)
_LIMITS = (0, 0, 0, 1, 2)


class _Bounded(CompiledCore):
    """Whose answers come in some time or not at all."""

    def read(self, count: int, cycles: int = 0) -> bytes:
        part, self._unread = self._unread[:count], self._unread[count:]
        return part + self.advance(b"", count - len(part), PATIENCE)[1]


@dataclass
class Case:
    """What is run, and what ends it."""

    words: bytes
    pointer: int
    limit: int
    layers: int
    abort_after: int | None


class Bench:
    """A core, a right program for it, and what that answers."""

    def __init__(self, config: AcceleratorConfig):
        self.config, self.isa = config, Isa(config)
        self.program = compile(two_convolutions(), config=config).code
        session = compile(two_convolutions(), config=config).session
        self.expected = session.execute("machine", images(1)).tensors
        self.cycles = sum(layer.cycles for layer in session.cycles)
        self.counters = [sum(layer.as_dict()[n] for layer in session.cycles) for n in _NAMES]
        self.start()

    def start(self) -> None:
        self.core = _Bounded(self.config)
        if self.program.flash:
            self.core.burn(self.program.flash)
        self.driver = Driver(self.core, self.config)
        self.driver.connect()
        if self.program.flash:
            self.driver.check_flash()
            while not self.driver.flash_status():
                pass

    def draw(self, rng: random.Random) -> Case:
        """A case: random words, right chunks with some bits wrong, or a pointer to anywhere."""
        words = bytearray(rng.randbytes(rng.choice((1, 2, 8)) * 128))
        if rng.random() < 0.6:
            chunk = rng.choice(self.program.contents)
            words = bytearray(chunk.data[: 8 * self.isa.descriptor_words * self.config.rows])
            for _ in range(rng.choice((1, 3, 20))):
                words[rng.randrange(min(len(words), 60))] ^= 1 << rng.randrange(8)
        elif rng.random() < 0.5:  # plausible loops: most bits 0
            words = bytearray(byte & rng.randrange(256) & rng.randrange(256) for byte in words)
        if rng.random() < 0.3:  # sums are kept or added to, with whatever else is said
            for name in ("keep_sums", "add_sums"):
                bit = self.isa.descriptor[name].offset
                words[bit // 8] |= rng.randrange(2) << bit % 8
        words = words[: len(words) // self.config.rows * self.config.rows]
        bank, address = rng.randrange(2), rng.randrange(self.config.bank_words - 300)
        pointer = self.isa.pointer_to(bank, address)
        if rng.random() < 0.1:
            pointer = rng.getrandbits(self.isa.pointer.size)
        return Case(
            bytes(words),
            pointer,
            rng.choice(_LIMITS),
            rng.choice((0, 0, 1, 5)),
            rng.randrange(4000) if rng.random() < 0.4 else None,
        )

    def run(self, case: Case) -> Outcome:
        """Run a case, and then the right program. Raises ``AssertionError`` where that differs."""
        location = self.isa.pointed_to(case.pointer)
        if location[0] < 2:
            room = max(0, self.config.bank_words - location[1]) * self.config.rows
            self.driver.write(*location, case.words[:room])
        outcome = self._run_anything(case)
        self._run_right()
        return outcome

    def _run_anything(self, case: Case) -> Outcome:
        exchange = self.driver.exchange
        limits = extension(limit=case.limit)
        number = exchange.begin_run(limits, RESULT_BYTES, location=case.pointer, count=case.layers)
        exchange.settle()
        if case.abort_after is not None:
            self.core.pause(case.abort_after)
            self.core.write(header(Opcode.ABORT))
        data = exchange.end_run(number, 0)
        if case.abort_after is not None:
            exchange.request(Opcode.CHECK if self.program.flash else Opcode.INFO, INFO_BYTES)
            while self.program.flash and not self.driver.flash_status():
                pass
        return Outcome(data[COUNTERS_BYTES] >> OUTCOME_SHIFT)

    def _run_right(self) -> None:
        for chunk in self.program.contents:
            if chunk.bank < 2:
                self.driver.write(chunk.bank, chunk.address, chunk.data)
        source = self.program.inputs[0]
        place = self.program.placement(source.tensor)
        data = source.pack(images(1), self.config.rows)
        self.driver.write(place.bank, place.address, np.asarray(data).tobytes())
        (name, expected), *_ = self.expected.items()
        place = self.program.placement(name)
        words = place.layout.words(self.config.rows)
        first = self.program.entries[0]
        result = self.driver.run(
            first.bank,
            first.address,
            cycles=self.cycles,
            result=(place.bank, place.address, words, self.config.rows),
        )
        stored = np.frombuffer(result.data, np.uint8)[None]
        np.testing.assert_array_equal(self.program.unpack(name, stored), expected)
        assert list(astuple(result.counters)) == self.counters
        assert self.driver.retries == 0


_NAMES = ("cycles", "busy", "waiting_weights", "waiting_drain")


def case_of(bench: Bench, seed: int, number: int) -> Case:
    """The case of this number, the same each time."""
    return bench.draw(random.Random(f"illegal programs {seed} {number}"))


def main() -> int:
    """Try cases on all cores in turn. Returns 1 if there was any fault."""
    parser = argparse.ArgumentParser(description="Run what is no program.")
    parser.add_argument("--seed", type=int, default=1, help="whose cases (%(default)s)")
    parser.add_argument("--count", type=int, default=1000, help="cases (%(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first (%(default)s)")
    options = parser.parse_args()
    benches = [Bench(config) for config in CONFIGURATIONS]
    outcomes: Counter[str] = Counter()
    faults = 0
    for number in range(options.first, options.first + options.count):
        bench = benches[number % len(benches)]
        case = case_of(bench, options.seed, number)
        try:
            outcomes[bench.run(case).name] += 1
        except Exception as problem:  # noqa: BLE001 -- whatever it is, it is a fault to be told
            faults += 1
            print(f"case {options.seed} {number}: {type(problem).__name__}: {problem}\n{case}")
            bench.start()
        if number % 100 == 99:
            print(f"{number + 1} cases, {faults} faults, {dict(outcomes)}", flush=True)
    print(f"{options.count} cases, {faults} faults; {dict(outcomes)}")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
