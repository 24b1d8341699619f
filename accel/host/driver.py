"""The driver: loads programs into a core and runs them, over any transport of bytes."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np

from accel.compiler.memory.pieces import Piece
from accel.compiler.program.executable import CoreExecutable
from accel.config import FLASH, AcceleratorConfig
from accel.errors import ToolError, UserError
from accel.host.exchange import Exchange, LinkError, ResultLost, Transport
from accel.host.flash import FlashRefused, check_flash
from accel.host.overlap import input_banks, input_bytes, overlapped
from accel.host.rate import speed_up
from accel.host.run_results import (
    SPARE_CYCLES,
    Counters,
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

_PATIENCE = 4  # times the time that an input takes on the line, in which a run may wait for it


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


class DrivenCore:
    """A core behind a driver, in the form that `runner.run` takes. The program is loaded once.

    What is spoilt on the line is sent again, and costs nothing but time: the core executes each
    frame once.

    ``progress`` is called with the number of samples done. With ``stepped`` the layers are run one
    by one, and ``layer_counters`` has those of the last sample; otherwise ``total`` has their sum.
    Layers that read ``shared_banks`` leave cycles free for words that are written meanwhile.

    ``expected`` are the cycle model's counters of each layer. A layer is waited for accordingly,
    and tells how often its counters have wrapped around. ``sharing`` gives the cycles of the layers
    if those that read these banks leave cycles free.
    """

    def __init__(
        self,
        program: CoreExecutable,
        transport: Transport,
        progress: Callable[[int], None] | None = None,
        expected: Sequence[Counters] | None = None,
        sharing: Callable[[Collection[int]], Sequence[int]] | None = None,
    ):
        self.program = program
        self.expected = tuple(expected or (Counters(0, 0, 0, 0),) * len(program.commands))
        self.driver = Driver(transport, program.config)
        self.progress = progress
        self.sharing = sharing
        self._shared_cycles: Sequence[int] | None = None
        self.stepped = False
        self.shared_banks: Collection[int] = ()
        self.layer_counters: list[Counters] = []
        self.total: Counters | None = None
        self.driver.connect()
        if program.flash:
            check_flash(self.driver, program.flash)
        for chunk in program.contents:
            if chunk.bank != FLASH:
                self.driver.write(chunk.bank, chunk.address, chunk.data)

    def run(self, inputs: Mapping[str, np.ndarray], keep: Collection[str]) -> dict[str, np.ndarray]:
        """Stored bytes, uint8 ``[N, n]``, of the tensors ``keep``, from those of the inputs."""
        kept: dict[str, list[np.ndarray]] = {name: [] for name in keep}
        count = len(next(iter(inputs.values())))
        samples = [{name: data[k] for name, data in inputs.items()} for k in range(count)]
        results = self._overlapped(samples, keep) if self._overlaps(samples, keep) else None
        for index, sample in enumerate(samples):
            found = next(results, None) if results else self.run_sample(sample, keep)
            if found is None:  # a result was lost: the others come one after another
                results, found = None, self.run_sample(sample, keep)
            for name, data in found.items():
                kept[name].append(data)
            if self.progress:
                self.progress(index + 1)
        self.driver.exchange.confirm()
        return {name: np.stack(data) for name, data in kept.items()}

    def _overlaps(self, samples: Sequence[object], keep: Collection[str]) -> bool:
        """Whether each sample's input can be sent while the one before it is computed."""
        if self.stepped or len(samples) < 2 or len(keep) != 1:
            return False
        if set(keep) - set(self.program.partition.outputs):
            return False
        _, _, words, lanes = self._words(next(iter(keep)))
        early = any(piece.after is not None for piece in self.program.pieces)
        return words * lanes <= PAYLOAD_BYTES and early

    def _overlapped(
        self, samples: Sequence[Mapping[str, np.ndarray]], keep: Collection[str]
    ) -> Iterator[dict[str, np.ndarray]]:
        """The results of samples. It ends before the last one where one was lost."""
        (name,) = keep
        driver, runs = self.driver, _Runs(self, name, self.shared_banks)
        driver.exchange.settle()  # what is sent from here on can be sent anew
        try:
            cycles, byte_cycles = self._cycles(), self._byte_cycles
            yield from overlapped(runs, self.program, cycles, samples, byte_cycles)
        except ResultLost:
            driver.exchange.resume()

    def send(self, sample: Mapping[str, np.ndarray], piece: Piece, when_free: bool = False) -> None:
        """Send a piece of a sample's inputs; ``when_free`` takes a place that the run has freed."""
        rows, place = self.program.config.rows, self.program.placement(piece.tensor)
        data = sample[piece.tensor].tobytes()
        self.driver.write(
            place.bank,
            place.address + piece.first,
            data[piece.first * rows : (piece.first + piece.words) * rows],
            place.layout.lanes(rows),
            when_free,
            band=piece.reader is not None,
        )

    def run_sample(
        self, sample: Mapping[str, np.ndarray], keep: Collection[str]
    ) -> dict[str, np.ndarray]:
        """Run one sample; layer by layer where a tensor that is asked for would be overwritten."""
        if self.stepped or set(keep) - set(self.program.partition.outputs):
            return self._step(sample, keep)
        names: list[str | None] = [*keep] or [None]
        name, *others = names
        runs = _Runs(self, name, self.shared_banks)
        (kept,) = overlapped(runs, self.program, self._cycles(), [sample], self._byte_cycles)
        kept |= {other: self._read(other) for other in others if other is not None}
        return kept

    @property
    def _byte_cycles(self) -> float | None:
        """The cycles that a byte takes on the line, where the transport knows."""
        return getattr(self.driver.exchange.transport, "byte_cycles", None)

    def _cycles(self) -> Sequence[int]:
        """The cycles of each layer where they leave some free for inputs."""
        if self.sharing and self._shared_cycles is None:
            self._shared_cycles = self.sharing(input_banks(self.program))
        return self._shared_cycles or [layer.cycles for layer in self.expected]

    def _step(
        self, sample: Mapping[str, np.ndarray], keep: Collection[str]
    ) -> dict[str, np.ndarray]:
        kept = {name: data for name, data in sample.items() if name in keep}
        self.layer_counters = []
        for output, result in self.steps(sample, keep):
            self.layer_counters.append(result.counters)
            if output in keep:
                kept[output] = np.frombuffer(result.data, np.uint8)
        return kept

    def steps(
        self, sample: Mapping[str, np.ndarray], keep: Collection[str]
    ) -> Iterator[tuple[str, RunResult]]:
        """Run one sample layer by layer: the tensor that each one writes, and its result, with the
        tensor's stored bytes if it is in ``keep``."""
        bands = {piece.reader: piece for piece in self.program.pieces}
        for piece in self.program.pieces:
            if piece.reader is None:
                self.send(sample, piece)
        layers = zip(self.program.commands, self.program.entries, self.expected, strict=True)
        for number, (command, chunk, expected) in enumerate(layers):
            if number in bands:
                self.send(sample, bands[number])
            result = self.driver.run(
                chunk.bank,
                chunk.address,
                layers=1,
                cycles=expected.cycles,
                result=self._words(command.output if command.output in keep else None),
                shared_banks=self.shared_banks,
            )
            yield command.output, RunResult(result.counters.unwrapped(expected), result.data)

    def _words(self, tensor: str | None) -> tuple[int, int, int, int]:
        """Bank and address of a tensor, its words and their lanes."""
        if tensor is None:
            return 0, 0, 0, 1
        place, rows = self.program.placement(tensor), self.program.config.rows
        return place.bank, place.address, place.layout.words(rows), place.layout.lanes(rows)

    def _read(self, tensor: str) -> np.ndarray:
        return np.frombuffer(self.driver.read(*self._words(tensor)), np.uint8)


class _Runs:
    """Runs of a core's program one after another, as `overlap.Runs` has them.

    Each reads the tensor ``name``. Layers that read ``shared_banks`` leave cycles free, beside
    those that do for inputs.
    """

    def __init__(self, core: DrivenCore, name: str | None, shared_banks: Collection[int]):
        self.core, self.name, self.send = core, name, core.send
        self.shared_banks = shared_banks
        self.banks = {*shared_banks, *input_banks(core.program)}
        self.expected = sum(core.expected, Counters(0, 0, 0, 0))
        self.pause = core.driver.exchange.pause

    def begin(self, shared_layers: int) -> RunBegun:
        first, byte_cycles = self.core.program.entries[0], self.core._byte_cycles
        cycles = self.expected.cycles
        if any(piece.during for piece in self.core.program.pieces):  # it waits for these
            line = input_bytes(self.core.program) * (byte_cycles or 0)
            cycles = cycles + int(_PATIENCE * line) if byte_cycles else 0
        return self.core.driver.begin_run(
            first.bank,
            first.address,
            cycles=cycles,
            result=self.core._words(self.name),
            shared_banks=self.banks if shared_layers else self.shared_banks,
            shared_layers=ALL_LAYERS if self.shared_banks else shared_layers,
        )

    def end(self, run: RunBegun) -> dict[str, np.ndarray]:
        words = self.core._words(self.name)
        result = self.core.driver.end_run(run, words)
        self.core.total = result.counters.unwrapped(self.expected)
        return {self.name: np.frombuffer(result.data, np.uint8)} if self.name else {}

    def now(self) -> int | None:
        return self.core.driver.exchange.now()
