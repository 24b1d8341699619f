"""What the driver sends to load and run a program, and what our RTL answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from amaranth.hdl import ClockDomain, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from accel.api import Program
from accel.config import AcceleratorConfig
from accel.core.core import Core
from accel.core.flash.bus import flash_pins
from accel.host.exchange import Transport
from accel.host.runner import run
from accel.protocol import ACKNOWLEDGEMENT_BYTES, COUNTERS, OPCODE_BITS, Opcode
from accel.sim.rtl.compiled import CannotCompileRtl, CompiledCore
from accel.sim.rtl.harness import Harness
from accel.sim.rtl.pysim import SimulatedCore

FLASH_CYCLES = 1 << 13
"""Cycles after which a core knows that it has no flash."""

_COUNTED = (Opcode.WRITE, Opcode.RUN)  # each is acknowledged once
_NUMBER_BYTES = 2  # of an answer before its data: its status and its number


@dataclass(frozen=True)
class Step:
    """Bytes to send at once, and all bytes that are answered before the next ones are sent."""

    sent: bytes
    answered: bytes


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A program loaded and run once.

    ``counters`` are those that the run's result has, and ``counters_at`` is where in the answers
    their first byte is. ``output`` is what the core answered at last, its network's first output.
    """

    network: str
    steps: Sequence[Step]
    counters: dict[str, int]
    counters_at: int
    output: np.ndarray


def rtl_of(config: AcceleratorConfig) -> Transport:
    """Our RTL of a core that has just been reset and has no flash connected to it.

    It is compiled; a core that never had a flash is simulated by Amaranth where there is no C++
    compiler, which takes minutes. Raises what `CompiledCore` does.
    """
    if config.flash_lanes:
        core = CompiledCore(config, _WithoutFlash)
        core.pause(FLASH_CYCLES)
        return core
    try:
        return CompiledCore(config)
    except CannotCompileRtl:
        return SimulatedCore(config)


def record(program: Program, sample: np.ndarray, rtl: Transport) -> Recording:
    """Load a program into our RTL of its core, see `rtl_of`, and run one sample ``[...]``."""
    core = _Recorder(rtl)
    driven = program.session.driven(core)
    outputs = run(program.code, driven, sample[np.newaxis])
    assert driven.total is not None, "a program without layers has no run to record"
    return Recording(
        network=program.name,
        steps=tuple(Step(bytes(sent), bytes(answered)) for sent, answered in core.steps),
        counters={name: getattr(driven.total, name) for name in COUNTERS},
        counters_at=core.counters_at,
        output=next(iter(outputs.values()))[0],
    )


@dataclass
class _Recorder(Transport):
    """Passes on what goes to a core and back, one frame at a time.

    The driver sends frames ahead of their acknowledgements, and a core then answers several by one,
    depending on when they came. Here each has its own, so that what is recorded holds for a bus of
    any speed.
    """

    inner: Transport
    steps: list[tuple[bytearray, bytearray]] = field(default_factory=list)
    counters_at: int = 0
    _unread: bytearray = field(default_factory=bytearray)

    def write(self, data: bytes) -> None:
        self.inner.write(data)
        self.steps.append((bytearray(data), bytearray()))
        opcode = data[0] & (1 << OPCODE_BITS) - 1
        if opcode == Opcode.RUN:
            before = sum(len(answered) for _, answered in self.steps)
            self.counters_at = before + ACKNOWLEDGEMENT_BYTES + _NUMBER_BYTES
        if opcode in _COUNTED:
            self._unread += self._answer(ACKNOWLEDGEMENT_BYTES)

    def read(self, count: int, cycles: int = 0) -> bytes:
        if count > len(self._unread):
            self._unread += self._answer(count - len(self._unread), cycles)
        part = bytes(self._unread[:count])
        del self._unread[:count]
        return part

    def discard(self) -> None:
        raise AssertionError("nothing is spoilt on the way to a simulated core")

    def _answer(self, count: int, cycles: int = 0) -> bytes:
        answered = self.inner.read(count, cycles)
        self.steps[-1][1].extend(answered)
        return answered


class _NoChip(wiring.Component):
    """The pins of a flash that is not there, in place of the harness's chip."""

    def __init__(self) -> None:
        loading = {"load_en": In(1), "load_address": In(1), "load_data": In(8)}
        super().__init__({"pins": In(flash_pins), **loading})

    def elaborate(self, platform):
        return Module()


class _WithoutFlash(Harness):
    """A core whose flash pins are left open."""

    def __init__(self, config, flash_bytes=0):
        self.core = Core(config, simulate=True, times=self.times)
        self.chip = _NoChip()
        self.domain = ClockDomain("sync", reset_less=True)
