"""Where tensors and chunks lie in the two banks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..config import BANKS, AcceleratorConfig
from .command import Command
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
    """Placements of tensors, locations of chunks (bank, address), and words used in each bank."""

    tensors: Mapping[str, Placement]
    chunks: tuple[tuple[int, int], ...]
    activation_words: tuple[int, ...]
    used_words: tuple[int, ...]


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
    there is room, because there the array is not in the stream's way.
    """
    attempts = []
    for first in range(BANKS):
        banks = _banks(commands, storage, first)
        tensors = _place(commands, storage, inputs, outputs, banks, config)
        peaks = [0] * BANKS
        for placement in tensors.values():
            end = placement.address + placement.storage.words(config.rows)
            peaks[placement.bank] = max(peaks[placement.bank], end)
        chunks, used = _place_chunks(commands, chunk_words, banks, peaks, config)
        if chunks is not None and max(used) <= config.bank_words:
            return MemoryPlan(tensors, chunks, tuple(peaks), tuple(used))
        attempts.append((sum(peaks), max(peaks)))
    activations, peak = min(attempts)
    kib = config.rows / 1024
    what = (
        f"needs {(activations + sum(chunk_words)) * kib:.1f} KiB of the {BANKS} x "
        f"{config.bank_words * kib:.0f} KiB: {activations * kib:.1f} KiB of activations (at most "
        f"{peak * kib:.1f} KiB in a bank), {sum(chunk_words) * kib:.1f} KiB of program"
    )
    remedy = "use a board with more memory, a smaller network or 4-bit weights"
    raise DoesNotFit(Reason(place="memory", what=what, remedy=remedy))


def _banks(
    commands: Sequence[Command], storage: Mapping[str, Stored], first: int
) -> dict[str, int]:
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
        banks.setdefault(start, first)
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


def _place_chunks(commands, chunk_words, banks, peaks, config):
    used = list(peaks)
    chunks = []
    for command, words in zip(commands, chunk_words, strict=True):
        preferred = banks[command.output]
        fitting = [b for b in (preferred, 1 - preferred) if used[b] + words <= config.bank_words]
        if not fitting:
            return None, used
        chunks.append((fitting[0], used[fitting[0]]))
        used[fitting[0]] += words
    return tuple(chunks), used
