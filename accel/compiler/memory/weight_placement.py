"""Which weights lie in memory and which in flash, where memory has no room for all of them.

A layer may be cut by groups of output channels into parts. The weights of a part stay in memory,
are prefetched there by DMA while other layers run, or are streamed from flash while the part itself
runs. The cycles that decide are estimates; those of `accel.sim.cycles` are exact.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from ...config import BANKS, AcceleratorConfig
from ..ir.costs import PART_CYCLES, SEEK_CYCLES
from .bank_gaps import Span, find_gap, free_from, occupy, span_of
from .flash_image import stream_cycles
from .layer_parts import LayerPart, Live, Need, PrefetchSlice, losses

_CANDIDATES = 16  # for a prefetch, the first ones that it could be for: it is seldom for others
_NEARLY = 0.7  # of the best gain: a prefetch that gains as much is taken if its layer comes earlier


@dataclass(frozen=True)
class Wish:
    """What a placement begins with.

    Parameters
    ----------
    kept
        Layers that get memory for good, in this order, as long as there is room.
    reserve
        Words of each bank that are left to prefetches.
    """

    kept: tuple[int, ...]
    reserve: tuple[int, ...] = (0,) * BANKS


@dataclass(frozen=True)
class _Prefetch:
    """Some groups of a layer that could be prefetched, and the cycles that this saves.

    They would be copied to ``live``. There they lengthen the part before, or with ``longer`` unset
    become a part of their own.
    """

    layer: int
    groups: int
    live: Live
    longer: bool
    gain: float


def estimate_layers(
    parts: Iterable[LayerPart], needs: Sequence[Need], config: AcceleratorConfig
) -> list[float]:
    """The cycles that the parts of each layer take together, about."""
    word_cycles = stream_cycles(1, config) if config.flash_lanes else 0
    totals = [0.0] * len(needs)
    for part in parts:
        need = needs[part.layer]
        words, work = need.words(part.groups), part.groups * need.work
        total: float = PART_CYCLES
        if part.place is None:
            first = need.words(1) * word_cycles
            total += SEEK_CYCLES + max(words * word_cycles + need.work, work + first)
        else:
            total += work + (words if part.place[0] != need.bank else need.words(1))
        if part.prefetch:
            prefetched = part.prefetch.words - _capacity(part, need, word_cycles)
            total += SEEK_CYCLES + max(0, prefetched * word_cycles)
        totals[part.layer] += total
    return totals


def _capacity(part: LayerPart, need: Need, word_cycles: int) -> int:
    """Words that can be copied while a part works; the stream of its own words comes first."""
    return (part.groups if part.place else 1) * need.work // word_cycles


@dataclass
class _Slot:
    """Time and room for one prefetch, from ``born`` on, to a bank.

    ``capacity`` is the words that can be copied while the part that begins then runs, ``taken``
    what is in use of the bank from then on, and no gap for layers after those that were looked at
    has more than ``widest`` words.
    """

    born: float
    bank: int
    capacity: int
    taken: Sequence[Span]
    widest: int


class Figures:
    """What is the same in all placements of a program.

    ``needs`` has an entry for each layer; ``live`` is what tensors take.
    """

    def __init__(self, needs: Sequence[Need], live: Sequence[Live], config: AcceleratorConfig):
        self.needs, self.live, self.config = needs, live, config
        self.word_cycles = stream_cycles(1, config)
        self.banks = [sorted(span_of(one) for one in live if one.bank == b) for b in range(BANKS)]
        self.words = [need.words(need.groups) for need in needs]
        self.losses = [losses(need, self.word_cycles) for need in needs]
        self.loss_per_word = [
            lost[-1] / words for lost, words in zip(self.losses, self.words, strict=True)
        ]
        layers = range(len(needs))
        self.by_loss = sorted(layers, key=self.loss_per_word.__getitem__, reverse=True)
        # A group whose copy takes longer than there is time may still be worth it.
        self.late = [need.lost_words(self.word_cycles) for need in needs]
        self.least_capacity = [
            need.group_words - late for need, late in zip(needs, self.late, strict=True)
        ]


class WeightPlacement:
    """One placement of all parts."""

    def __init__(self, figures: Figures, wish: Wish):
        self.figures, self.wish = figures, wish
        self.needs, self.live, self.config = figures.needs, list(figures.live), figures.config
        self.word_cycles = figures.word_cycles
        self._banks = [list(taken) for taken in figures.banks]
        self.parts = [LayerPart(index, 0, need.groups) for index, need in enumerate(self.needs)]
        self._in_flash: dict[int, int] | None = None  # index of a layer's part that is in flash
        self._largest: list[int | None] = [None] * BANKS  # gap that is free in the whole run
        reserved = [self._reserve(bank, words) for bank, words in enumerate(wish.reserve)]
        self.whole = self._keep_whole(wish.kept)
        for layer in figures.by_loss:
            while self._keep_some(layer):
                pass
        for bank, span in enumerate(reserved):
            self._banks[bank].remove(span)
        # Prefetches: first for the layers that lose at least half of what the worst one does a
        # word, in the order in which they run; then for the rest in the same manner.
        losses, in_flash = figures.loss_per_word, self._indices()
        rest = [layer for layer in range(len(self.needs)) if layer in in_flash]
        while rest:
            least = max(losses[layer] for layer in rest) / 2
            self._prefetch([layer for layer in rest if losses[layer] >= least])
            rest = [layer for layer in rest if losses[layer] < least]

    def cycles(self) -> float:
        """What all parts take, estimated."""
        return sum(estimate_layers(self.parts, self.needs, self.config))

    def _reserve(self, bank: int, words: int) -> Span:
        """Take words of a bank, behind all tensors, until it is known which layers are kept."""
        end = max((end for _, end, _, _ in self._banks[bank]), default=0)
        born = -2.0  # like nothing else, so that it stays apart
        span = end, min(end + words, self.config.bank_words), born, float(len(self.needs))
        occupy(self._banks[bank], span)
        return span

    def _indices(self) -> dict[int, int]:
        """The index of each layer's part that is in flash, which is its last one, if one is."""
        if self._in_flash is None:
            self._in_flash = {p.layer: i for i, p in enumerate(self.parts) if p.place is None}
        return self._in_flash

    def _replace(self, index: int, parts: Sequence[LayerPart]) -> None:
        """Replace one part by these."""
        old, self.parts[index : index + 1] = self.parts[index], parts
        if self._in_flash is not None and len(parts) == 1:  # no other index changes
            self._in_flash.pop(old.layer, None)
            if parts[0].place is None:
                self._in_flash[parts[0].layer] = index
        else:
            self._in_flash = None

    def _keep_whole(self, layers: Iterable[int]) -> set[int]:
        """Put whole layers into memory for good, in this order, as long as there is room.

        Those that leave most time for prefetches get the bank that they write. Returns the layers
        that were chosen.
        """
        chosen, room = [], sum(map(self._largest_gap, range(BANKS)))
        for layer in layers:
            words = self.figures.words[layer]
            if words <= room:
                chosen.append(layer)
                room -= words
        chosen.sort(key=lambda i: self.needs[i].work / self.needs[i].words(1), reverse=True)
        for layer in chosen:
            need, words = self.needs[layer], self.figures.words[layer]
            for bank in (need.bank, 1 - need.bank):
                if self._largest_gap(bank) >= words:
                    _, end = self._gap(bank, words)
                    self._take(layer, need.groups, (bank, end - words))
                    break
        return set(chosen)

    def _keep_some(self, layer: int) -> bool:
        """Move groups of a layer from flash to memory for good, as many as there is room for.

        Whether that was worth it, and done.
        """
        index = self._indices().get(layer)
        if index is None:
            return False
        part, need = self.parts[index], self.needs[layer]
        words = need.words(part.groups)
        for bank in (need.bank, 1 - need.bank):
            room = min(words, self._largest_gap(bank))
            groups = min(part.groups, (room - need.head_words) // need.group_words)
            if self._gain(need, part, groups, bank) > PART_CYCLES + need.words(1):
                _, end = self._gap(bank, words)
                self._take(layer, groups, (bank, end - need.words(groups)))
                return True
        return False

    def _gain(self, need: Need, part: LayerPart, groups: int, bank: int) -> int:
        """Cycles that are saved if this many groups of a part come from a bank, not from flash."""
        if groups <= 0:
            return 0
        words = need.words(groups) if bank != need.bank else 0
        return self._saved(part, groups) - words

    def _saved(self, part: LayerPart, groups: int) -> int:
        """The same for the bank that the layer writes; the more groups, the more."""
        lost = self.figures.losses[part.layer]
        return lost[part.groups] - lost[part.groups - groups]

    def _largest_gap(self, bank: int) -> int:
        """Words of the largest gap of a bank that is free in the whole run."""
        found = self._largest[bank]
        if found is None:
            start, end = self._gap(bank, self.config.bank_words)
            found = self._largest[bank] = end - start
        return found

    def _gap(self, bank: int, needed: int) -> tuple[int, int]:
        """A gap of a bank that is free in the whole run, see `find_gap`."""
        return find_gap(self._banks[bank], needed, len(self.needs), self.config.bank_words)

    def _take(self, layer: int, groups: int, place: tuple[int, int]) -> None:
        """Move the first groups of a layer's part in flash to memory for good."""
        index, (bank, address) = self._indices()[layer], place
        part, end = self.parts[index], address + self.needs[layer].words(groups)
        live = Live(bank, address, end, -1, len(self.needs))
        self.live.append(live)
        occupy(self._banks[bank], span_of(live))
        self._largest[bank] = None
        found = [LayerPart(layer, part.first, groups, place)]
        if groups < part.groups:
            found.append(LayerPart(layer, part.first + groups, part.groups - groups))
        self._replace(index, found)

    def _prefetch(self, layers: Sequence[int]) -> None:
        """Have groups of these layers copied to memory while other parts run, as early as possible.

        Of those that save most, or nearly as much, the one that is needed first is taken.
        """
        least_capacity = self.figures.least_capacity
        # The least of each layer and those after it
        least = [*accumulate((least_capacity[layer] for layer in reversed(layers)), min)][::-1]
        first, at, in_flash = 0, -1, self._indices()
        while (at := at + 1) < len(self.parts):
            while first < len(layers) and in_flash.get(layers[first], -1) <= at:
                first += 1
            if first == len(layers):
                return
            host = self.parts[at]
            if host.prefetch is not None:
                continue
            capacity = _capacity(host, self.needs[host.layer], self.word_cycles)
            nearest: list[int] = []
            for index in range(first, len(layers)):
                if capacity < least[index] or len(nearest) == _CANDIDATES:
                    break
                layer = layers[index]
                if capacity >= least_capacity[layer] and layer in in_flash:
                    nearest.append(layer)
            if nearest:
                self._prefetch_one(at, capacity, nearest)
                in_flash = self._indices()

    def _prefetch_one(self, at: int, capacity: int, layers: Iterable[int]) -> None:
        """Have groups of one of some layers copied while part ``at`` runs, if that saves cycles.

        ``capacity`` is the words that can be copied meanwhile.
        """
        host = self.parts[at]
        born, bank = self._time(host), self.needs[host.layer].bank
        taken = [span for span in self._banks[bank] if span[3] >= born]
        slot = _Slot(born, bank, capacity, taken, self.config.bank_words)
        possible: list[_Prefetch] = []
        least, in_flash, figures = 0.0, self._indices(), self.figures
        for layer in layers:
            part, room = self.parts[in_flash[layer]], capacity + figures.late[layer]
            most = min(part.groups, room // self.needs[layer].group_words)
            # Most of them need no closer look: whatever is free, they save too little.
            most_saved = self._saved(part, most) - SEEK_CYCLES
            if most_saved > 0 and most_saved >= least:
                found = self._possible(slot, at, layer, least)
                if found:
                    possible.append(found)
                    least = max(least, found.gain * _NEARLY)
        chosen = next((prefetch for prefetch in possible if prefetch.gain >= least), None)
        if chosen:
            self._add(at, chosen)

    def _possible(self, slot: _Slot, at: int, layer: int, least: float) -> _Prefetch | None:
        """How much of a later layer can be prefetched while part ``at`` runs, if that saves cycles.

        What saves less than ``least`` need not be found. Groups are added to a part that is
        prefetched already, or else become a new part.
        """
        need, index = self.needs[layer], self._indices()[layer]
        part, room = self.parts[index], slot.capacity + self.figures.late[layer]
        before, bank = self.parts[index - 1], slot.bank
        follows = index - 1 > at and before.layer == layer and before.prefetched
        if follows and before.place and before.place[0] == bank:
            start = before.place[1] + need.words(before.groups)
            dies = self._time(before)
            free = free_from(slot.taken, start, dies, self.config.bank_words)
            groups = min(part.groups, min(room, free) // need.group_words)
            end = start + groups * need.group_words
            gain = self._gain(need, part, groups, bank) - self._longer(slot, end - start)
            if gain > 0:
                return _Prefetch(layer, groups, Live(bank, start, end, slot.born, dies), True, gain)
        dies, needed = self._time(part), min(room, need.words(part.groups))
        again = PART_CYCLES + need.words(1)
        most = (min(needed, slot.widest) - need.head_words) // need.group_words
        if most <= 0 or self._saved(part, most) - SEEK_CYCLES - again < max(least, 1):
            return None
        start, end = find_gap(slot.taken, needed, dies, self.config.bank_words)
        if end - start < needed:
            slot.widest = end - start
        groups = (min(needed, end - start) - need.head_words) // need.group_words
        words = need.words(groups)
        gain = self._gain(need, part, groups, bank) - self._longer(slot, words) - again
        live = Live(bank, start, start + words, slot.born, dies)
        return _Prefetch(layer, groups, live, False, gain) if gain > 0 else None

    def _longer(self, slot: _Slot, words: int) -> int:
        """Cycles that a part takes longer where so many words are copied while it runs."""
        return SEEK_CYCLES + max(0, words - slot.capacity) * self.word_cycles

    def _add(self, at: int, chosen: _Prefetch) -> None:
        """Have groups copied while part ``at`` runs."""
        layer, groups, live = chosen.layer, chosen.groups, chosen.live
        index = self._indices()[layer]
        part, before = self.parts[index], self.parts[index - 1]
        self.live.append(live)
        occupy(self._banks[live.bank], span_of(live))
        rest = replace(part, first=part.first + groups, groups=part.groups - groups)
        found: list[LayerPart] = []
        first, begin = part.first, 0
        if chosen.longer:
            assert before.place is not None, "what is prefetched has a place"
            self.parts[index - 1] = replace(before, groups=before.groups + groups)
            first, begin = before.first, live.start - before.place[1]
        else:
            place = live.bank, live.start
            found = [replace(part, groups=groups, place=place, prefetched=True)]
        self._replace(index, [*found, rest] if rest.groups else found)
        prefetch = PrefetchSlice(layer, first, begin, live.end - live.start)
        self.parts[at] = replace(self.parts[at], prefetch=prefetch)

    def _time(self, part: LayerPart) -> float:
        """When a part runs: a number of layers, see `Live`."""
        return part.layer + part.first / self.needs[part.layer].groups
