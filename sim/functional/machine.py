"""The functional machine: the executable definition of what a program means.

It reads nothing but memory and descriptors, as the core does, and computes whole layers of many
samples at a time with NumPy. It models no cycles; `cycle_model` does.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

from accel.compiler.memory.allocation import Placement
from accel.compiler.program.executable import Chunk, CoreExecutable, DmaTransfer
from accel.config import FLASH
from accel.host.runner import Between, Passing

from ..rtl.parallel import in_parallel
from .decode import decode_layer, with_weights
from .layer import DecodedLayer, IllegalProgram

BATCH = 16  # samples whose values stay in a core's cache, at most, and
MOST_VALUES = 2**24  # that one layer reads for them


@cache
def _blas() -> ThreadpoolController:
    """Searched for once, which takes milliseconds."""
    return ThreadpoolController()


def rewritten_chunks(program: CoreExecutable, layers: Sequence[DecodedLayer]) -> set[int]:
    """The chunks in memory into which layers of the program write: their weights are computed."""
    rows, found = program.config.rows, set[int]()
    placed = [
        (number, chunk.bank, chunk.address * rows, chunk.address * rows + chunk.size)
        for number, chunk in enumerate(program.chunks)
        if chunk.bank != FLASH and not chunk.prefetched
    ]
    for layer in layers:
        bank, written = 1 - layer.descriptor.input_bank, layer.writes
        most = int(written.max(initial=-1))
        for number, own, start, end in placed:
            if own == bank and start <= most and ((written >= start) & (written < end)).any():
                found.add(number)
    return found


class Machine:
    """A core that computes many samples at a time.

    ``run`` takes what the driver would write for each sample and returns what it would read,
    computed in ``jobs`` threads: NumPy releases Python's lock. Samples of a program with states are
    computed one after another, each with what the one before has left.
    """

    def __init__(self, program: CoreExecutable, jobs: int = 1):
        self.program = program
        self.jobs = jobs
        config = program.config
        self.image = np.zeros((2, config.bank_words * config.rows), np.uint8)
        for chunk in program.contents:
            if chunk.bank != FLASH:
                self._words(self.image, chunk)[:] = np.frombuffer(chunk.data, np.uint8)
        by_reader = [(piece.reader, piece) for piece in program.pieces if piece.reader is not None]
        self.bands = [piece for _, piece in sorted(by_reader, key=lambda one: one[0])]
        self.layers = [decode_layer(chunk.data, config) for chunk in program.chunks]
        self.rewritten = rewritten_chunks(program, self.layers)
        self.homes = {state.tensor: state for state in program.states}
        self._states: dict[str, np.ndarray] = {}  # the bytes of homes, once an inference left some

    def run(
        self,
        inputs: Mapping[str, np.ndarray],
        keep: Collection[str],
        passing: Passing | None = None,
    ) -> dict[str, np.ndarray]:
        """Stored bytes, uint8 ``[N, n]``, of the tensors ``keep``, from those of the inputs, see
        `BoardCore`."""
        count = len(next(iter(inputs.values())))
        largest = max((layer.reads.size for layer in self.layers), default=1)
        batch = 1 if self.homes else max(1, min(BATCH, MOST_VALUES // max(largest, 1)))
        jobs = 1 if self.program.stateful else self.jobs  # the driver's in the samples' order
        parts = [
            (
                {name: data[i : i + batch] for name, data in inputs.items()},
                passing and passing(i, min(i + batch, count)),
            )
            for i in range(0, count, batch)
        ]
        # Threads of BLAS are too many beside our own, and for products as small as ours.
        with _blas().limit(limits=1, user_api="blas"):
            answers = in_parallel(lambda part, _: self._run(*part, keep), parts, jobs)
        return {name: np.concatenate([answer[name] for answer in answers]) for name in keep}

    def reset(self) -> None:
        """Begin anew: states are what they are initially."""
        self._states.clear()

    def states(self) -> dict[str, np.ndarray]:
        """The bytes of each state's home, uint8 ``[n]``, as the next inference will find them."""
        initial = self.image[np.newaxis]
        return {n: self._states.get(n, self._home(initial, n)[0]).copy() for n in self.homes}

    def set_states(self, stored: Mapping[str, np.ndarray]) -> None:
        """Put bytes into the homes of states."""
        self._states.update({name: data.copy() for name, data in stored.items()})

    def by_layer(
        self, inputs: Mapping[str, np.ndarray], between: Between | None = None
    ) -> list[np.ndarray]:
        """The bytes of its output's place after each layer, uint8 ``[N, n]``.

        Where several layers write one tensor, those of layers to come are as they were before.
        """
        found: list[np.ndarray] = []

        def watch(memory: np.ndarray, output: str) -> None:
            found.append(self._view(memory, output).copy())

        keep = self.program.stored_tensors() if between else ()
        self._run(inputs, between, keep, watch)
        return found

    def _run(
        self,
        inputs: Mapping[str, np.ndarray],
        between: Between | None,
        keep: Collection[str],
        watch: Callable[[np.ndarray, str], None] = lambda memory, output: None,
    ) -> dict[str, np.ndarray]:
        samples = len(next(iter(inputs.values())))
        used = max(self.program.used_words) * self.program.config.rows
        memory = np.repeat(self.image[None, :, :used], samples, axis=0)
        code = self.program
        # A band comes when its layer begins: its place may hold something else before.
        bands = iter([piece.tensor for piece in self.bands])
        waited_for = {piece.tensor for piece in self.bands}
        for name, data in inputs.items():
            if name not in waited_for:
                self._view(memory, name)[:] = data
        for name, data in self._states.items():
            self._home(memory, name)[:] = data
        kept = {name: data for name, data in inputs.items() if name in keep}
        starts = [(start, segment) for segment, start in enumerate(code.starts) if segment]
        steps = zip(self.layers, code.commands, code.chunks, code.transfers, strict=True)
        for number, (layer, command, chunk, transfer) in enumerate(steps):
            while between and starts and starts[0][0] == number:
                for name, data in between.inputs(starts.pop(0)[1], kept).items():
                    self._view(memory, name)[:] = data
            if layer.descriptor.wait:
                band = next(bands, None)  # a layer may wait for what is no input
                if band is not None:
                    self._view(memory, band)[:] = inputs[band]
            # No program may depend on whether a word is copied before the layer works or after.
            if transfer:
                self._words(memory, transfer)[:] = np.frombuffer(transfer.words, np.uint8)
            if number in self.rewritten:  # each sample's weights are its own
                for one in memory:
                    now = self._words(one, chunk).tobytes()
                    with_weights(layer, chunk.data, now).run(one[np.newaxis])
            else:
                if chunk.bank != FLASH and self._words(memory[0], chunk).tobytes() != chunk.data:
                    raise IllegalProgram(f"the chunk of {command.name} is not in memory")
                layer.run(memory)
            watch(memory, command.output)
            if command.output in keep:
                kept[command.output] = self._view(memory, command.output).copy()
        if between:
            for _, segment in starts:  # without a layer
                for name, data in between.inputs(segment, kept).items():
                    self._view(memory, name)[:] = data
        self._states = {name: self._home(memory, name)[-1].copy() for name in self.homes}
        return kept

    def _words(self, memory: np.ndarray, part: Chunk | DmaTransfer) -> np.ndarray:
        """The bytes of memory, ``[..., banks, bytes]``, that a chunk or a DMA transfer fills."""
        start = part.address * self.program.config.rows
        return memory[..., part.bank, start : start + part.size]

    def _home(self, memory: np.ndarray, tensor: str) -> np.ndarray:
        return self._at(memory, self.homes[tensor].place)

    def _view(self, memory: np.ndarray, tensor: str) -> np.ndarray:
        return self._at(memory, self.program.placement(tensor))

    def _at(self, memory: np.ndarray, placement: Placement) -> np.ndarray:
        rows = self.program.config.rows
        start = placement.address * rows
        return memory[:, placement.bank, start : start + placement.layout.words(rows) * rows]
