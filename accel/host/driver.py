"""The driver: moves words into a core and runs what is there, over any transport of bytes."""

from collections.abc import Collection, Iterable

import numpy as np

from accel.config import FLASH, AcceleratorConfig
from accel.errors import ToolError, UserError
from accel.host.exchange import Exchange, LinkError, Transport
from accel.host.flash import FlashRefused
from accel.host.rate import speed_up
from accel.host.run_results import (
    SPARE_CYCLES,
    RunBegun,
    RunResult,
    counters_of,
    limit_of,
)
from accel.identity import identity
from accel.isa import FLASH_UNIT, Isa
from accel.protocol import (
    ALL_LAYERS,
    BAND,
    COUNTERS_BYTES,
    IDENTITY_BYTES,
    INFO_BYTES,
    LEAST_LIMIT_BITS,
    LIMIT_BITS,
    MAGIC,
    NO_LIMIT,
    OUTCOME_SHIFT,
    PAYLOAD_BYTES,
    PROTOCOL_VERSION,
    RESULT_BYTES,
    SHARED_BANKS,
    WHEN_FREE,
    FlashStatus,
    Opcode,
    Outcome,
    closed,
    extension,
)


class WrongCore(UserError):
    """The core at the other end was built for another configuration than the program."""


class RunEnded(ToolError):
    """The core ended a run before it was done."""


class Driver:
    """Moves words, and runs programs. Raises ``LinkError`` where the core cannot be talked to."""

    def __init__(self, transport: Transport, config: AcceleratorConfig):
        self.config = config
        self.isa = Isa(config)
        self.exchange = Exchange(transport)

    @property
    def retries(self) -> int:
        """How often something was spoilt on the line and sent again."""
        return self.exchange.retries

    def connect(self) -> None:
        """Find the core, end what it is at, check its identity, and take the line's fastest rate.

        Raises ``WrongCore``.
        """
        found = self.exchange.begin()[:IDENTITY_BYTES]
        if found == identity(self.config):
            speed_up(self.exchange, self.exchange.transport)
            return
        if found[: len(MAGIC)] != MAGIC:
            raise LinkError(
                "Core did not identify itself: another design's bitstream is loaded; load the "
                "board's with `accel program BUILD`, which `accel build` makes"
            )
        version = found[len(MAGIC)]
        if version != PROTOCOL_VERSION:
            raise WrongCore(
                f"Core speaks version {version} of the protocol, and this driver "
                f"{PROTOCOL_VERSION}; load a bitstream that `accel build` of this version made, "
                f"with `accel program BUILD`"
            )
        rows, columns, weight_bits = found[len(MAGIC) + 1 :][:3]
        raise WrongCore(
            f"Core is a {rows}x{columns} array with {weight_bits}-bit weights of another build "
            f"than the program's {self.config.rows}x{self.config.columns}; load the bitstream that "
            f"was built with the same options: `accel build --board BOARD -o BUILD` makes it, "
            f"`accel program BUILD` loads it"
        )

    def flash_status(self) -> FlashStatus:
        """What the core has found in its flash."""
        state = self.exchange.request(Opcode.INFO, INFO_BYTES).data[-1]
        return FlashStatus(state & (1 << OUTCOME_SHIFT) - 1)

    def check_flash(self) -> None:
        """Have the core check its flash again."""
        self.exchange.request(Opcode.CHECK)

    def read_flash(self, address: int, count: int) -> bytes:
        """Read ``count`` bytes of the flash, from byte ``address`` of the program's image on."""
        skipped, parts = address % FLASH_UNIT, []
        for start in range(address - skipped, address + count, FLASH_UNIT):
            words = -(-FLASH_UNIT // self.config.rows)
            location = self.isa.pointer_to(FLASH, start)
            parts.append(self._read(location, words, self.config.rows)[:FLASH_UNIT])
        return b"".join(parts)[skipped : skipped + count]

    def write(
        self,
        bank: int,
        address: int,
        data: bytes,
        lanes: int | None = None,
        when_free: bool = False,
        band: bool = False,
    ) -> None:
        """Write whole words, of which the lowest ``lanes`` bytes matter: the others become 0.

        With ``when_free`` they are written once the run in progress has freed a place, which this
        takes. With ``band`` they make a band whole, which a layer may wait for.
        """
        lanes = lanes or self.config.rows
        words = np.frombuffer(data, np.uint8).reshape(-1, self.config.rows)[:, :lanes]
        for start, count in self._frames(len(words), lanes):
            flags = WHEN_FREE if when_free and not start else 0
            flags |= BAND if band and start + count == len(words) else 0
            location = self.isa.pointer_to(bank, address + start)
            part = words[start : start + count].tobytes()
            self.exchange.send(
                Opcode.WRITE | flags,
                closed(part),
                location=location,
                count=count,
                lanes_less_one=lanes - 1,
            )

    def read(self, bank: int, address: int, words: int, lanes: int | None = None) -> bytes:
        """Read whole words of memory, with 0 for their bytes from ``lanes`` on."""
        parts, lanes = [], lanes or self.config.rows
        for start, count in self._frames(words, lanes):
            location = self.isa.pointer_to(bank, address + start)
            parts.append(self._whole(self._read(location, count, lanes), lanes))
        return b"".join(parts)

    def run(
        self,
        bank: int,
        address: int,
        layers: int = 0,
        cycles: int = 0,
        result: tuple[int, int, int, int] = (0, 0, 0, 1),
        shared_banks: Collection[int] = (),
    ) -> RunResult:
        """Run ``layers`` chunks from this one on, or all that are linked to it.

        ``cycles`` is about how long that takes: it is waited for so long, and the core ends the run
        if it takes far longer. ``result`` is a bank, an address, and the number and the lanes of
        the words that are read afterwards. Layers that read ``shared_banks`` leave cycles free in
        which words can be written there meanwhile. Raises ``RunEnded`` and ``FlashRefused``.
        """
        run = self.begin_run(bank, address, layers, cycles, result, shared_banks)
        self.exchange.settle()
        return self.end_run(run, result)

    def begin_run(
        self,
        bank: int,
        address: int,
        layers: int = 0,
        cycles: int = 0,
        result: tuple[int, int, int, int] = (0, 0, 0, 1),
        shared_banks: Collection[int] = (),
        shared_layers: int = ALL_LAYERS,
    ) -> RunBegun:
        """Begin a run as `run` does, after the one in progress; ``end_run`` waits for it.

        Only the first ``shared_layers`` layers leave cycles free. Of the result as many words are
        read as fit a frame.
        """
        read_bank, read_address, words, lanes = result
        limit, head = limit_of(cycles), min(words, PAYLOAD_BYTES // lanes)
        limits = extension(
            limit=limit | (shared_layers if shared_banks else 0) << LIMIT_BITS,
            lanes_less_one=lanes - 1,
            count=head,
            location=self.isa.pointer_to(read_bank, read_address),
        )
        number = self.exchange.begin_run(
            limits,
            RESULT_BYTES + head * lanes,
            flags=sum(SHARED_BANKS << shared for shared in shared_banks),
            location=self.isa.pointer_to(bank, address),
            count=layers,
        )
        return RunBegun(number, limit, cycles, layers, lanes)

    def end_run(self, run: RunBegun, result: tuple[int, int, int, int]) -> RunResult:
        """Wait for a run and its whole ``result``. Raises what `run` raises, and ``ResultLost``."""
        limit = run.limit
        cycles = run.cycles + SPARE_CYCLES if limit == NO_LIMIT else 1 << LEAST_LIMIT_BITS + limit
        answer = self.exchange.end_run(run.number, cycles)
        outcome = Outcome(answer[COUNTERS_BYTES] >> OUTCOME_SHIFT)
        self._check_outcome(outcome, run.layers, limit)
        data = self._whole(answer[RESULT_BYTES:], run.lanes)
        bank, address, words, lanes = result
        head = len(data) // self.config.rows
        if words > head:
            data += self.read(bank, address + head, words - head, lanes)
        return RunResult(counters_of(answer[:COUNTERS_BYTES]), data)

    def _check_outcome(self, outcome: Outcome, layers: int, limit: int) -> None:
        if outcome == Outcome.BAD_FLASH:
            raise FlashRefused("holds nothing that the core runs")
        if outcome == Outcome.CYCLES:
            cycles = 1 << LEAST_LIMIT_BITS + limit
            raise RunEnded(
                f"Run was not over after {cycles:,} cycles, and the core ended it; load the "
                f"program again, and compile it again if that does not help"
            )
        if outcome == Outcome.ABORTED or (outcome == Outcome.LAYERS and not layers):
            raise RunEnded(
                "Run was ended by somebody else; is another program using the core's port?"
            )

    def _frames(self, words: int, lanes: int) -> Iterable[tuple[int, int]]:
        most = PAYLOAD_BYTES // lanes
        return ((start, min(most, words - start)) for start in range(0, words, most))

    def _read(self, location: int, words: int, lanes: int) -> bytes:
        payload = extension(lanes_less_one=lanes - 1, count=words, location=location)
        return self.exchange.request(Opcode.READ, words * lanes, payload).data

    def _whole(self, data: bytes, lanes: int) -> bytes:
        """Whole words from these bytes of each."""
        words = np.zeros((len(data) // lanes, self.config.rows), np.uint8)
        words[:, :lanes] = np.frombuffer(data, np.uint8).reshape(-1, lanes)
        return words.tobytes()
