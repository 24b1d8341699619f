"""Where tensors and chunks lie in the two banks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...config import BANKS, FLASH, AcceleratorConfig
from ...isa import FLASH_UNIT, Isa
from ...protocol import FLASH_IMAGE_LIMIT
from ..diagnostics import DoesNotFit, Reason
from ..ir.command import LayerCommand
from ..ir.tensor_layout import TensorLayout
from .weight_placement import LayerPart, Live, Need, decide

_ALL = 0.999  # of a layer, as parts of one are numbered


@dataclass(frozen=True)
class Placement:
    """A tensor in memory: first word within a bank."""

    bank: int
    address: int
    layout: TensorLayout


@dataclass(frozen=True)
class MemoryPlan:
    """Placements of tensors, locations of chunks (bank, address), and words used in each bank.

    The address of a chunk in the bank ``FLASH`` is that of its first byte within the image there,
    and ``flash_bytes`` is what all of those take. Where there are such, chunks are those of the
    ``parts`` of layers, and ``copies`` has the addresses of what is copied while they run.
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

    A layer reads one bank and writes the other. A layer's chunk goes to the bank that it writes if
    there is room, because there the array is not in the stream's way. On cores with a flash, what
    has no room comes from there.
    """
    banks = _banks(commands, layout)
    tensors, live = _place(commands, layout, inputs, outputs, banks, config)
    peaks = _ends(live)
    preferred = [banks[command.output] for command in commands]
    # As they come, which is best to look at; the largest first, which wastes least.
    by_size = sorted(range(len(commands)), key=lambda i: -chunk_words[i])
    for order in (range(len(commands)), by_size):
        chunks, used = _place_chunks(order, chunk_words, preferred, peaks, config)
        if len(chunks) == len(commands) and max(used) <= config.bank_words:
            return MemoryPlan(tensors, _in_order(chunks), tuple(peaks), tuple(used))
    if config.flash_lanes and max(peaks) <= config.bank_words:
        needs = _needs(commands, chunk_words, preferred, config)
        parts, taken = decide(needs, live, config)
        chunks, transfers, flash = _place_in_flash(parts, needs, config)
        if flash <= FLASH_IMAGE_LIMIT - 2 * FLASH_UNIT:
            used = tuple(_ends(taken))
            return MemoryPlan(tensors, chunks, tuple(peaks), used, flash, parts, transfers)
    activations, peak = sum(peaks), max(peaks)
    kib = config.rows / 1024
    what = (
        f"needs {(activations + sum(chunk_words)) * kib:.1f} KiB of the {BANKS} x "
        f"{config.bank_words * kib:.0f} KiB: {activations * kib:.1f} KiB of activations (at most "
        f"{peak * kib:.1f} KiB in a bank), {sum(chunk_words) * kib:.1f} KiB of program"
    )
    remedy = "use a board with more memory, a smaller network or 4-bit weights"
    if not config.flash_lanes and peak <= config.bank_words:
        remedy = f"stream the program from flash (--set flash_lanes=1, 2 or 4), or {remedy}"
    raise DoesNotFit(Reason(place="memory", what=what, remedy=remedy))


def _banks(commands: Sequence[LayerCommand], layout: Mapping[str, TensorLayout]) -> dict[str, int]:
    """A bank for each tensor: a layer reads one and writes the other, where its operand is."""
    neighbours: dict[str, list[tuple[str, int]]] = {name: [] for name in layout}
    for command in commands:
        pairs = [(command.source, command.output, 1)]
        if command.residual:
            pairs.append((command.residual, command.output, 0))
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
    commands, layout, inputs, outputs, banks, config
) -> tuple[dict[str, Placement], list[Live]]:
    """First fit over lifetimes, in the order in which tensors come to life, and those.

    An output that takes the place of another tensor shares its slot.
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
        live(command.output, index)
        live(command.source, index)
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
            address = max(address, end)
        taken[slot] = Placement(banks[slot], address, layout[slot])
    placements = {
        name: Placement(taken[slot].bank, taken[slot].address, layout[name])
        for name, slot in slots.items()
        if slot in taken
    }
    lives = [
        Live(
            p.bank,
            p.address,
            p.address + p.layout.words(config.rows),
            born[slot],
            dies[slot] + _ALL,
        )
        for slot, p in taken.items()
    ]
    return placements, lives


def _ends(lives: Sequence[Live]) -> list[int]:
    """How far up each bank is used."""
    return [max((live.end for live in lives if live.bank == b), default=0) for b in range(BANKS)]


def _needs(commands, chunk_words, banks, config) -> list[Need]:
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


def _place_chunks(order, chunk_words, preferred, peaks, config):
    """Locations of the chunks that have room, taken in ``order``, and the words used."""
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


def _place_in_flash(parts: Sequence[LayerPart], needs: Sequence[Need], config: AcceleratorConfig):
    """Locations of the parts' chunks and addresses of what is copied while they run, one after the
    other in the image, and the bytes of all that is there."""
    address, descriptor = FLASH_UNIT, Isa(config).descriptor_words  # after the header
    chunks, transfers = [], []

    def place(words: int) -> int:
        nonlocal address
        start = address
        address += -(-words * config.rows // FLASH_UNIT) * FLASH_UNIT
        return start

    for part in parts:
        own = 0 if part.place else needs[part.layer].words(part.groups)
        if part.prefetch:
            transfers.append(place(descriptor + own + part.prefetch.words))
            chunks.append(part.place or (FLASH, transfers[-1]))
        else:
            transfers.append(None)
            chunks.append(part.place or (FLASH, place(own)))
    return tuple(chunks), tuple(transfers), address - FLASH_UNIT


def _in_order(chunks: Mapping[int, tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    return tuple(location for _, location in sorted(chunks.items()))
