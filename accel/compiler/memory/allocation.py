"""Gives tensors and chunks addresses in the two banks, and in flash what has no room there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ...config import BANKS, FLASH, AcceleratorConfig
from ...isa import FLASH_UNIT, Isa
from ...protocol import FLASH_IMAGE_LIMIT
from ..diagnostics import DoesNotFit, Limit, Reason
from ..ir.command import LayerCommand
from ..ir.tensor_layout import TensorLayout
from .flash_image import stream_cycles
from .layer_parts import LayerPart, Live, Need
from .placement_search import decide
from .weight_placement import estimated_cycles

_END_OF_LAYER = 0.999  # as a fraction: parts of a layer run at fractions of it, see `Live`


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
    """

    tensors: Mapping[str, Placement]
    chunks: tuple[tuple[int, int], ...]
    activation_words: tuple[int, ...]
    used_words: tuple[int, ...]
    flash_bytes: int = 0
    parts: tuple[LayerPart, ...] = ()
    transfers: tuple[int | None, ...] = ()


def plan(
    commands: Sequence[LayerCommand],
    layout: Mapping[str, TensorLayout],
    inputs: Sequence[str],
    outputs: Sequence[str],
    chunk_words: Sequence[int],
    config: AcceleratorConfig,
) -> MemoryPlan:
    """Place everything, or raise ``DoesNotFit`` with the numbers.

    A layer reads one bank and writes the other. Its chunk goes to the bank that it writes if there
    is room: there the stream does not wait for the array's reads. On cores with a flash, what has
    no room in memory is streamed or prefetched from there.

    ``chunk_words`` has the words of each command's chunk, ``inputs`` and ``outputs`` the tensors
    that are written before the first layer and read after the last.
    """
    banks = _banks(commands, layout)
    tensors, lives = _place(commands, layout, inputs, outputs, banks, config)
    live = [*lives.values()]
    peaks = _ends(live)
    preferred = [banks[command.output] for command in commands]
    # In the order of the layers, which is best to look at; or the largest first, which fits best.
    by_size = sorted(range(len(commands)), key=lambda i: -chunk_words[i])
    for order in (range(len(commands)), by_size):
        placed, used = _place_chunks(order, chunk_words, preferred, peaks, config)
        if len(placed) == len(commands) and max(used) <= config.bank_words:
            chunks = tuple(location for _, location in sorted(placed.items()))
            return MemoryPlan(tensors, chunks, tuple(peaks), tuple(used))
    if config.flash_lanes and max(peaks) <= config.bank_words:
        needs = _needs(commands, chunk_words, preferred, config)
        parts, taken = decide(needs, live, config)
        chunks, transfers, flash = _place_in_flash(parts, needs, config)
        if flash <= FLASH_IMAGE_LIMIT - 2 * FLASH_UNIT:
            ends = tuple(_ends(taken))
            return MemoryPlan(tensors, chunks, tuple(peaks), ends, flash, parts, transfers)
    activations, peak = sum(peaks), max(peaks)
    kib, needed = config.rows / 1024, activations + sum(chunk_words)
    what = (
        f"needs {needed * kib:.1f} KiB of the {BANKS} x "
        f"{config.bank_words * kib:.0f} KiB: {activations * kib:.1f} KiB of activations (at most "
        f"{peak * kib:.1f} KiB in a bank), {sum(chunk_words) * kib:.1f} KiB of program"
    )
    limit = Limit(
        kind="memory", needed=needed * config.rows, there=BANKS * config.bank_words * config.rows
    )
    if peak > config.bank_words:
        limit = Limit(
            kind="activations", needed=peak * config.rows, there=config.bank_words * config.rows
        )
    raise DoesNotFit(Reason(place="memory", what=what, limit=limit))


def cycles_of(
    commands: Sequence[LayerCommand],
    memory: MemoryPlan,
    chunk_words: Sequence[int],
    config: AcceleratorConfig,
) -> float:
    """Estimated cycles of a plan; ``chunk_words`` are those that it was made for."""
    banks = [memory.tensors[command.output].bank for command in commands]
    needs = _needs(commands, chunk_words, banks, config)
    parts = memory.parts or [
        LayerPart(index, 0, need.groups, place)
        for index, (need, place) in enumerate(zip(needs, memory.chunks, strict=True))
    ]
    return estimated_cycles(parts, needs, stream_cycles(1, config) if memory.flash_bytes else 0)


class Layer(Protocol):
    """What of a layer says where its tensors must lie."""

    @property
    def source(self) -> str: ...

    @property
    def output(self) -> str: ...

    @property
    def residual(self) -> str | None: ...

    @property
    def addend(self) -> str | None: ...


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
    """What `plan` gives to the tensors of these layers."""
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
    residual operand."""
    neighbours: dict[str, list[tuple[str, int]]] = {name: [] for name in layout}
    for command in commands:
        pairs = [(command.source, command.output, 1)]
        pairs += [(name, command.output, 0) for name in overwritten(command)]
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
) -> tuple[dict[str, Placement], dict[str, Live]]:
    """Placements of all tensors, and the words that they take with their lifetimes; tensors in one
    slot have it once, under the name of the first.

    First fit, in the order in which tensors come to life. An output that overwrites its residual
    operand shares its slot.
    """
    slots = {name: name for name in layout}
    for command in commands:
        if command.residual:
            slots[command.output] = slots[command.residual]
    born: dict[str, int] = {}
    dies: dict[str, int] = {}

    def live(name: str, index: int) -> None:
        slot = slots[name]
        born[slot] = min(born.get(slot, index), index)
        dies[slot] = max(dies.get(slot, index), index)

    for name in inputs:
        live(name, -1)
    for index, command in enumerate(commands):
        for name in (command.output, command.source, *overwritten(command)):
            live(name, index)
    for name in outputs:
        live(name, len(commands))

    taken: dict[str, Placement] = {}
    for slot in sorted(born, key=born.__getitem__):
        words = layout[slot].words(config.rows)
        address = 0
        alive = [
            (p.address, p.address + p.layout.words(config.rows))
            for other, p in taken.items()
            if p.bank == banks[slot] and dies[other] >= born[slot]
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


def _ends(lives: Sequence[Live]) -> list[int]:
    """The end of what is used in each bank."""
    return [max((live.end for live in lives if live.bank == b), default=0) for b in range(BANKS)]


def _needs(
    commands: Sequence[LayerCommand],
    chunk_words: Sequence[int],
    banks: Sequence[int],
    config: AcceleratorConfig,
) -> list[Need]:
    isa, needs = Isa(config), []
    for command, words, bank in zip(commands, chunk_words, banks, strict=True):
        descriptor, groups = command.descriptor, command.groups
        head = isa.descriptor_words + descriptor.table_words(isa)
        tile = max(command.steps, descriptor.tile_cycles(config))
        work = descriptor.tiles(config.rows) * tile
        if descriptor.shared:  # weights that all groups share are not cut
            head, work, groups = 0, work * groups, 1
        needs.append(Need(head, (words - head) // groups, groups, work, bank))
    return needs


def _place_chunks(
    order: Sequence[int],
    chunk_words: Sequence[int],
    preferred: Sequence[int],
    peaks: Sequence[int],
    config: AcceleratorConfig,
) -> tuple[dict[int, tuple[int, int]], list[int]]:
    """Locations of the chunks that have room, taken in ``order``, and the words used then."""
    used = list(peaks)
    chunks: dict[int, tuple[int, int]] = {}
    for index in order:
        words, bank = chunk_words[index], preferred[index]
        fitting = [b for b in (bank, 1 - bank) if used[b] + words <= config.bank_words]
        if not fitting:
            continue
        chunks[index] = fitting[0], used[fitting[0]]
        used[fitting[0]] += words
    return chunks, used


def _place_in_flash(
    parts: Sequence[LayerPart], needs: Sequence[Need], config: AcceleratorConfig
) -> tuple[tuple[tuple[int, int], ...], tuple[int | None, ...], int]:
    """Locations of the parts' chunks, flash addresses of their DMA transfers, and bytes in flash.

    In flash all lie one after another, in the order in which they are used.
    """
    address, descriptor = FLASH_UNIT, Isa(config).descriptor_words  # after the header
    chunks: list[tuple[int, int]] = []
    transfers: list[int | None] = []

    def place(words: int) -> int:
        nonlocal address
        start = address
        address += -(-words * config.rows // FLASH_UNIT) * FLASH_UNIT
        return start

    for part in parts:
        own = 0 if part.place else needs[part.layer].words(part.groups)
        if part.prefetch:
            start = place(descriptor + own + part.prefetch.words)
            transfers.append(start)
            chunks.append(part.place or (FLASH, start))
        else:
            transfers.append(None)
            chunks.append(part.place or (FLASH, place(own)))
    return tuple(chunks), tuple(transfers), address - FLASH_UNIT
