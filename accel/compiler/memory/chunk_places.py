"""Gives chunks addresses: in the two banks, or one after another in flash."""

from collections.abc import Sequence

import numpy as np

from ...config import FLASH, AcceleratorConfig
from ...isa import FLASH_UNIT, Isa
from ..ir.command import LayerCommand
from .layer_parts import LayerPart, Need


def needs_of(
    commands: Sequence[LayerCommand],
    chunk_words: Sequence[int],
    banks: Sequence[int],
    config: AcceleratorConfig,
) -> list[Need]:
    """What the stream of each command needs; ``banks`` are those of their outputs."""
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


def place_chunks(
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


def most_valuable(
    items: Sequence[int], values: Sequence[int], sizes: Sequence[int], room: int
) -> set[int]:
    """Of ``items`` those that have room together and are worth most: a knapsack, exactly."""
    best = np.zeros(max(0, room) + 1, np.int64)  # worth, by room
    taken = []
    for item in items:
        size = sizes[item]
        other = np.full_like(best, -1)
        other[size:] = best[: max(0, len(best) - size)] + values[item]
        taken.append(other > best)
        best = np.maximum(best, other)
    found, left = set(), len(best) - 1
    for item, takes in zip(reversed(items), reversed(taken), strict=True):
        if takes[left]:
            found.add(item)
            left -= sizes[item]
    return found


def place_in_flash(
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
