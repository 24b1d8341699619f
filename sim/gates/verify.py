"""A netlist against RTL: the driver's own bytes, in the same cycles, and what comes of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from accel.compiler.program.executable import CoreExecutable

from .bench import LANES, Bench, Heard, Pins, netlist_bench, rtl_bench
from .scenarios import record
from .script import (
    MOST_DELAY,
    Event,
    Expect,
    Forget,
    LineClock,
    Lock,
    Mark,
    Rate,
    Recorder,
    Send,
    sending_limit,
)

_UNLOCKED_CYCLES = 100  # after power-up

OnProgress = Callable[[str, float], None]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Where a netlist does otherwise than RTL: the first byte, by its number among all that came.

    ``lanes`` are those in which it is not what RTL says; ``cycles`` is how much later it came than
    it should, if only that is wrong.
    """

    number: int
    during: str
    rtl: int | None
    netlist: int | None
    lanes: tuple[int, ...]
    cycles: int = 0

    def __str__(self) -> str:
        where = f"byte {self.number} ({self.during})"
        if self.rtl is None:
            return f"{where}: the netlist sends {self.netlist:#04x}, RTL nothing"
        if self.netlist is None:
            return f"{where}: RTL says {self.rtl:#04x}, the netlist nothing"
        if self.cycles:
            way = "later" if self.cycles > 0 else "earlier"
            return f"{where}: {self.rtl:#04x} comes {abs(self.cycles):,} cycles {way} than in RTL"
        count = len(self.lanes)
        lanes = f"in all {LANES} lanes" if count == LANES else f"in {count} of {LANES} lanes"
        here = ", ".join(map(str, self.lanes[:8]))
        return f"{where}: RTL says {self.rtl:#04x}, the netlist something else {lanes}" + (
            f" ({here}{', ...' if count > 8 else ''})" if count < LANES else ""
        )


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What came of a comparison; ``difference`` is the first one, if there is any.

    ``unknown_cycles`` are those in which an output was not the same in all lanes. ``delay`` is how
    many cycles after RTL's the netlist's answers come, from registers at its pads.
    """

    sent: int
    answered: int
    cycles: int
    delay: int
    unknown_cycles: int
    samples: int
    difference: Difference | None

    @property
    def holds(self) -> bool:
        return self.difference is None and not self.unknown_cycles


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What RTL answers to a driver: all that happens, and the outputs of the samples."""

    events: Sequence[Event]
    outputs: Sequence[dict[str, np.ndarray]]


def recorded(
    program: CoreExecutable, inputs: np.ndarray, clock: LineClock, scenarios: Sequence[str]
) -> Recorded:
    """Run scenarios on compiled RTL. Raises ``CannotCompileRtl``."""
    bench = rtl_bench(program.config, bit=clock.bit, image=program.flash)
    recorder = Recorder(bench, clock)
    outputs = record(program, recorder, inputs, scenarios)
    return Recorded(events=recorder.events, outputs=[dict(found) for found in outputs])


def verify(
    netlist: str,
    pins: Pins,
    program: CoreExecutable,
    events: Recorded,
    clock: LineClock,
    *,
    flash_offset: int = 0,
    seed: int = 0,
    on_progress: OnProgress = lambda text, share: None,
) -> Verified:
    """Do to a netlist all that was recorded of RTL, and compare, up to the first difference.

    ``flash_offset`` is where the program's image lies in the board's flash. Raises
    ``NotSimulated``, ``CannotCompileRtl`` and ``CannotLoad``.
    """
    bench = netlist_bench(netlist, pins, bit=clock.bit, seed=seed)
    if pins.flash:
        bench.burn(flash_offset, program.flash)
    bench.wait(_UNLOCKED_CYCLES)
    bench.lock(True)
    replay = _Replay(bench, clock)
    for index, event in enumerate(events.events):
        if not index % 16:
            on_progress(replay.during, index / len(events.events))
        if not replay.do(event):
            break
    return Verified(
        sent=replay.sent,
        answered=replay.answered,
        cycles=bench.cycle,
        delay=replay.delay or 0,
        unknown_cycles=bench.differences,
        samples=len(events.outputs),
        difference=replay.difference,
    )


class _Replay:
    """The events at a netlist; ``delay`` is that of its first byte, which all others must have.

    Where a lost lock stops the clock, a run goes on later: what comes of it has a delay of its own.
    """

    def __init__(self, bench: Bench, clock: LineClock):
        self.bench, self.clock, self.bit = bench, clock, clock.bit
        self.sent = self.answered = 0
        self.delay: int | None = None
        self.during = "after power-up"
        self.difference: Difference | None = None
        self._begin = bench.cycle  # where RTL has its cycle 0
        self._stopped = range(0)  # delays that may be, of what was under way while the clock stood

    def do(self, event: Event) -> bool:
        """Do one; whether all was as in RTL."""
        match event:
            case Mark(text):
                self.during = text
            case Send(cycle, data):
                self._wait_until(cycle)
                self.sent += len(data)
                self.bench.run(data, 0, sending_limit(data, self.bit))
            case Rate(cycle, eighths):
                self._wait_until(cycle)
                self.bit = eighths
                self.bench.set_bit(eighths)
            case Lock(cycle, lost, until):
                self._wait_until(cycle)
                self.bench.lock(False)
                self.bench.wait(lost)
                self.bench.lock(True)
                self._wait_until(until)
                if not self.clock.resets:
                    self._stopped = range(lost, lost + self.clock.ready)
            case Forget(cycle, heard):
                self._wait_until(cycle)
                same = self._compare(heard, self.bench.wait(0, take=True))
                self._stopped = range(0)
                return same
            case Expect(heard, wanted, limit):
                return self._compare(heard, self.bench.run(b"", wanted, limit))
        return True

    def _wait_until(self, cycle: int) -> None:
        self.bench.wait(max(0, self._begin + cycle - self.bench.cycle))

    def _compare(self, expected: Sequence[Heard], found: Sequence[Heard]) -> bool:
        for index in range(max(len(expected), len(found))):
            one = expected[index] if index < len(expected) else None
            other = found[index] if index < len(found) else None
            if not self._same(one, other):
                return False
            self.answered += 1
        return True

    def _same(self, rtl: Heard | None, netlist: Heard | None) -> bool:
        wrong = 0
        late = 0
        if rtl and netlist:
            wrong = netlist.differing if rtl.byte == netlist.byte else ~0
            late = netlist.cycle - self._begin - rtl.cycle
            if self.delay is None and 0 <= late <= MOST_DELAY:
                self.delay = late
            if not wrong and late in self._stopped:
                self._stopped = range(late, late + 1)
                return True
            if not wrong and late == self.delay:
                return True
        self.difference = Difference(
            number=self.answered,
            during=self.during,
            rtl=rtl.byte if rtl else None,
            netlist=netlist.byte if netlist else None,
            lanes=tuple(k for k in range(LANES) if wrong >> k & 1),
            cycles=late - (self.delay or 0),
        )
        return False
