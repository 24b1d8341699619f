"""Runs samples of a program on a core, which it loads the program into."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import numpy as np

from accel.compiler.memory.pieces import Piece
from accel.compiler.program.executable import CoreExecutable
from accel.config import FLASH
from accel.host.driver import Driver
from accel.host.exchange import ResultLost, Transport
from accel.host.flash import check_flash
from accel.host.overlap import input_banks, input_bytes, overlapped
from accel.host.run_results import Counters, RunBegun, RunResult
from accel.host.runner import Between, Passing, of_batch, run_segments
from accel.protocol import ALL_LAYERS, PAYLOAD_BYTES

_PATIENCE = 4  # times the time that an input takes on the line, in which a run may wait for it


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
        self.load()

    def load(self) -> None:
        """Write the program to the core's memory, with the initial values of its states."""
        if self.program.flash:
            check_flash(self.driver, self.program.flash)
        for chunk in self.program.contents:
            if chunk.bank != FLASH:
                self.driver.write(chunk.bank, chunk.address, chunk.data)

    def reset(self) -> None:
        """Begin anew: write the initial values of the program's states."""
        for state in self.program.states:
            chunk = state.chunk(self.program.config.rows)
            self.driver.write(chunk.bank, chunk.address, chunk.data)

    def states(self) -> dict[str, np.ndarray]:
        """The bytes of each state's home, uint8 ``[n]``, as the next inference will find them."""
        rows, found = self.program.config.rows, {}
        for state in self.program.states:
            place = state.place
            data = self.driver.read(place.bank, place.address, state.words(rows))
            found[state.tensor] = np.frombuffer(data, np.uint8)
        return found

    def set_states(self, stored: Mapping[str, np.ndarray]) -> None:
        """Put bytes into the homes of states."""
        for state in self.program.states:
            if state.tensor in stored:
                place, data = state.place, stored[state.tensor].tobytes()
                self.driver.write(place.bank, place.address, data)

    def run(
        self,
        inputs: Mapping[str, np.ndarray],
        keep: Collection[str],
        passing: Passing | None = None,
    ) -> dict[str, np.ndarray]:
        """Stored bytes, uint8 ``[N, n]``, of the tensors ``keep``, from those of the inputs, see
        `BoardCore`."""
        kept: dict[str, list[np.ndarray]] = {name: [] for name in keep}
        count = len(next(iter(inputs.values())))
        samples = [{name: data[k] for name, data in inputs.items()} for k in range(count)]
        results = self._overlapped(samples, keep) if self._overlaps(samples, keep) else None
        for index, sample in enumerate(samples):
            between = passing(index, index + 1) if passing else None
            found = next(results, None) if results else self.run_sample(sample, keep, between)
            if found is None:  # a result was lost: the others come one after another
                results, found = None, self.run_sample(sample, keep, between)
            for name, data in found.items():
                kept[name].append(data)
            if self.progress:
                self.progress(index + 1)
        self.driver.exchange.confirm()
        return {name: np.stack(data) for name, data in kept.items()}

    @property
    def _left(self) -> set[str]:
        """The tensors that are in memory after the last layer."""
        names = self.program.partition.outputs
        return {*names, *(self.program.aliases[name].root for name in names)}

    def _overlaps(self, samples: Sequence[object], keep: Collection[str]) -> bool:
        """Whether each sample's input can be sent while the one before it is computed."""
        if self.stepped or len(samples) < 2 or len(keep) != 1:
            return False
        if set(keep) - self._left or len(self.program.runs) > 1:
            return False
        _, _, words, lanes = self.words(next(iter(keep)))
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
        self,
        sample: Mapping[str, np.ndarray],
        keep: Collection[str],
        between: Between | None = None,
    ) -> dict[str, np.ndarray]:
        """Run one sample; layer by layer where a tensor that is asked for would be overwritten."""
        if self.stepped or set(keep) - self._left:
            return self._step(sample, keep, between)
        if between:
            kept, self.total = run_segments(self, sample, keep, between)
            return kept
        names: list[str | None] = [*keep] or [None]
        name, *others = names
        runs = _Runs(self, name, self.shared_banks)
        (kept,) = overlapped(runs, self.program, self._cycles(), [sample], self._byte_cycles)
        kept |= {other: self.read(other) for other in others if other is not None}
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

    def send_all(self, sample: Mapping[str, np.ndarray]) -> None:
        """Send inputs as wholes while nothing runs."""
        for piece in self.program.pieces:
            if piece.tensor in sample and piece.reader is None:
                self.send(sample, piece)

    def _step(
        self, sample: Mapping[str, np.ndarray], keep: Collection[str], between: Between | None
    ) -> dict[str, np.ndarray]:
        kept = {name: data for name, data in sample.items() if name in keep}
        self.layer_counters = []
        for output, result in self.steps(sample, keep, between):
            self.layer_counters.append(result.counters)
            if output in keep:
                kept[output] = np.frombuffer(result.data, np.uint8)
        return kept

    def steps(
        self,
        sample: Mapping[str, np.ndarray],
        keep: Collection[str],
        between: Between | None = None,
    ) -> Iterator[tuple[str, RunResult]]:
        """Run one sample layer by layer: the tensor that each one writes, and its result, with the
        tensor's stored bytes if it is in ``keep``."""
        bands = {piece.reader: piece for piece in self.program.pieces}
        kept: dict[str, np.ndarray] = {}
        starts = [*enumerate(self.program.starts)] if between else []
        self.send_all(sample)
        layers = zip(self.program.commands, self.program.entries, self.expected, strict=True)
        for number, (command, chunk, expected) in enumerate(layers):
            while between and starts and starts[0][1] == number:
                segment, _ = starts.pop(0)
                if segment:
                    self.send_all(between.inputs(segment, of_batch(kept)))
            if number in bands:
                self.send(sample, bands[number])
            result = self.driver.run(
                chunk.bank,
                chunk.address,
                layers=1,
                cycles=expected.cycles,
                result=self.words(command.output if command.output in keep else None),
                shared_banks=self.shared_banks,
            )
            if command.output in keep:
                kept[command.output] = np.frombuffer(result.data, np.uint8)
            yield command.output, RunResult(result.counters.unwrapped(expected), result.data)
        if between:
            for segment, _ in starts:  # without a layer
                between.inputs(segment, of_batch(kept))

    def words(self, tensor: str | None) -> tuple[int, int, int, int]:
        """Bank and address of a tensor, its words and their lanes."""
        if tensor is None:
            return 0, 0, 0, 1
        place, rows = self.program.placement(tensor), self.program.config.rows
        return place.bank, place.address, place.layout.words(rows), place.layout.lanes(rows)

    def read(self, tensor: str) -> np.ndarray:
        return np.frombuffer(self.driver.read(*self.words(tensor)), np.uint8)


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
            result=self.core.words(self.name),
            shared_banks=self.banks if shared_layers else self.shared_banks,
            shared_layers=ALL_LAYERS if self.shared_banks else shared_layers,
        )

    def end(self, run: RunBegun) -> dict[str, np.ndarray]:
        words = self.core.words(self.name)
        result = self.core.driver.end_run(run, words)
        self.core.total = result.counters.unwrapped(self.expected)
        return {self.name: np.frombuffer(result.data, np.uint8)} if self.name else {}

    def now(self) -> int | None:
        return self.core.driver.exchange.now()
