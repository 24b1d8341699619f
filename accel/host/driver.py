"""The driver: loads programs into a core and runs them, over any transport of bytes."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from typing import Protocol

import numpy as np

from accel.compiler.program.program import CoreProgram
from accel.config import FLASH, AcceleratorConfig
from accel.errors import ToolError, UserError
from accel.host.flash import FlashRefused, check_flash
from accel.identity import identity
from accel.isa import FLASH_UNIT, Isa
from accel.protocol import (
    COUNTER_BITS,
    COUNTERS,
    HEADER_BYTES,
    IDENTITY_BYTES,
    INFO_BYTES,
    MAGIC,
    FlashStatus,
    Opcode,
    Status,
    crc,
    header,
)

MAX_WORDS = 4096  # of one frame: a frame that is spoilt is sent again as a whole
ATTEMPTS = 3


class LinkError(ToolError):
    """The core does not answer, or answers what it should not."""


class WrongCore(UserError):
    """The core at the other end was built for another configuration than the program."""


class Transport(Protocol):
    """A stream of bytes to a core and back."""

    def write(self, data: bytes) -> None:
        """Send all of ``data``."""

    def read(self, count: int, cycles: int = 0) -> bytes:
        """Return ``count`` bytes, or fewer where they do not come in time.

        They may come ``cycles`` of the core's clock later than an answer usually does.
        """

    def discard(self) -> None:
        """Wait until the line is silent, and forget all that came unread."""


@dataclass(frozen=True)
class Counters:
    """What the core counted during a run, in cycles; see `core.control.sequencer`."""

    cycles: int
    busy: int
    waiting_weights: int
    waiting_drain: int

    def unwrapped(self, expected: "Counters") -> "Counters":
        """These counts with the overflows that the core's counters could not hold.

        A counter wraps around after ``2**COUNTER_BITS`` cycles, about a second. Of all counts that
        it may stand for, the one nearest to ``expected`` is taken.
        """
        period = 1 << COUNTER_BITS
        pairs = zip(astuple(self), astuple(expected), strict=True)
        return Counters(*(n + period * max(0, (e - n + period // 2) // period) for n, e in pairs))

    def __add__(self, other: "Counters") -> "Counters":
        return Counters(*map(sum, zip(astuple(self), astuple(other), strict=True)))


class Driver:
    """Sends frames and reads their answers. Raises ``LinkError`` where the core cannot be talked
    to.

    ``retries`` counts the frames that had to be sent again. The core may take the rest of a
    corrupted frame for other frames, and memory may have changed with them.
    """

    def __init__(self, transport: Transport, config: AcceleratorConfig):
        self.transport = transport
        self.config = config
        self.retries = 0
        self.isa = Isa(config)

    def connect(self) -> None:
        """Find the core, at the boundary of a frame, and check its identity. Raises
        ``WrongCore``."""
        self.transport.write(bytes(HEADER_BYTES))
        found = self._info()[:IDENTITY_BYTES]
        if found == identity(self.config):
            return
        if found[: len(MAGIC)] != MAGIC:
            raise LinkError("Core did not identify itself; is this bitstream loaded?")
        rows, columns, weight_bits = found[5:8]
        raise WrongCore(
            f"Core is a {rows}x{columns} array with {weight_bits}-bit weights of another build "
            f"than the program's {self.config.rows}x{self.config.columns}; load the bitstream that "
            f"was built with the same options"
        )

    def counters(self) -> Counters:
        """What the last run counted."""
        values = int.from_bytes(self._info()[IDENTITY_BYTES:-1], "little")
        shifts = range(0, len(COUNTERS) * COUNTER_BITS, COUNTER_BITS)
        return Counters(*(values >> shift & (1 << COUNTER_BITS) - 1 for shift in shifts))

    def flash_status(self) -> FlashStatus:
        """What the core has found in its flash."""
        return FlashStatus(self._info()[-1])

    def check_flash(self) -> None:
        """Have the core check its flash again."""
        self._request(header(Opcode.CHECK), 0)

    def read_flash(self, address: int, count: int) -> bytes:
        """Read ``count`` bytes of the flash, from byte ``address`` of the program's image on."""
        skipped, parts = address % FLASH_UNIT, []
        for start in range(address - skipped, address + count, FLASH_UNIT):
            parts.append(self.read(FLASH, start, -(-FLASH_UNIT // self.config.rows))[:FLASH_UNIT])
        return b"".join(parts)[skipped : skipped + count]

    def write(self, bank: int, address: int, data: bytes) -> None:
        """Write whole words."""
        for start, words in self._frames(len(data) // self.config.rows):
            part = data[start * self.config.rows : (start + words) * self.config.rows]
            location = self.isa.pointer_to(bank, address + start)
            frame = header(Opcode.WRITE, location, words) + part + bytes([crc(part)])
            self._request(frame, 0)

    def read(self, bank: int, address: int, words: int) -> bytes:
        """Read whole words, of the flash at most a frame of them."""
        parts = []
        for start, count in self._frames(words):
            location = self.isa.pointer_to(bank, address + start)
            frame = header(Opcode.READ, location, count)
            parts.append(self._request(frame, count * self.config.rows))
        return b"".join(parts)

    def run(self, bank: int, address: int, layers: int = 0, cycles: int = 0) -> None:
        """Run ``layers`` chunks from this one on, or all that are linked to it.

        ``cycles`` is about how long that takes, which the answer is waited for in addition.
        """
        frame = header(Opcode.RUN, self.isa.pointer_to(bank, address), layers)
        self._request(frame, 0, cycles)

    def _frames(self, words: int) -> Iterable[tuple[int, int]]:
        return ((start, min(MAX_WORDS, words - start)) for start in range(0, words, MAX_WORDS))

    def _info(self) -> bytes:
        return self._request(header(Opcode.INFO), INFO_BYTES)

    def _request(self, frame: bytes, count: int, cycles: int = 0) -> bytes:
        """Send a frame until it is answered, after ``cycles``, by ``count`` bytes with a right
        CRC."""
        problem = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                self._resynchronize()
            self.transport.write(frame)
            status = self.transport.read(1, cycles)
            if status == bytes([Status.BAD_FLASH]):
                raise FlashRefused("holds nothing that the core runs")
            if status != bytes([Status.OK]):
                problem = f"answered {status.hex()}" if status else "did not answer"
                continue
            if not count:
                return b""
            answer = self.transport.read(count + 1)
            if len(answer) == count + 1 and crc(answer) == 0:
                return answer[:-1]
            problem = f"answered {len(answer)} of {count + 1} bytes or a wrong CRC"
        raise LinkError(
            f"Core {problem}, {ATTEMPTS} times; check the cable, the baud rate and the bitstream"
        )

    def _resynchronize(self) -> None:
        """Have both ends drop what is left of a frame and of its answer."""
        self.retries += 1
        self.transport.write(bytes(HEADER_BYTES))
        self.transport.discard()


class _Spoilt(Exception):
    """A frame of a sample had to be sent again."""


class DrivenCore:
    """A core behind a driver, in the form that `runner.run` takes. The program is loaded once.

    A sample in which a frame had to be sent again is not trusted: the program is loaded and the
    sample run once more. Layers overwrite what others have read, so a run cannot just be repeated.

    ``progress`` is called with the number of samples done. With ``stepped`` the layers are run one
    by one, and ``layer_counters`` has those of the last sample; otherwise ``total`` has their sum.

    ``expected`` are the cycle model's counters of each layer. A layer is waited for accordingly,
    and tells how often its counters have wrapped around.
    """

    def __init__(
        self,
        program: CoreProgram,
        transport: Transport,
        progress: Callable[[int], None] | None = None,
        expected: Sequence[Counters] | None = None,
    ):
        self.program = program
        self.expected = tuple(expected or (Counters(0, 0, 0, 0),) * len(program.commands))
        self.driver = Driver(transport, program.config)
        self.progress = progress
        self.stepped = False
        self.layer_counters: list[Counters] = []
        self.total: Counters | None = None
        self._loaded = False
        self._believed = 0
        self.driver.connect()
        if program.flash:
            check_flash(self.driver, program.flash)
        self._load()

    def run(self, inputs: Mapping[str, np.ndarray], keep: Collection[str]) -> dict[str, np.ndarray]:
        """Stored bytes, uint8 ``[N, n]``, of the tensors ``keep``, from those of the inputs."""
        kept: dict[str, list[np.ndarray]] = {name: [] for name in keep}
        for index in range(len(next(iter(inputs.values())))):
            sample = {name: data[index] for name, data in inputs.items()}
            for name, data in self.run_sample(sample, keep).items():
                kept[name].append(data)
            if self.progress:
                self.progress(index + 1)
        return {name: np.stack(data) for name, data in kept.items()}

    def run_sample(
        self, sample: Mapping[str, np.ndarray], keep: Collection[str]
    ) -> dict[str, np.ndarray]:
        """Run one sample; layer by layer where a tensor that is asked for would be overwritten."""
        for _ in range(ATTEMPTS):
            if not self._load():
                continue
            self._believed, self._loaded = self.driver.retries, False
            with suppress(_Spoilt):
                kept = self._run(sample, keep)
                self._check()
                self._loaded = True
                return kept
        raise LinkError(
            f"Link spoils too many frames, {ATTEMPTS} times in one sample; check the cable, or "
            f"build for a lower baud rate"
        )

    def _load(self) -> bool:
        """Load the program unless it is there, and say whether it is."""
        if not self._loaded:
            retries = self.driver.retries
            for chunk in self.program.contents:
                if chunk.bank != FLASH:
                    self.driver.write(chunk.bank, chunk.address, chunk.data)
            self._loaded = self.driver.retries == retries
        return self._loaded

    def _check(self) -> None:
        """Stop where memory may have changed: a core that runs what is no program never ends."""
        if self.driver.retries != self._believed:
            raise _Spoilt

    def _run(
        self, sample: Mapping[str, np.ndarray], keep: Collection[str]
    ) -> dict[str, np.ndarray]:
        for name, data in sample.items():
            place = self.program.placement(name)
            self.driver.write(place.bank, place.address, data.tobytes())
        if self.stepped or set(keep) - set(self.program.partition.outputs):
            return self._step(sample, keep)
        self._check()
        first = self.program.entries[0]
        expected = sum(self.expected, Counters(0, 0, 0, 0))
        self.driver.run(first.bank, first.address, cycles=expected.cycles)
        self.total = self.driver.counters().unwrapped(expected)
        return {name: self._read(name) for name in keep}

    def _step(
        self, sample: Mapping[str, np.ndarray], keep: Collection[str]
    ) -> dict[str, np.ndarray]:
        kept = {name: data for name, data in sample.items() if name in keep}
        self.layer_counters = []
        layers = zip(self.program.commands, self.program.entries, self.expected, strict=True)
        for command, chunk, expected in layers:
            self._check()
            self.driver.run(chunk.bank, chunk.address, layers=1, cycles=expected.cycles)
            self.layer_counters.append(self.driver.counters().unwrapped(expected))
            if command.output in keep:
                kept[command.output] = self._read(command.output)
        return kept

    def _read(self, tensor: str) -> np.ndarray:
        place = self.program.placement(tensor)
        words = place.layout.words(self.program.config.rows)
        return np.frombuffer(self.driver.read(place.bank, place.address, words), np.uint8)
