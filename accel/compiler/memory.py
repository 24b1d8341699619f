"""Where tensors and chunks lie in the two banks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..config import BANKS, FLASH, AcceleratorConfig
from ..isa import FLASH_UNIT
from ..protocol import FLASH_IMAGE_LIMIT
from .command import Command
from .flash import by_loss
from .reasons import Reason
from .schedule import DoesNotFit
from .storage import Stored


@dataclass(frozen=True)
class Placement:
    """A tensor in memory: first word within a bank."""

    bank: int
    address: int
    storage: Stored


@dataclass(frozen=True)
class MemoryPlan:
    """Placements of tensors, locations of chunks (bank, address), and words used in each bank.

    The address of a chunk in the bank ``FLASH`` is that of its first byte within the image there,
    and ``flash_bytes`` is what all of those take.
    """

    tensors: Mapping[str, Placement]
    chunks: tuple[tuple[int, int], ...]
    activation_words: tuple[int, ...]
    used_words: tuple[int, ...]
    flash_bytes: int = 0


def plan(
    commands: Sequence[Command],
    storage: Mapping[str, Stored],
    inputs: Sequence[str],
    outputs: Sequence[str],
    chunk_words: Sequence[int],
    config: AcceleratorConfig,
) -> MemoryPlan:
    """Place everything, or raise ``DoesNotFit`` with the numbers.

    A layer reads one bank and writes the other. A layer's chunk goes to the bank that it writes if
    there is room, because there the array is not in the stream's way. On cores with a flash, what
    has no room is streamed from there.
    """
    banks = _banks(commands, storage)
    tensors = _place(commands, storage, inputs, outputs, banks, config)
    peaks = [0] * BANKS
    for placement in tensors.values():
        end = placement.address + placement.storage.words(config.rows)
        peaks[placement.bank] = max(peaks[placement.bank], end)
    preferred = [banks[command.output] for command in commands]
    # As they come, which is best to look at; the largest first, which wastes least.
    by_size = sorted(range(len(commands)), key=lambda i: -chunk_words[i])
    for order in (range(len(commands)), by_size):
        chunks, used = _place_chunks(order, chunk_words, preferred, peaks, config)
        if len(chunks) == len(commands) and max(used) <= config.bank_words:
            return MemoryPlan(tensors, _in_order(chunks), tuple(peaks), tuple(used))
    if config.flash_lanes and max(peaks) <= config.bank_words:
        order = by_loss(commands, chunk_words, config)
        chunks, used = _place_chunks(order, chunk_words, preferred, peaks, config)
        flash = _place_in_flash(chunks, chunk_words, config)
        if flash <= FLASH_IMAGE_LIMIT - 2 * FLASH_UNIT:
            return MemoryPlan(tensors, _in_order(chunks), tuple(peaks), tuple(used), flash)
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


def _banks(commands: Sequence[Command], storage: Mapping[str, Stored]) -> dict[str, int]:
    """A bank for each tensor: a layer reads one and writes the other, where its operand is."""
    neighbours: dict[str, list[tuple[str, int]]] = {name: [] for name in storage}
    for command in commands:
        pairs = [(command.source, command.output, 1)]
        if command.second:
            pairs.append((command.second, command.output, 0))
        for a, b, differ in pairs:
            neighbours[a].append((b, differ))
            neighbours[b].append((a, differ))
    banks: dict[str, int] = {}
    for start in storage:
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


def _place(commands, storage, inputs, outputs, banks, config) -> dict[str, Placement]:
    """First fit over lifetimes, in the order in which tensors come to life.

    An output that takes the place of another tensor shares its slot.
    """
    slots = {name: name for name in storage}
    for command in commands:
        if command.second:
            slots[command.output] = slots[command.second]
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
        words = storage[slot].words(config.rows)
        address = 0
        alive = [
            (p.address, p.address + p.storage.words(config.rows))
            for other, p in taken.items()
            if p.bank == banks[slot] and dies[other] >= born[slot]
        ]
        for start, end in sorted(alive):
            if address + words <= start:
                break
            address = max(address, end)
        taken[slot] = Placement(banks[slot], address, storage[slot])
    return {
        name: Placement(taken[slot].bank, taken[slot].address, storage[name])
        for name, slot in slots.items()
        if slot in taken
    }


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


def _place_in_flash(chunks, chunk_words, config) -> int:
    """Put the chunks without a location there, one behind the other; return their bytes."""
    address = FLASH_UNIT  # behind the header
    for index, words in enumerate(chunk_words):
        if index not in chunks:
            chunks[index] = FLASH, address
            address += -(-words * config.rows // FLASH_UNIT) * FLASH_UNIT
    return address - FLASH_UNIT


def _in_order(chunks: Mapping[int, tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    return tuple(location for _, location in sorted(chunks.items()))
