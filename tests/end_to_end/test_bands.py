"""Layers that wait for bands begin when these are there, in RTL as in the cycle model, and what
waits for a band that never comes is ended."""

import random
from dataclasses import replace

import numpy as np
import pytest

import accel
from accel.compiler.frontends import load
from accel.compiler.ir.graph import Graph
from accel.compiler.pipeline import PASSES, Compilation
from accel.compiler.program.program import CoreProgram
from accel.config import FLASH, AcceleratorConfig
from accel.host.driver import Driver
from accel.host.runner import run
from accel.protocol import (
    BAND,
    COUNTERS_BYTES,
    LEAST_LIMIT_BITS,
    NO_LIMIT,
    OUTCOME_SHIFT,
    RESULT_BYTES,
    Opcode,
    Outcome,
    Status,
    closed,
    crc,
    extension,
    header,
)
from accel.sim.compare import assert_same
from accel.sim.cycles.cycle_model import predict
from accel.sim.functional.machine import Machine
from accel.sim.rtl.compiled import CompiledCore
from tests.compiler.memory.test_pieces import large_input
from tests.end_to_end.test_digits import DIGITS
from tests.support.networks.small import Chain

MEMORY = AcceleratorConfig(family="ice40up")
IN_FLASH = AcceleratorConfig(bank_words=1024, flash_lanes=4)
BEGINS = 2  # cycles from the last byte of RUN to the run's first, less those to a band's count

# What compiles the same RTL stays in one process.
pytestmark = pytest.mark.xdist_group("fast_line")


def waiting(graph: Graph, config: AcceleratorConfig, rng: random.Random) -> CoreProgram:
    """A program of which some layers wait."""
    c = Compilation(source=graph, graph=graph, config=config)
    for name, apply in PASSES:
        c = apply(c)
        if name == "allocation":
            c = c.replace(
                commands=tuple(
                    replace(
                        command, descriptor=replace(command.descriptor, wait=rng.random() < 0.5)
                    )
                    for command in c.commands
                )
            )
    return c.program()


def chain() -> Graph:
    return Chain((1, 12, 12, 4)).convolution(8).convolution(8).convolution(6).graph()


def digits() -> Graph:
    return load(DIGITS / "digits_int8.tflite")


class Bands:
    """A core with a program, and bands that come at random times."""

    def __init__(self, code: CoreProgram, seed: int):
        self.code, self.rng = code, random.Random(seed)
        self.core = CompiledCore(code.config, image=len(code.flash))
        if code.flash:
            self.core.burn(code.flash)
        self.driver = Driver(self.core, code.config)
        self.driver.connect()
        if code.flash:
            self.driver.check_flash()
            self.core.advance(b"", 1, 1 << 22)
        for chunk in code.contents:
            if chunk.bank != FLASH:
                self.kept = chunk
                self.driver.write(chunk.bank, chunk.address, chunk.data)
        self.driver.exchange.settle()
        self.number = self.driver.exchange._number
        self.waits = sum(command.descriptor.wait for command in code.commands)

    def band(self) -> int:
        """One more; returns the cycle in which its last byte was taken."""
        chunk, rows = self.kept, self.code.config.rows
        frame = header(
            Opcode.WRITE | BAND,
            self.number,
            location=self.driver.isa.pointer_to(chunk.bank, chunk.address),
            count=1,
            lanes_less_one=rows - 1,
        ) + closed(chunk.data[:rows])  # what is there
        self.number = (self.number + 1) % 256
        self.core.advance(frame, 0)
        taken = self.core.cycles
        self.acknowledged()
        return taken

    def acknowledged(self) -> None:
        """Take an acknowledgement."""
        answer = self.core.advance(b"", 6)[1]
        assert answer == closed(bytes([Status.OK, self.number])), answer.hex()

    def send(self, sample: dict[str, np.ndarray]) -> None:
        """Write inputs."""
        self.driver.exchange._number = self.number
        for name, data in sample.items():
            place = self.code.placement(name)
            self.driver.write(place.bank, place.address, data.tobytes())
        self.driver.exchange.settle()
        self.number = self.driver.exchange._number

    def run(self, output: str) -> tuple[np.ndarray, int, list[int]]:
        """The output, the cycles of the run, and when the bands came after it began."""
        place, rows = self.code.placement(output), self.code.config.rows
        words, (first, *_) = place.layout.words(rows), self.code.entries
        early = self.rng.randint(0, self.waits)
        times = [self.band() for _ in range(early)]
        isa = self.driver.isa
        request = header(
            Opcode.RUN, self.number, location=isa.pointer_to(first.bank, first.address)
        ) + extension(
            limit=NO_LIMIT,
            lanes_less_one=rows - 1,
            count=words,
            location=isa.pointer_to(place.bank, place.address),
        )
        self.number = (self.number + 1) % 256
        self.core.advance(request, 0)
        began = self.core.cycles
        self.acknowledged()
        for _ in range(self.waits - early):
            self.core.advance(b"", 1, self.rng.choice([1, 300, 3000, 30_000]))
            times.append(self.band())
        answer = self.core.advance(b"", 2 + RESULT_BYTES + words * rows + 4)[1]
        assert answer[0] == Status.RESULT and crc(answer[:-4]) == answer[-4:]
        counters = int.from_bytes(answer[2:15], "little")
        data = np.frombuffer(answer[2 + RESULT_BYTES : -4], np.uint8)
        return data, counters % (1 << 26), [time - began for time in times]


def sample_of(code: CoreProgram, seed: int) -> dict[str, np.ndarray]:
    """Random inputs, as they lie in memory."""
    shape = code.graph.tensor(code.graph.inputs[0]).shape[1:]
    codes = np.random.default_rng(seed).integers(-128, 128, (1, *shape), np.int8)
    return {one.tensor: one.pack(codes, code.config.rows) for one in code.inputs}


@pytest.mark.parametrize(
    ("graph", "config"), [(chain, MEMORY), (digits, IN_FLASH)], ids=["memory", "flash"]
)
def test_layers_begin_when_their_bands_are_there(graph, config):
    exact = 0
    for seed in range(3):
        code = waiting(graph(), config, random.Random(seed))
        bands, sample = Bands(code, seed), sample_of(code, seed)
        (output,) = code.stored_tensors()[-1:]
        expected = Machine(code).run(sample, [output])[output][0]
        for _ in range(6):
            bands.send(sample)
            found, cycles, times = bands.run(output)
            np.testing.assert_array_equal(found, expected)
            late = [time - BEGINS for time in times]
            more = cycles - sum(layer.cycles for layer in predict(code, bands=late))
            # A band's word may take a cycle from the program's.
            assert 0 <= more <= sum(time > 0 for time in late)
            exact += not more
    assert exact >= 15


def test_a_program_that_waits_for_nothing_is_ended_and_what_came_later_is_forgotten():
    code = waiting(chain(), MEMORY, random.Random(0))
    bands, sample = Bands(code, 0), sample_of(code, 0)
    assert bands.waits
    (output,) = code.stored_tensors()[-1:]
    expected = Machine(code).run(sample, [output])[output][0]
    first, isa = code.entries[0], bands.driver.isa
    for ended in ("by the limit", "by an abort"):
        bands.send(sample)
        limit = 0 if ended == "by the limit" else NO_LIMIT
        bands.core.advance(
            header(Opcode.RUN, bands.number, location=isa.pointer_to(first.bank, first.address))
            + extension(limit=limit, count=0),
            0,
        )
        bands.number += 1
        bands.acknowledged()
        bands.core.advance(b"", 1, 1 << LEAST_LIMIT_BITS - 1)
        if limit:
            bands.core.advance(header(Opcode.ABORT), 0)
            bands.acknowledged()
        answer = bands.core.advance(b"", 2 + RESULT_BYTES + 4)[1]
        outcome = Outcome.ABORTED if limit else Outcome.CYCLES
        assert answer[2 + COUNTERS_BYTES] >> OUTCOME_SHIFT == outcome
        # No band is there: each run needs its own.
        for _ in range(2):
            bands.send(sample)
            found, _, times = bands.run(output)
            assert len(times) == bands.waits
            np.testing.assert_array_equal(found, expected)


def test_an_input_larger_than_memory_arrives_while_its_run_goes_on():
    """Bands of rows, each in the place of the one before the last."""
    program = accel.compile(large_input(), config=IN_FLASH)
    code = program.code
    assert sum(piece.during for piece in code.pieces) > 3
    inputs = np.random.default_rng(5).integers(-128, 128, (3, 48, 12, 8), np.int8)
    expected = program.session.execute("machine", inputs).tensors
    assert_same(expected, program.session.execute("reference", inputs).tensors)
    core = Paced(IN_FLASH, image=len(code.flash))
    core.burn(code.flash)
    driven = program.session.driven(core)
    assert_same(run(code, driven, inputs), expected)
    assert_same(run(code, driven, inputs[:1]), {n: v[:1] for n, v in expected.items()})
    assert driven.driver.retries == 0
    assert driven.total.cycles > sum(layer.cycles for layer in program.session.cycles)
    driven.stepped = True
    assert_same(run(code, driven, inputs[:1]), {n: v[:1] for n, v in expected.items()})
    cycles = [layer.cycles for layer in driven.layer_counters]
    assert cycles == [layer.cycles for layer in program.session.cycles]


class Paced(CompiledCore):
    """At the other end of a line on which a byte takes some cycles."""

    byte_cycles = 20

    def write(self, data: bytes) -> None:
        for byte in data:
            self._unread += self.advance(bytes([byte]), 0)[1]
            self.pause(self.byte_cycles - 2)
