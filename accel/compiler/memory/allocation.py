"""Gives tensors and chunks addresses in the two banks, and in flash what has no room there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ...config import BANKS, AcceleratorConfig
from ...isa import FLASH_UNIT, Isa
from ...protocol import FLASH_IMAGE_LIMIT
from ..diagnostics import DoesNotFit, Limit, Reason
from ..ir.command import LayerCommand
from ..ir.layer import Band, ComputedWeights
from ..ir.segment_starts import last_of, segment_starts
from ..ir.tensor_layout import TensorLayout
from .arrival import Arriving, arriving
from .chunk_places import most_valuable, needs_of, place_chunks, place_in_flash
from .input_reads import input_bands, last_reads
from .layer_parts import LayerPart, Live
from .placement_search import decide
from .weight_placement import estimate_layers

_END_OF_LAYER = 0.999  # as a fraction: parts of a layer run at fractions of it, see `Live`
_AFTER = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75)  # parts of a run after which the next inputs arrive
NONE_LATER: Mapping[str, int] = {}
_WORTH = 1.01  # times the cycles: what it may cost at most that they do


@dataclass(frozen=True)
class Placement:
    """Where a tensor lies in memory: its bank, and its first word there."""

    bank: int
    address: int
    layout: TensorLayout


@dataclass(frozen=True)
class MemoryPlan:
    """Where everything lies.

    Parameters
    ----------
    tensors
        Placements by name.
    chunks
        Bank and address of each chunk: the first word or, in the bank ``FLASH``, the first byte
        within the flash's image.
    activation_words, used_words
        Words of each bank that tensors take, and that tensors and chunks take.
    flash_bytes
        Size of all that is in flash; 0 where all is in memory.
    parts, transfers
        Where something is in flash: the layers' parts, which ``chunks`` belong to then, and the
        addresses in flash of the DMA transfers that run with them.
    cycles
        What the program takes, about.
    arrives_after
        After so much of a run's cycles the place of the next sample's input begins to be free; 1
        where that is not planned.
    """

    tensors: Mapping[str, Placement]
    chunks: tuple[tuple[int, int], ...]
    activation_words: tuple[int, ...]
    used_words: tuple[int, ...]
    flash_bytes: int = 0
    parts: tuple[LayerPart, ...] = ()
    transfers: tuple[int | None, ...] = ()
    cycles: float = 0
    arrives_after: float = 1


def plan(
    commands: Sequence[LayerCommand],
    layout: Mapping[str, TensorLayout],
    inputs: Sequence[str],
    outputs: Sequence[str],
    chunk_words: Sequence[int],
    config: AcceleratorConfig,
    *,
    search: bool = True,
    later: Mapping[str, int] = NONE_LATER,
) -> MemoryPlan:
    """Place everything, or raise ``DoesNotFit`` with the numbers.

    Where it costs next to nothing, places are such that the next sample's inputs can be written
    while the program still runs, as early as possible.

    A layer reads one bank and writes the other. Its chunk goes to the bank that it writes if there
    is room: there the stream does not wait for the array's reads. On cores with a flash, what has
    no room in memory is streamed or prefetched from there.

    ``chunk_words`` has the words of each command's chunk, ``inputs`` and ``outputs`` the tensors
    that are written before the first layer and read after the last, or those in ``later`` before
    the first of a segment and those written in another segment after its last: see
    `segment_starts`. What is both is a state, which stays where it is. Without ``search`` the first
    placements of weights do, as in `decide`: for comparisons.
    """
    planner = _Planner(commands, layout, inputs, outputs, chunk_words, config, later)
    best = planner.plan([], varied=False)
    cycles, arriving, arrives_after = planner.cycles(best), list[Live](), MemoryPlan.arrives_after
    for after in _AFTER if not later and not input_bands(commands, inputs) else ():
        arrives = planner.arriving(after, cycles)
        if not arrives:
            break
        try:
            overlapping = planner.plan(arrives, varied=False)
        except DoesNotFit:
            continue
        if sum(planner.cycles(overlapping)) <= sum(cycles) * _WORTH:
            best, arriving, arrives_after = overlapping, arrives, after
            break
    if best.parts and search:  # for placements of weights that take fewer cycles, once
        best = planner.plan(arriving)
    return replace(best, cycles=sum(planner.cycles(best)), arrives_after=arrives_after)


class _Planner:
    """Plans the memory of one program; parameters are those of `plan`."""

    def __init__(
        self,
        commands: Sequence[LayerCommand],
        layout: Mapping[str, TensorLayout],
        inputs: Sequence[str],
        outputs: Sequence[str],
        chunk_words: Sequence[int],
        config: AcceleratorConfig,
        later: Mapping[str, int],
    ):
        self.commands, self.layout, self.config, self.later = commands, layout, config, later
        self.inputs, self.outputs, self.chunk_words = inputs, outputs, chunk_words
        self.banks = _banks(commands, layout)
        self.preferred = [self.banks[command.output] for command in commands]
        self.needs = needs_of(commands, chunk_words, self.preferred, config)
        # Chunks whose weights are computed lie where these are written.
        self.fixed = {n: c.computed.tensor for n, c in enumerate(commands) if c.computed}

    def arriving(self, after: float, cycles: Sequence[float]) -> list[Live]:
        """What the next sample's inputs take, see `arrival.arriving`."""
        tensors, lives = self._place([])
        rows, isa = self.config.rows, Isa(self.config)

        def arrives(name: str) -> Arriving:
            place, words = tensors[name], self.layout[name].words(rows)
            last = last_reads(self.commands, name, words, isa)
            if any(name == command.residual for command in self.commands):
                last[:] = int(lives[name].dies)  # of what overwrites it
            return Arriving(place.bank, place.address, place.layout.lanes(rows), last)

        found = (arrives(name) for name in sent(self.inputs, self.outputs))
        return list(arriving(found, cycles, after))

    def cycles(self, memory: MemoryPlan) -> list[float]:
        """What each layer takes, about."""
        parts = memory.parts or [
            LayerPart(layer, 0, need.groups, place)
            for layer, (need, place) in enumerate(zip(self.needs, memory.chunks, strict=True))
        ]
        return estimate_layers(parts, self.needs, self.config)

    def plan(self, arrives: Sequence[Live], *, varied: bool = True) -> MemoryPlan:
        """Where everything lies, beside what ``arrives``; ``varied`` as in `decide`."""
        config, chunk_words = self.config, self.chunk_words
        tensors, lives = self._place(arrives)
        peaks = _ends([*lives.values()])
        taken = _ends([*lives.values(), *arrives])
        whole = []
        for order in self._orders(taken):
            free = [layer for layer in order if layer not in self.fixed]
            placed, used = place_chunks(free, chunk_words, self.preferred, taken, config)
            placed |= {n: (tensors[w].bank, tensors[w].address) for n, w in self.fixed.items()}
            if len(placed) == len(chunk_words) and max(used) <= config.bank_words:
                chunks = tuple(location for _, location in sorted(placed.items()))
                whole.append(MemoryPlan(tensors, chunks, tuple(peaks), tuple(used)))
        if whole:
            return min(whole, key=lambda memory: sum(self.cycles(memory)))
        if config.flash_lanes and not self.fixed and max(peaks) <= config.bank_words:
            parts, in_use = decide(self.needs, [*lives.values(), *arrives], config, varied=varied)
            chunks, transfers, flash = place_in_flash(parts, self.needs, config)
            if flash <= FLASH_IMAGE_LIMIT - 2 * FLASH_UNIT:
                ends = tuple(_ends(in_use))
                return MemoryPlan(tensors, chunks, tuple(peaks), ends, flash, parts, transfers)
        raise self._does_not_fit(peaks)

    def _orders(self, taken: Sequence[int]) -> Iterator[Sequence[int]]:
        """Orders in which chunks get memory: the first of those that lose fewest cycles is taken.

        That of the layers is best to look at. The second gives each bank the chunks that would lose
        most cycles in the other; the last puts the largest first, which fits best.
        """
        layers = range(len(self.commands))
        yield layers
        lost = [need.words(need.groups) - need.words(1) for need in self.needs]
        kept = set[int]()
        for bank, used in enumerate(taken):
            own = [i for i in layers if self.preferred[i] == bank and lost[i]]
            kept |= most_valuable(own, lost, self.chunk_words, self.config.bank_words - used)
        yield sorted(layers, key=lambda i: i not in kept)
        yield sorted(layers, key=lambda i: -self.chunk_words[i])

    def _place(self, arrives: Sequence[Live]) -> tuple[dict[str, Placement], dict[str, Live]]:
        layers, ends = self.commands, (self.inputs, self.outputs)
        return _place(layers, self.layout, *ends, self.banks, self.config, arrives, self.later)

    def _does_not_fit(self, peaks: Sequence[int]) -> DoesNotFit:
        config, chunk_words = self.config, self.chunk_words
        chunk_words = [words for n, words in enumerate(chunk_words) if n not in self.fixed]
        activations, peak = sum(peaks), max(peaks)
        kib, needed = config.rows / 1024, activations + sum(chunk_words)
        there = config.bank_words * config.rows
        what = (
            f"needs {needed * kib:.1f} KiB of the {BANKS} x "
            f"{config.bank_words * kib:.0f} KiB: {activations * kib:.1f} KiB of activations (at "
            f"most {peak * kib:.1f} KiB in a bank), {sum(chunk_words) * kib:.1f} KiB of program"
        )
        limit = Limit(kind="memory", needed=needed * config.rows, there=BANKS * there)
        if peak > config.bank_words:
            limit = Limit(kind="activations", needed=peak * config.rows, there=there)
        return DoesNotFit(Reason(place="memory", what=what, limit=limit))


def sent(inputs: Sequence[str], outputs: Sequence[str]) -> list[str]:
    """The inputs of which every inference has its own, once each: states stay."""
    return [name for name in dict.fromkeys(inputs) if name not in outputs]


class Layer(Protocol):
    """What of a layer says where its tensors must lie."""

    @property
    def source(self) -> str: ...

    @property
    def output(self) -> str: ...

    @property
    def residual(self) -> str | None: ...

    @property
    def band(self) -> Band | None: ...

    @property
    def addend(self) -> str | None: ...

    @property
    def home(self) -> str | None: ...

    @property
    def computed(self) -> ComputedWeights | None: ...


def overwritten(layer: Layer) -> list[str]:
    """What a layer reads in the bank that it writes: its residual operand and kept sums."""
    return [name for name in (layer.residual, layer.addend) if name]


@dataclass(frozen=True)
class Activations:
    """Words of each bank that a network's tensors take, and where that is most.

    ``layer`` is the index of the first layer with so much in a bank, ``tensors`` are those that
    are there then.
    """

    words: tuple[int, ...]
    layer: int
    tensors: tuple[str, ...]


def activations_of(
    layers: Sequence[Layer],
    layout: Mapping[str, TensorLayout],
    inputs: Sequence[str],
    outputs: Sequence[str],
    config: AcceleratorConfig,
) -> Activations:
    """What `plan` gives to the tensors of these layers, before the next input arrives."""
    _, lives = _place(layers, layout, inputs, outputs, _banks(layers, layout), config)
    top = max(lives.values(), key=lambda live: live.end)
    together = (
        name
        for name, live in lives.items()
        if live.bank == top.bank and live.born <= top.born <= live.dies
    )
    words = tuple(_ends([*lives.values()]))
    return Activations(words, max(0, int(top.born)), tuple(together))


def _banks(commands: Sequence["Layer"], layout: Mapping[str, TensorLayout]) -> dict[str, int]:
    """A bank for each tensor. A layer's output is not in the bank of its input, but in that of its
    residual operand, and of its home."""
    neighbours: dict[str, list[tuple[str, int]]] = {name: [] for name in layout}
    for command in commands:
        pairs = [(command.source, command.output, 1)]
        pairs += [(name, command.output, 0) for name in overwritten(command)]
        pairs += [(command.home, command.output, 0)] if command.home else []
        for a, b, differ in pairs:
            neighbours[a].append((b, differ))
            neighbours[b].append((a, differ))
    banks: dict[str, int] = {}
    for start in layout:
        waiting = [] if start in banks else [start]
        banks.setdefault(start, 0)
        while waiting:
            name = waiting.pop()
            for other, differ in neighbours[name]:
                if other not in banks:
                    banks[other] = banks[name] ^ differ
                    waiting.append(other)
                assert banks[other] == banks[name] ^ differ, "copies make this possible"
    return banks


def _place(
    commands: Sequence[Layer],
    layout: Mapping[str, TensorLayout],
    inputs: Sequence[str],
    outputs: Sequence[str],
    banks: Mapping[str, int],
    config: AcceleratorConfig,
    arrives: Sequence[Live] = (),
    later: Mapping[str, int] = NONE_LATER,
) -> tuple[dict[str, Placement], dict[str, Live]]:
    """Placements of all tensors, and the words that they take with their lifetimes; tensors in one
    slot have it once, under the name of the first.

    First fit, in the order in which tensors come to life. An output that overwrites its residual
    operand shares its slot, and one that goes home that of its home. What ``arrives`` has its place
    already.
    """
    slots = {name: name for name in layout}
    for command in commands:
        if command.residual:
            slots[command.output] = slots[command.residual]
        if command.home:
            slots[command.output] = command.home
    born: dict[str, int] = {}
    dies: dict[str, int] = {}

    def live(name: str, index: int) -> None:
        slot = slots[name]
        born[slot] = min(born.get(slot, index), index)
        dies[slot] = max(dies.get(slot, index), index)

    during, starts = _arrival(commands, inputs), segment_starts(commands, later)
    for name in inputs:
        live(name, starts[later[name]] if name in later else during.get(name, -1))
    for index, command in enumerate(commands):
        for name in (command.output, command.source, *overwritten(command)):
            live(name, index)
        if command.computed:  # it is a part of the program
            live(command.computed.tensor, -1)
            live(command.computed.tensor, len(commands))
    written = {command.output: index for index, command in enumerate(commands)}
    for name in outputs:
        live(name, last_of(starts, written.get(name, len(commands)), len(commands)))

    taken: dict[str, Placement] = {}
    for slot in sorted(born, key=born.__getitem__):
        words = layout[slot].words(config.rows)
        address = 0
        alive = [
            (p.address, p.address + p.layout.words(config.rows))
            for other, p in taken.items()
            if p.bank == banks[slot] and dies[other] >= born[slot]
        ]
        alive += [
            (one.start, one.end)
            for one in arrives
            if born[slot] >= 0 and one.bank == banks[slot] and dies[slot] >= one.born
        ]
        for start, end in sorted(alive):
            if address + words <= start:
                break
            address = max(address, layout[slot].aligned(end))
        taken[slot] = Placement(banks[slot], address, layout[slot])
    placements = {
        name: Placement(taken[slot].bank, taken[slot].address, layout[name])
        for name, slot in slots.items()
        if slot in taken
    }
    lives = {
        slot: Live(
            p.bank,
            p.address,
            p.address + p.layout.words(config.rows),
            born[slot],
            dies[slot] + _END_OF_LAYER,
        )
        for slot, p in taken.items()
    }
    return placements, lives


def _arrival(commands: Sequence[Layer], inputs: Sequence[str]) -> dict[str, int]:
    """The layer from which on a band of an input arrives: that which reads the band before."""
    found: dict[str, int] = {}
    before = -1
    for name, reader in input_bands(commands, inputs).items():
        found[name] = before
        before = reader
    return found


def _ends(lives: Sequence[Live]) -> list[int]:
    """The end of what is used in each bank."""
    return [max((live.end for live in lives if live.bank == b), default=0) for b in range(BANKS)]
