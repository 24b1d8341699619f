"""Which weights lie in memory and which in flash, where memory has no room for all of them.

A layer may be cut by groups of output channels into parts. The weights of a part stay in memory,
are prefetched there by DMA while other layers run, or are streamed from flash while the part itself
runs. The cycles that decide are estimates; those of `accel.sim.cycles` are exact.
"""

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ...config import BANKS, AcceleratorConfig
from ..ir.costs import PART_CYCLES, SEEK_CYCLES
from .flash_image import stream_cycles
from .layer_parts import LayerPart, Live, Need, PrefetchSlice

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


_Span = tuple[int, int, float, float]  # start, end, born, dies


def _span(live: Live) -> _Span:
    return live.start, live.end, live.born, live.dies


def find_gap(taken: Sequence[_Span], needed: int, dies: float, words: int) -> tuple[int, int]:
    """The smallest gap of ``needed`` words that is free until ``dies``, or else the largest one.

    ``taken`` is what is in use of a bank of ``words`` words, by addresses; ``needed`` is positive.
    """
    # Most of the time of a large compilation is spent in this loop.
    at = largest = largest_size = enough = 0
    enough_size = words + 1
    for start, end, since, _ in taken:
        if since > dies or end <= at:
            continue
        size = start - at
        if size > largest_size:
            largest, largest_size = at, size
        if needed <= size < enough_size:
            enough, enough_size = at, size
        at = end
    size = words - at
    if needed <= size < enough_size:
        return at, words
    if enough_size <= words:
        return enough, enough + enough_size
    return (at, words) if size > largest_size else (largest, largest + largest_size)


class WeightPlacement:
    """One placement of all parts."""

    def __init__(
        self,
        needs: Sequence[Need],
        live: Sequence[Live],
        config: AcceleratorConfig,
        wish: Wish,
    ):
        self.needs, self.live, self.config, self.wish = needs, list(live), config, wish
        self._banks = [sorted(_span(one) for one in live if one.bank == b) for b in range(BANKS)]
        self.word_cycles = stream_cycles(1, config)
        self.parts = [LayerPart(index, 0, need.groups) for index, need in enumerate(needs)]
        self._in_flash: dict[int, int] | None = None  # index of a layer's part that is in flash
        layers = range(len(needs))
        reserved = [self._reserve(bank, words) for bank, words in enumerate(wish.reserve)]
        self.whole = self._keep_whole(wish.kept)
        for layer in sorted(layers, key=self._loss_per_word, reverse=True):
            while self._keep_some(layer):
                pass
        for bank, span in enumerate(reserved):
            self._banks[bank].remove(span)
        # Prefetches: first for the layers that lose at least half of what the worst one does a
        # word, in the order in which they run; then for the rest in the same manner.
        rest = [layer for layer in layers if self._index(layer) is not None]
        while rest:
            least = max(map(self._loss_per_word, rest)) / 2
            urgent = [layer for layer in rest if self._loss_per_word(layer) >= least]
            self._prefetch(urgent)
            rest = [layer for layer in rest if layer not in urgent]

    def cycles(self) -> float:
        """What all parts take, estimated."""
        return sum(estimate_layers(self.parts, self.needs, self.config))

    def _reserve(self, bank: int, words: int) -> _Span:
        """Take words of a bank, behind all tensors, until it is known which layers are kept."""
        end = max((end for _, end, _, _ in self._banks[bank]), default=0)
        span = end, min(end + words, self.config.bank_words), -1.0, float(len(self.needs))
        insort(self._banks[bank], span)
        return span

    def _index(self, layer: int) -> int | None:
        """The index of a layer's part that is in flash, which is its last one; None if none is."""
        return self._indices().get(layer)

    def _indices(self) -> dict[int, int]:
        """The same of all layers that have such a part."""
        if self._in_flash is None:
            self._in_flash = {p.layer: i for i, p in enumerate(self.parts) if p.place is None}
        return self._in_flash

    def _index_in_flash(self, layer: int) -> int:
        """The same of a layer that is known to have such a part."""
        index = self._index(layer)
        assert index is not None, "the layer has a part in flash"
        return index

    def _replace(self, index: int, parts: Sequence[LayerPart]) -> None:
        """Replace one part by these."""
        old, self.parts[index : index + 1] = self.parts[index], parts
        if self._in_flash is not None and len(parts) == 1:  # no other index changes
            self._in_flash.pop(old.layer, None)
            if parts[0].place is None:
                self._in_flash[parts[0].layer] = index
        else:
            self._in_flash = None

    def _occupy(self, live: Live) -> None:
        self.live.append(live)
        insort(self._banks[live.bank], _span(live))

    def _loss(self, layer: int, groups: int) -> int:
        return self.needs[layer].loss(groups, self.word_cycles)

    def _loss_per_word(self, layer: int) -> float:
        need = self.needs[layer]
        return self._loss(layer, need.groups) / need.words(need.groups)

    def _capacity(self, part: LayerPart) -> int:
        """Words that can be prefetched while a part runs.

        Where it is streamed from flash itself, only while its last group is computed.
        """
        return 0 if part.prefetch else _capacity(part, self.needs[part.layer], self.word_cycles)

    def _keep_whole(self, layers: Iterable[int]) -> set[int]:
        """Put whole layers into memory for good, in this order, as long as there is room.

        Those that leave most time for prefetches get the bank that they write. Returns the layers
        that were chosen.
        """
        chosen, room = [], 0
        for bank in range(BANKS):
            start, end = self._gap(bank, self.config.bank_words)
            room += end - start
        for layer in layers:
            words = self.needs[layer].words(self.needs[layer].groups)
            if words <= room:
                chosen.append(layer)
                room -= words
        chosen.sort(key=lambda i: self.needs[i].work / self.needs[i].words(1), reverse=True)
        for layer in chosen:
            need = self.needs[layer]
            words = need.words(need.groups)
            for bank in (need.bank, 1 - need.bank):
                start, end = self._gap(bank, words)
                if end - start >= words:
                    self._take(layer, need.groups, (bank, end - words))
                    break
        return set(chosen)

    def _keep_some(self, layer: int) -> bool:
        """Move groups of a layer from flash to memory for good, as many as there is room for.

        Whether that was worth it, and done.
        """
        index = self._index(layer)
        if index is None:
            return False
        part, need = self.parts[index], self.needs[layer]
        for bank in (need.bank, 1 - need.bank):
            words = need.words(part.groups)
            start, end = self._gap(bank, words)
            groups = min(part.groups, (end - start - need.head_words) // need.group_words)
            if self._gain(part, groups, bank) > PART_CYCLES + need.words(1):
                place = bank, end - need.words(groups)
                self._take(layer, groups, place)
                return True
        return False

    def _gain(self, part: LayerPart, groups: int, bank: int) -> int:
        """Cycles that are saved if this many groups of a part come from a bank, not from flash."""
        if groups <= 0:
            return 0
        need = self.needs[part.layer]
        gain = self._loss(part.layer, part.groups) - self._loss(part.layer, part.groups - groups)
        return gain - (need.words(groups) if bank != need.bank else 0)

    def _prefetch(self, layers: Sequence[int]) -> None:
        """Have groups of these layers copied to memory while other parts run, as early as possible.

        Of those that save most, or nearly as much, the one that is needed first is taken.
        """
        at, needs = 0, self.needs
        # A group whose copy takes longer than there is time may still be worth it.
        late = {layer: needs[layer].lost_words(self.word_cycles) for layer in layers}
        least_capacity = {layer: needs[layer].group_words - late[layer] for layer in layers}
        while at < len(self.parts):
            host = self.parts[at]
            if host.prefetch is None:
                capacity, in_flash = self._capacity(host), self._indices()
                fitting = [
                    layer
                    for layer in layers
                    if capacity >= least_capacity[layer] and in_flash.get(layer, -1) > at
                ]
                nearest = fitting[:_CANDIDATES]
                self._prefetch_one(at, {layer: capacity + late[layer] for layer in nearest})
            at += 1

    def _prefetch_one(self, at: int, room: Mapping[int, int]) -> None:
        """Have groups of one of some layers copied while part ``at`` runs, if that saves cycles.

        ``room`` is the most words to copy of each of the layers.
        """
        if not room:
            return
        host = self.parts[at]
        taken = self._taken(self.needs[host.layer].bank, self._time(host))
        found = [self._possible(at, layer, words, taken) for layer, words in room.items()]
        possible = [prefetch for prefetch in found if prefetch]
        least = max((prefetch.gain for prefetch in possible), default=0) * _NEARLY
        chosen = next((prefetch for prefetch in possible if prefetch.gain >= least), None)
        if chosen:
            self._add(at, chosen)

    def _possible(self, at: int, layer: int, room: int, taken: Sequence[_Span]) -> _Prefetch | None:
        """How much of a later layer can be prefetched while part ``at`` runs, if that saves cycles.

        ``room`` is the most words to copy, ``taken`` what is in use of the bank when the part
        begins or later. Groups are added to a part that is prefetched already, or else become a new
        part.
        """
        index = self._index_in_flash(layer)
        host, part, before = self.parts[at], self.parts[index], self.parts[index - 1]
        need, born = self.needs[layer], self._time(host)
        bank = self.needs[host.layer].bank
        follows = index - 1 > at and before.layer == layer and before.prefetched
        if follows and before.place and before.place[0] == bank:
            start = before.place[1] + need.words(before.groups)
            dies = self._time(before)
            words = min(room, part.groups * need.group_words)
            groups = min(words, self._free_from(taken, start, dies)) // need.group_words
            end = start + groups * need.group_words
            gain = self._gain(part, groups, bank) - self._longer(host, end - start)
            if gain > 0:
                return _Prefetch(layer, groups, Live(bank, start, end, born, dies), True, gain)
        dies = self._time(part)
        start, end = find_gap(
            taken, min(room, need.words(part.groups)), dies, self.config.bank_words
        )
        groups = min(part.groups, (min(room, end - start) - need.head_words) // need.group_words)
        words = need.words(groups)
        gain = self._gain(part, groups, bank) - self._longer(host, words)
        gain -= PART_CYCLES + need.words(1)
        live = Live(bank, start, start + words, born, dies)
        return _Prefetch(layer, groups, live, False, gain) if gain > 0 else None

    def _longer(self, host: LayerPart, words: int) -> int:
        """Cycles that a part takes longer where so many words are copied while it runs."""
        return SEEK_CYCLES + max(0, words - self._capacity(host)) * self.word_cycles

    def _add(self, at: int, chosen: _Prefetch) -> None:
        """Have groups copied while part ``at`` runs."""
        index = self._index_in_flash(chosen.layer)
        part, before, live = self.parts[index], self.parts[index - 1], chosen.live
        groups = chosen.groups
        self._occupy(live)
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
        prefetch = PrefetchSlice(chosen.layer, first, begin, live.end - live.start)
        self.parts[at] = replace(self.parts[at], prefetch=prefetch)

    def _free_from(self, taken: Sequence[_Span], start: int, dies: float) -> int:
        """Words that are free from ``start`` on, until ``dies``."""
        ends = [
            max(begin - start, 0) for begin, end, since, _ in taken if end > start and since <= dies
        ]
        return min([*ends, self.config.bank_words - start])

    def _time(self, part: LayerPart) -> float:
        """When a part runs: a number of layers, see `Live`."""
        return part.layer + part.first / self.needs[part.layer].groups

    def _gap(self, bank: int, needed: int) -> tuple[int, int]:
        """A gap of a bank that is free in the whole run, see `find_gap`."""
        return find_gap(self._banks[bank], needed, len(self.needs), self.config.bank_words)

    def _taken(self, bank: int, born: float) -> list[_Span]:
        """What is in use of a bank at time ``born`` or later, in the order of addresses."""
        return [span for span in self._banks[bank] if span[3] >= born]

    def _take(self, layer: int, groups: int, place: tuple[int, int]) -> None:
        """Move the first groups of a layer's part in flash to memory for good."""
        index = self._index_in_flash(layer)
        part, (bank, address) = self.parts[index], place
        end = address + self.needs[layer].words(groups)
        self._occupy(Live(bank, address, end, -1, len(self.needs)))
        found = [replace(part, groups=groups, place=place)]
        if groups < part.groups:
            found.append(replace(part, first=part.first + groups, groups=part.groups - groups))
        self._replace(index, found)
