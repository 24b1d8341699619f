"""Frames and answers over any transport of bytes: what is spoilt is sent again, and nothing else.

See [the protocol](../core/host_link/README.md).
"""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from accel import protocol
from accel.errors import ToolError
from accel.protocol import ACKNOWLEDGEMENTS, NUMBERS, Opcode, Status, closed, crc, header

ATTEMPTS = 4  # to find a core
SILENT = "did not answer"
PERSISTENCE = 8  # attempts with a core that was found, between two frames that it has accepted
_VERSION_3 = bytes(7) + bytes.fromhex("040000000000a4")  # its request for what the core is
WINDOW = 16  # frames that are sent ahead of their acknowledgement

_CHECK = (
    "check the cable, the baud rate and the bitstream: `accel doctor` lists the boards that are "
    "connected with their ports, `accel program BUILD` loads the bitstream of accel build"
)
_RENUMBERED = NUMBERS - 2 * WINDOW  # from here on numbers begin again before they come to 0


class LinkError(ToolError):
    """The core does not answer, or answers what it should not."""


class NoCore(LinkError):
    """Nothing that answers at the other end is a core; ``what`` is there instead, in a few
    words."""

    def __init__(self, what: str, message: str) -> None:
        super().__init__(message)
        self.what = what


class Transport(Protocol):
    """A stream of bytes to a core and back."""

    def write(self, data: bytes) -> None:
        """Send all of ``data``."""

    def read(self, count: int, cycles: int = 0) -> bytes:
        """Return ``count`` bytes, or fewer where they do not come in time.

        They may come ``cycles`` of the core's clock later than an answer usually does.
        """

    def discard(self) -> None:
        """Be silent until the core has ended its deafness, and forget all that came unread."""


class ResultLost(Exception):
    """The result of a run was spoilt, and the next run has begun."""


class Fault(Exception):
    """An answer did not come as it should."""


@dataclass(frozen=True)
class Answer:
    """An answer: its status, its number or tag, and its data."""

    status: Status
    number: int
    data: bytes = b""


class Exchange:
    """Sends frames and reads answers. Raises ``LinkError`` where the core cannot be talked to.

    Counted frames are sent ahead of their acknowledgements, and from the first one on that the core
    has not accepted once more after a fault. ``retries`` counts the faults.

    A core that has started anew expects number 0, and has lost what was in its memory. So that this
    is never taken for the number after 255, numbers begin again with 1 in time, but for frames that
    are sent while a run is due.
    """

    def __init__(self, transport: Transport):
        self.transport = transport
        self.retries = 0
        self._number = 0  # of the next counted frame
        self._pending: deque[bytes] = deque()  # frames that are not acknowledged
        self._faults = 0
        self._runs: dict[int, int] = {}  # numbers of runs without a result, and its bytes
        self._results: dict[int, bytes] = {}
        self._run_frame = b""
        self._found = False  # it is at our numbers
        self._unconfirmed = False  # something was read
        self._probing = False  # the first of them has been sent after a fault, but not the others

    def begin(self) -> bytes:
        """Find the core, whatever it is at, and return the data of ``INFO``.

        A core of version 3 says less: magic and version. Raises ``NoCore``.
        """
        return self._find(0, {0})

    def _find(self, number: int, expected: Collection[int]) -> bytes:
        """Find the core, and have it expect that number. If it expects 0 and that is not among
        what may be ``expected``, it has started anew."""
        problem, self._found = "", False
        for attempt in range(ATTEMPTS):
            if attempt:  # the core may have been left within a frame
                self.retries += 1
                self.transport.write(bytes(protocol.FRAME_BYTES))
                self.transport.discard()
            self.transport.write(header(Opcode.ABORT) + header(Opcode.HELLO, number))
            try:
                found = self._answer({}).number
                if not found and found not in expected:
                    raise _started_anew(found, max(expected))
                info = self._answer({Status.INFO: protocol.INFO_BYTES})
            except Fault as fault:
                problem = str(fault)
                continue
            self._number, self._faults, self._found = number, 0, True
            self._pending.clear()
            self._runs.clear()
            self._results.clear()
            self._probing = False
            return info.data
        old = self._oldest()
        if old:
            return old
        raise self._no_core(problem)

    def _no_core(self, problem: str) -> NoCore:
        """What is there instead of a core, from what comes back of one request more."""
        asked, came = header(Opcode.ABORT) + header(Opcode.HELLO), b""
        if problem != SILENT:
            self.transport.discard()
            self.transport.write(asked)
            came = self.transport.read(len(asked))
        if came == asked:
            return NoCore(
                "what is sent comes back",
                "No core answers, what is sent comes back: the port's rx and tx are joined, or its "
                "other end is an echo; connect it to the board, or give the board's port: `accel "
                "doctor` lists boards with their ports",
            )
        if came and came[0] not in list(Status):
            return NoCore(
                f"what answers is no core, it says {_shown(came)}",
                f"No core answers, but something that says {_shown(came)}: another device, or a "
                f"core at another rate; {_CHECK}",
            )
        return NoCore(
            "no core answers; is its bitstream loaded?",
            f"Core {problem}, {ATTEMPTS} times; {_CHECK}",
        )

    def _oldest(self) -> bytes:
        """What a core of version 3 says of itself, or nothing."""
        self.transport.discard()
        self.transport.write(_VERSION_3)
        answer = self.transport.read(1 + len(protocol.MAGIC) + 1)[1:]
        return answer if answer[:-1] == protocol.MAGIC else b""

    def probe(self) -> None:
        """Ask once what the core is. Raises ``Fault`` where no right answer comes."""
        self.transport.write(header(Opcode.INFO))
        self._answer({Status.INFO: protocol.INFO_BYTES})

    def request(self, opcode: Opcode, size: int = 0, payload: bytes = b"", **fields: int) -> Answer:
        """Send a frame that is not counted, and return its answer, of ``size`` bytes if it has
        data."""
        self.settle()
        kinds = dict.fromkeys((Opcode.INFO, Opcode.HELLO), Status.INFO)
        kinds[Opcode.READ] = Status.DATA
        frame = header(opcode, **fields) + payload
        self._unconfirmed |= opcode == Opcode.READ
        while True:
            self.transport.write(frame)
            try:
                answer = self._answer({kinds[opcode]: size} if opcode in kinds else {})
                while opcode in kinds and answer.status == Status.OK:
                    answer = self._answer({kinds[opcode]: size})
            except Fault as fault:
                self._recover(fault)
                continue
            self._faults = 0
            return answer

    def send(self, opcode: int, payload: bytes = b"", **fields: int) -> int:
        """Send a counted frame, whose opcode may have flags, and return its number.

        ``settle`` waits for the core to accept it.
        """
        self.settle(WINDOW - 1)
        if self._number >= _RENUMBERED and not self._runs:
            self._renumber()
        number = self._number
        self._number = (number + 1) % NUMBERS
        self._pending.append(header(opcode, number, **fields) + payload)
        if not self._probing:
            self.transport.write(self._pending[-1])
        return number

    def resume(self) -> None:
        """Find the core that was found before, and end what it is at.

        Raises ``LinkError`` also if it has started anew.
        """
        self._find(1, {(self._number - back) % NUMBERS for back in range(len(self._pending) + 1)})

    def confirm(self) -> None:
        """Raise ``LinkError`` if the core has started anew before all that was read came.

        Only what is read by itself needs that: other answers are those of counted frames.
        """
        if self._unconfirmed and not self._runs:
            self._check_same()
        self._unconfirmed = False

    def _check_same(
        self, opcode: Opcode = Opcode.ABORT, payload: bytes = b"", **fields: int
    ) -> None:
        """Raise ``LinkError`` if the core has started anew; it is asked by a frame that does
        nothing but be acknowledged. ``ABORT`` ends a run."""
        for _ in range(WINDOW):  # acknowledgements of frames before may come first
            expected = self.request(opcode, payload=payload, **fields).number
            if expected == self._number:
                return
            if not expected:
                break
        raise _started_anew(expected, self._number)

    def _renumber(self) -> None:
        """Have the core expect number 1 next.

        It is asked by a ``WRITE`` of a number that was: ``ABORT`` would forget bands, which are
        sent before the run that waits for them.
        """
        self.settle()
        last = self._number - 1
        self._check_same(Opcode.WRITE, closed(bytes(1)), number=last, count=1)
        self.request(Opcode.HELLO, protocol.INFO_BYTES, number=1)
        self._number = 1

    def pause(self, cycles: int) -> None:
        """Wait for so many cycles of the core, where the transport can."""
        pause = getattr(self.transport, "pause", None)
        if pause:
            pause(cycles)

    def now(self) -> int | None:
        """The cycles of the core until all is sent, from any time on, where the transport knows."""
        now = getattr(self.transport, "now", None)
        return now() if now else None

    def settle(self, left: int = 0) -> None:
        """Wait until at most ``left`` frames are not accepted."""
        while len(self._pending) > left:
            try:
                self._answer({})
            except Fault as fault:
                self._recover(fault)

    def run(self, limits: bytes, size: int, cycles: int, flags: int = 0, **fields: int) -> bytes:
        """Have the core run, and return its result, of ``size`` bytes, after ``cycles``.

        ``limits`` is the extension of ``RUN``. If the result is spoilt it is asked for again.
        """
        number = self.begin_run(limits, size, flags, **fields)
        self.settle()
        return self.end_run(number, cycles)

    def begin_run(self, limits: bytes, size: int, flags: int = 0, **fields: int) -> int:
        """Have the core run, after the run in progress if there is one; returns its number."""
        number = self.send(Opcode.RUN | flags, limits, **fields)
        self._runs[number] = size
        self._run_frame = self._pending[-1]
        return number

    def end_run(self, number: int, cycles: int) -> bytes:
        """The result of a run, after ``cycles``.

        Only the result is waited for so long: the last run that was asked for is accepted as soon
        as it is heard. Raises ``ResultLost`` where the result was spoilt and another run has been
        asked for: it cannot be read again then.
        """
        if len(self._runs) == 1 and number in self._runs:
            self.settle((self._number - number - 1) % NUMBERS)
        while number not in self._results:
            try:
                self._answer({}, cycles)
            except Fault as fault:
                if len(self._runs) > 1:
                    raise ResultLost from fault
                self._recover(fault)
                self.settle()
                self.transport.write(self._run_frame)
        self._faults = 0
        return self._results.pop(number)

    def _answer(self, sizes: dict[Status, int], cycles: int = 0) -> Answer:
        """The next answer: an acknowledgement, or one of these statuses with so many bytes.

        Raises ``Fault``.
        """
        first = self.transport.read(1, cycles)
        if not first:
            raise Fault(SILENT)
        if first[0] == Status.RESULT and self._runs:
            first += self.transport.read(1)
            sizes = {Status.RESULT: self._runs.get(first[-1], 0)}
        elif first[0] not in {*ACKNOWLEDGEMENTS, *sizes}:
            raise Fault(f"answered {first.hex()}")
        status = Status(first[0])
        size = sizes.get(status, 0)
        rest = first[1:] + self.transport.read(2 - len(first) + size + protocol.CRC_BYTES)
        whole = first[:1] + rest
        if len(rest) < 1 + size + protocol.CRC_BYTES or crc(whole[:-4]) != whole[-4:]:
            raise Fault(
                f"answered {len(whole)} of {2 + size + protocol.CRC_BYTES} bytes or a wrong CRC"
            )
        answer = Answer(status, whole[1], whole[2:-4])
        if status in ACKNOWLEDGEMENTS:
            self._accepted(answer)
        elif status == Status.RESULT:
            if answer.number not in self._runs:
                raise Fault(f"answered with a result of frame {answer.number}")
            self._results[answer.number] = answer.data
            del self._runs[answer.number]
        return answer

    def _accepted(self, answer: Answer) -> None:
        """Take note of an acknowledgement."""
        first = (self._number - len(self._pending)) % NUMBERS
        count = (answer.number - first) % NUMBERS
        if answer.status == Status.UNKNOWN:
            raise LinkError(
                "Core does not know a request; load a bitstream that `accel build` of this version "
                "made, with `accel program BUILD`"
            )
        if count <= len(self._pending):
            for _ in range(count):
                self._pending.popleft()
                self._faults = 0
        elif self._found and not answer.number:
            raise _started_anew(answer.number, first)
        elif self._probing:
            raise Fault(f"expects frame {answer.number} instead of {first}")
        if answer.status == Status.SPOILT:
            raise Fault("received a spoilt frame")
        if answer.status == Status.EARLY:
            self._probe()
        elif self._probing and count:
            self._probing = False
            for frame in self._pending:
                self.transport.write(frame)

    def _probe(self) -> None:
        """Send only the first frame again: what comes of it says how far the core has come."""
        self._probing = bool(self._pending)
        if self._pending:
            self.transport.write(self._pending[0])

    def _recover(self, fault: Fault) -> None:
        """Have both ends drop what is left of a frame and of its answer, and send again."""
        self._faults += 1
        if self._faults == PERSISTENCE:
            raise LinkError(f"Core {fault}, {PERSISTENCE} times; {_CHECK}")
        self.retries += 1
        self.transport.write(bytes(protocol.FRAME_BYTES))
        self.transport.discard()
        self._probe()


def _started_anew(expected: int, number: int) -> LinkError:
    return LinkError(
        f"Core has started anew, it expects frame {expected} instead of {number}: what was loaded "
        f"is lost; check the board's power supply, and run the command again"
    )


def _shown(data: bytes) -> str:
    """What came, for people: as text if it is one."""
    text = data.decode("ascii", "replace")
    is_text = all(one.isprintable() or one.isspace() for one in text) and text.isascii()
    return repr(text) if is_text else data.hex(" ")
