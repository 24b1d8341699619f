"""A core that only keeps time: the driver's own frames on a line, without their contents."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

from accel.compiler.ir.descriptor import Descriptor
from accel.compiler.program.executable import CoreExecutable
from accel.identity import identity
from accel.isa import Isa
from accel.protocol import (
    ACKNOWLEDGEMENT_BYTES,
    BAND,
    CRC_BYTES,
    EXTENSION,
    EXTENSION_BYTES,
    HEADER,
    HEADER_BYTES,
    LIMIT_BITS,
    NUMBERS,
    OPCODE_BITS,
    RESULT_BYTES,
    WHEN_FREE,
    FlashStatus,
    Opcode,
    Status,
    closed,
    values_of,
)

LayerCycles = Callable[[int], Sequence[int]]
"""The cycles of a run's layers, of which the first ones leave some free."""


@dataclass
class _Run:
    """A run that was asked for, and how far it is known to come.

    ``first`` is its first layer's number, ``at`` is when its next one may begin, ``free``
    when places of inputs are free; ``ends`` is None as long as it waits for a band.
    """

    number: int
    begins: float
    cycles: Sequence[int]
    size: int
    at: float
    first: int = 0
    layer: int = 0
    ends: float | None = None
    free: deque[float] = field(default_factory=deque)

    def goes_on(self, time: float) -> bool:
        return self.begins <= time and (self.ends is None or time < self.ends)


class TimedCore:
    """A `Transport` to a core that computes nothing, on a line that takes its time.

    All times are cycles of the core's clock. A core in RTL has answered some tens of cycles later.

    Parameters
    ----------
    program
        The program that is loaded, whose layers wait for bands and free places.
    cycles
        Of its layers; see `LayerCycles`.
    byte_cycles
        What a byte takes on the line, in each direction.
    out, back
        What bytes take from the host to the line, and from it to the host.

    Attributes
    ----------
    time
        Now, for the host: it has read all that it waited for.
    sent
        Bytes that were written.
    worked
        When each run that is over began and ended.
    """

    def __init__(
        self,
        program: CoreExecutable,
        cycles: LayerCycles,
        byte_cycles: float,
        *,
        out: float = 0,
        back: float = 0,
    ):
        self.program, self.layer_cycles, self.byte_cycles = program, cycles, byte_cycles
        self.out, self.back = out, back
        self.time, self.sent = 0.0, 0
        self.worked: list[tuple[float, float]] = []
        self._image, isa = program.flash, Isa(program.config)
        self._descriptors = [Descriptor.from_bytes(chunk.data, isa) for chunk in program.chunks]
        segments = [layers for layers in program.runs if layers]
        begins = [program.entries[layers[0]] for layers in segments]
        locations = [isa.pointer_to(entry.bank, entry.address) for entry in begins]
        self._segments = dict(zip(locations, segments, strict=True))
        self._line_free = self._line_back_free = 0.0
        self._expected = 0
        self._runs: deque[_Run] = deque()  # the last one that is over, and those that are not
        self._bands: deque[float] = deque()
        self._due: list[tuple[float, int, bytes]] = []  # answers that wait for their time
        self._order = count()
        self._unread: deque[tuple[float, bytes]] = deque()  # when the last of these bytes has come

    def write(self, data: bytes) -> None:
        """Send all of ``data``: whole frames."""
        begin = max(self.time + self.out, self._line_free)
        self._line_free = begin + len(data) * self.byte_cycles
        self.sent += len(data)
        at = 0
        while at < len(data):
            if data[at] == Opcode.NONE:
                at += 1
                continue
            fields = values_of(HEADER, data[at : at + HEADER_BYTES])
            opcode = Opcode(fields["opcode"] % (1 << OPCODE_BITS))
            at += HEADER_BYTES
            sizes = {Opcode.WRITE: fields["count"] * (fields["lanes_less_one"] + 1)}
            sizes |= dict.fromkeys((Opcode.READ, Opcode.RUN), EXTENSION_BYTES)
            payload = data[at : at + sizes.get(opcode, 0)]
            at += len(payload) + CRC_BYTES if opcode in sizes else 0
            self._serve(opcode, fields, payload, begin + at * self.byte_cycles)

    def read(self, count: int, cycles: int = 0) -> bytes:
        """Wait for ``count`` bytes; fewer where nothing is due any more."""
        found = b""
        self._go_on()
        while len(found) < count:
            while self._due and not self._unread:
                ready, _, data = heappop(self._due)
                self._line_back_free = max(ready, self._line_back_free)
                self._line_back_free += len(data) * self.byte_cycles
                self._unread.append((self._line_back_free, data))
            if not self._unread:
                break
            came, data = self._unread.popleft()
            taken, rest = data[: count - len(found)], data[count - len(found) :]
            found += taken
            self.time = max(self.time, came - len(rest) * self.byte_cycles + self.back)
            if rest:
                self._unread.appendleft((came, rest))
        return found

    def discard(self) -> None:
        """Forget all that came unread."""
        self._unread.clear()
        self._due.clear()

    def pause(self, cycles: int) -> None:
        """Wait until all is sent, and then for so many cycles."""
        self.time = self.now() + cycles

    def now(self) -> int:
        """The cycles until all is sent."""
        return int(max(self.time, self._line_free))

    def _serve(self, opcode: Opcode, fields: dict[str, int], payload: bytes, time: float) -> None:
        """What becomes of a frame whose last byte has come."""
        if opcode in (Opcode.WRITE, Opcode.RUN):
            self._count(opcode, fields, payload, time)
        elif opcode in (Opcode.INFO, Opcode.HELLO):
            if opcode == Opcode.HELLO:
                self._expected = fields["number"]
            self._say(time, Status.INFO, fields["number"], identity(self.program.config) + _STATE)
        elif opcode == Opcode.READ:
            self._say(self._over(time), Status.DATA, fields["number"], self._words(payload))
        else:
            self._say(time, Status.OK, self._expected)

    def _count(self, opcode: Opcode, fields: dict[str, int], payload: bytes, time: float) -> None:
        if fields["number"] != self._expected:
            self._say(time, Status.OK, self._expected)
            return
        if opcode == Opcode.WRITE and fields["opcode"] & WHEN_FREE and not self._takes_place(time):
            self._say(time, Status.EARLY, self._expected)
            return
        self._expected = (self._expected + 1) % NUMBERS
        self._say(time, Status.OK, self._expected)
        if opcode == Opcode.RUN:
            asked = values_of(EXTENSION, payload)
            size = RESULT_BYTES + asked["count"] * (asked["lanes_less_one"] + 1)
            layers = self._segments[fields["location"]]
            cycles = self.layer_cycles(asked["limit"] >> LIMIT_BITS)[layers.start : layers.stop]
            run = _Run(fields["number"], time, cycles, size, time, layers.start)
            self._runs.append(run)
        elif fields["opcode"] & BAND:
            self._bands.append(time)

    def _takes_place(self, time: float) -> bool:
        """Whether a place is free, which is taken then."""
        self._go_on()
        for run in self._runs:
            if run.goes_on(time):
                free = bool(run.free) and run.free[0] <= time
                if free:
                    run.free.popleft()
                return free
        return True

    def _go_on(self) -> None:
        """Follow the runs as far as the bands that were sent let them come."""
        for before, run in zip([None, *self._runs], [*self._runs], strict=False):
            if run.ends is not None:
                continue
            if before:
                if before.ends is None:
                    return
                if not run.layer:
                    run.begins = run.at = max(run.begins, before.ends + self._answer_cycles(before))
            while run.layer < len(run.cycles):
                descriptor = self._descriptors[run.first + run.layer]
                if descriptor.wait:
                    if not self._bands:
                        return
                    run.at = max(run.at, self._bands.popleft())
                run.at += run.cycles[run.layer]
                run.layer += 1
                if descriptor.release:
                    run.free.append(run.at)
            run.ends = run.at
            self.worked.append((run.begins, run.ends))
            self._say(run.ends, Status.RESULT, run.number, bytes(run.size))
        while len(self._runs) > 1 and self._runs[1].ends is not None:
            self._runs.popleft()

    def _answer_cycles(self, run: _Run) -> float:
        """What the result of a run takes on the line: the next one begins when it has been sent."""
        return (ACKNOWLEDGEMENT_BYTES + run.size) * self.byte_cycles

    def _over(self, time: float) -> float:
        """When all runs are over that were asked for until then."""
        self._go_on()
        return max([time, *(run.ends for run in self._runs if run.ends is not None)])

    def _words(self, payload: bytes) -> bytes:
        """What a ``READ`` answers: the flash's contents, and zeros for those of memory."""
        asked = values_of(EXTENSION, payload)
        size = asked["count"] * (asked["lanes_less_one"] + 1)
        pointer = Isa(self.program.config).pointed_to(asked["location"])
        return self._image[pointer[1] :][:size].ljust(size, b"\0")

    def _say(self, time: float, status: Status, number: int, data: bytes = b"") -> None:
        answer = closed(bytes([status, number]) + data)
        heappush(self._due, (time, next(self._order), answer))


_STATE = bytes(RESULT_BYTES - 1) + bytes([FlashStatus.OK])
