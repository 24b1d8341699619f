"""What of a program lies in memory and what in flash, where memory has no room for all of it.

A layer may be cut by groups of output channels into parts, each in memory for good, copied there in
time, or streamed from flash while it works. The cycles that decide are estimates; those of
`cycle_model` are exact.
"""

from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ...config import BANKS, AcceleratorConfig
from ..ir.costs import PART_CYCLES, SEEK_CYCLES
from .flash_image import stream_cycles

# What a word's worth of time to copy could be worth, in cycles; the best of these is taken.
_HOPES = (0.0, 1.0, 2.0, 4.0)
_NEARLY = 0.7


@dataclass(frozen=True)
class Need:
    """What a layer needs: ``head_words`` and then ``group_words`` for each of its ``groups``.

    ``work`` is the cycles of a group, ``bank`` that of the output.
    """

    head_words: int
    group_words: int
    groups: int
    work: int
    bank: int

    def words(self, groups: int) -> int:
        return self.head_words + groups * self.group_words

    def lost_words(self, word_cycles: int) -> int:
        """Of a group that is streamed, how many words take the time that is lost."""
        return max(0, self.group_words - self.work // word_cycles)

    def loss(self, groups: int, word_cycles: int) -> int:
        """Cycles lost where that many groups are streamed from flash.

        They begin when the first one has come, and last as long as all take to come or as the work
        does, whatever is longer.
        """
        if not groups:
            return 0
        stream = self.words(groups) * word_cycles
        return max(stream - groups * self.work, self.words(1) * word_cycles) + SEEK_CYCLES


@dataclass(frozen=True)
class Live:
    """Words of a bank that are taken from the begin of layer ``born`` to the end of layer ``dies``."""

    bank: int
    start: int
    end: int
    born: float
    dies: float


@dataclass(frozen=True)
class PrefetchSlice:
    """Of the chunk of groups from ``first`` on of layer ``layer``, ``words`` from word ``begin`` on."""

    layer: int
    first: int
    begin: int
    words: int


@dataclass(frozen=True)
class LayerPart:
    """Groups of a layer; ``place`` is bank and address of their chunk, ``None`` in flash.

    What is ``copied`` is there only from when it is copied until the part has run. ``piece`` is what
    is copied while the part runs.
    """

    layer: int
    first: int
    groups: int
    place: tuple[int, int] | None = None
    prefetched: bool = False
    prefetch: PrefetchSlice | None = None


def decide(
    needs: Sequence[Need], live: Sequence[Live], config: AcceleratorConfig
) -> tuple[tuple[LayerPart, ...], list[Live]]:
    """Parts of all layers, ``needs`` of each, in order, and what is taken then of memory.

    ``live`` is what tensors take.
    """
    best: _WeightPlacement | None = None

    def better(kept: Sequence[int]) -> bool:
        nonlocal best
        found = _WeightPlacement(needs, live, config, kept)
        if best and found.cycles() >= best.cycles():
            return False
        best = found
        return True

    for hope in _HOPES:
        better(_by_worth(needs, config, hope))
    better(sorted(range(len(needs)), key=lambda layer: needs[layer].words(needs[layer].groups)))
    # Then without one or the other of them
    assert best is not None
    for layer in list(best.kept):
        if layer in best.whole:
            better([other for other in best.kept if other != layer])
    return tuple(best.parts), best.live


def _by_worth(needs: Sequence[Need], config: AcceleratorConfig, hope: float) -> list[int]:
    """Layers, those first whose words in memory save most; each word of time to copy while they run
    is hoped to save ``hope`` cycles, too."""
    word_cycles = stream_cycles(1, config)

    def worth(layer: int) -> float:
        need = needs[layer]
        capacity = need.groups * need.work / word_cycles
        return (need.loss(need.groups, word_cycles) + hope * capacity) / need.words(need.groups)

    return sorted(range(len(needs)), key=worth, reverse=True)


@dataclass(frozen=True)
class _Way:
    """``groups`` of a layer that can be copied to ``live``, where they make a part ``longer`` or
    another one, and the cycles that it saves."""

    layer: int
    groups: int
    live: Live
    longer: bool
    gain: float


_Span = tuple[int, int, float, float]  # start, end, born, dies


def _span(live: Live) -> _Span:
    return live.start, live.end, live.born, live.dies


class _WeightPlacement:
    """A way to place all parts, with the layers ``kept`` first in memory for good."""

    def __init__(self, needs, live, config: AcceleratorConfig, kept: Sequence[int]):
        self.needs, self.live, self.config, self.kept = needs, list(live), config, kept
        self._banks = [sorted(_span(one) for one in live if one.bank == b) for b in range(BANKS)]
        self.word_cycles = stream_cycles(1, config)
        self.parts = [LayerPart(index, 0, need.groups) for index, need in enumerate(needs)]
        self._in_flash: dict[int, int] | None = None  # index of a layer's part that is in flash
        layers = range(len(needs))
        self.whole = self._keep_whole(kept)
        for layer in sorted(layers, key=self._loss_per_word, reverse=True):
            while self._keep_some(layer):
                pass
        # Those that lose as much as half of what the worst one does come as they are needed.
        rest = [layer for layer in layers if self._index(layer) is not None]
        while rest:
            least = max(map(self._loss_per_word, rest)) / 2
            urgent = [layer for layer in rest if self._loss_per_word(layer) >= least]
            self._copy(urgent)
            rest = [layer for layer in rest if layer not in urgent]

    def cycles(self) -> float:
        """What all parts take, estimated."""
        total = 0
        for part in self.parts:
            need = self.needs[part.layer]
            words, work = need.words(part.groups), part.groups * need.work
            total += PART_CYCLES
            if part.place is None:
                first = need.words(1) * self.word_cycles
                total += SEEK_CYCLES + max(words * self.word_cycles, work + first)
            else:
                total += work + (words if part.place[0] != need.bank else need.words(1))
            if part.prefetch:
                prefetched = part.prefetch.words - self._capacity(replace(part, prefetch=None))
                total += SEEK_CYCLES + max(0, prefetched * self.word_cycles)
        return total

    def _index(self, layer: int) -> int | None:
        """Of the part of a layer that is in flash, its last one."""
        if self._in_flash is None:
            self._in_flash = {p.layer: i for i, p in enumerate(self.parts) if p.place is None}
        return self._in_flash.get(layer)

    def _replace(self, index: int, parts: Sequence[LayerPart]) -> None:
        """Put these parts in the place of one."""
        self.parts[index : index + 1] = parts
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
        """Words that can be copied while a part runs: in flash, while its last group does."""
        need = self.needs[part.layer]
        if part.prefetch:
            return 0
        return (part.groups if part.place else 1) * need.work // self.word_cycles

    def _keep_whole(self, layers: Iterable[int]) -> set[int]:
        """Put whole layers into memory for good, as many as there is room for, those first that are
        first. Those that leave the most time for copies go to their own bank. Return those that were
        chosen."""
        chosen, room, end_of_run = [], 0, len(self.needs)
        for bank in range(BANKS):
            start, end = self._gap(self._banks[bank], self.config.bank_words, end_of_run)
            room += end - start
        for layer in layers:
            words = self.needs[layer].words(self.needs[layer].groups)
            if words <= room:
                chosen.append(layer)
                room -= words
        chosen.sort(key=lambda i: self.needs[i].work / self.needs[i].words(1), reverse=True)
        for layer in chosen:
            need = self.needs[layer]
            wanted = need.words(need.groups)
            for bank in (need.bank, 1 - need.bank):
                start, end = self._gap(self._banks[bank], wanted, end_of_run)
                if end - start >= wanted:
                    self._take(layer, need.groups, (bank, end - wanted))
                    break
        return set(chosen)

    def _keep_some(self, layer: int) -> bool:
        """Put as many of a layer's groups in flash into memory for good as there is room for."""
        index = self._index(layer)
        if index is None:
            return False
        part, need = self.parts[index], self.needs[layer]
        for bank in (need.bank, 1 - need.bank):
            wanted = need.words(part.groups)
            start, end = self._gap(self._banks[bank], wanted, len(self.needs))
            groups = min(part.groups, (end - start - need.head_words) // need.group_words)
            if self._gain(part, groups, bank) > PART_CYCLES + need.words(1):
                place = bank, end - need.words(groups)
                self._take(layer, groups, place)
                return True
        return False

    def _gain(self, part: LayerPart, groups: int, bank: int) -> int:
        """Cycles that it saves if this many groups of a part come from a bank."""
        if groups <= 0:
            return 0
        need = self.needs[part.layer]
        gain = self._loss(part.layer, part.groups) - self._loss(part.layer, part.groups - groups)
        return gain - (need.words(groups) if bank != need.bank else 0)

    def _copy(self, layers: Sequence[int]) -> None:
        """Have parts of these layers copied to memory while others run, as early as there is room:
        of those that save most, or nearly as much, what is needed first."""
        at, needs = 0, self.needs
        # A group that takes longer to be copied than there is time may still be worth it.
        late = {layer: needs[layer].lost_words(self.word_cycles) for layer in layers}
        while at < len(self.parts):
            host = self.parts[at]
            capacity = self._capacity(host)
            fitting = [n for n in layers if capacity + late[n] >= needs[n].group_words]
            taken = self._taken(needs[host.layer].bank, self._time(host)) if fitting else []
            ways = [
                self._way(at, layer, capacity + late[layer], taken)
                for layer in (fitting if host.prefetch is None else [])
            ]
            least = max((way.gain for way in ways if way), default=0) * _NEARLY
            chosen = next((way for way in ways if way and way.gain >= least), None)
            if chosen:
                self._follow(at, chosen)
            at += 1

    def _way(self, at: int, layer: int, room: int, taken: Sequence[_Span]) -> _Way | None:
        """How much of a layer can be copied while a part runs, ``room`` words at most, if that saves
        something: it goes to the end of what is copied already, or else it is a part of its own.
        ``taken`` is what is in use of the bank when the part begins, or later."""
        index = self._index(layer)
        if index is None or index <= at:
            return None
        host, part, before = self.parts[at], self.parts[index], self.parts[index - 1]
        need, born = self.needs[layer], self._time(host)
        bank = self.needs[host.layer].bank
        if (
            index - 1 > at
            and before.layer == layer
            and before.prefetched
            and before.place[0] == bank
        ):
            start = before.place[1] + need.words(before.groups)
            dies = self._time(before)
            wanted = min(room, part.groups * need.group_words)
            groups = min(wanted, self._free_from(taken, start, dies)) // need.group_words
            gain = self._gain(part, groups, bank) - SEEK_CYCLES
            if gain > 0:
                end = start + groups * need.group_words
                return _Way(layer, groups, Live(bank, start, end, born, dies), True, gain)
        dies = self._time(part)
        start, end = self._gap(taken, min(room, need.words(part.groups)), dies)
        groups = min(part.groups, (min(room, end - start) - need.head_words) // need.group_words)
        gain = self._gain(part, groups, bank) - SEEK_CYCLES - PART_CYCLES - need.words(1)
        live = Live(bank, start, start + need.words(groups), born, dies)
        return _Way(layer, groups, live, False, gain) if gain > 0 else None

    def _follow(self, at: int, way: _Way) -> None:
        index = self._index(way.layer)
        part, before, live = self.parts[index], self.parts[index - 1], way.live
        self._occupy(live)
        rest = replace(part, first=part.first + way.groups, groups=part.groups - way.groups)
        if way.longer:
            self.parts[index - 1] = replace(before, groups=before.groups + way.groups)
            first, begin, found = before.first, live.start - before.place[1], []
        else:
            first, begin = part.first, 0
            found = [
                replace(part, groups=way.groups, place=(live.bank, live.start), prefetched=True)
            ]
        self._replace(index, [*found, rest] if rest.groups else found)
        prefetch = PrefetchSlice(way.layer, first, begin, live.end - live.start)
        self.parts[at] = replace(self.parts[at], prefetch=prefetch)

    def _free_from(self, taken: Sequence[_Span], start: int, dies: float) -> int:
        """Words that are free from ``start`` on, until ``dies``."""
        ends = [
            max(begin - start, 0) for begin, end, since, _ in taken if end > start and since <= dies
        ]
        return min([*ends, self.config.bank_words - start])

    def _time(self, part: LayerPart) -> float:
        """When a part runs, as a number of layers."""
        return part.layer + part.first / self.needs[part.layer].groups

    def _taken(self, bank: int, born: float) -> list[_Span]:
        """What is in use of a bank at ``born`` or later, in the order of addresses."""
        return [span for span in self._banks[bank] if span[3] >= born]

    def _gap(self, taken: Sequence[_Span], wanted: int, dies: float) -> tuple[int, int]:
        """The smallest gap that has room until ``dies``, or else the largest."""
        at, words = 0, self.config.bank_words
        enough = largest = None
        for start, end, since, _ in [*taken, (words, words, dies, dies)]:
            if since > dies:
                continue
            size = max(start - at, 0)
            if size >= wanted and (enough is None or size < enough[1] - enough[0]):
                enough = at, at + size
            if largest is None or size > largest[1] - largest[0]:
                largest = at, at + size
            at = max(at, end)
        found = enough or largest
        assert found is not None
        return found

    def _take(self, layer: int, groups: int, place: tuple[int, int]) -> None:
        """Give the first groups of the part of a layer in flash memory for good."""
        index = self._index(layer)
        part, (bank, address) = self.parts[index], place
        end = address + self.needs[layer].words(groups)
        self._occupy(Live(bank, address, end, -1, len(self.needs)))
        found = [replace(part, groups=groups, place=place)]
        if groups < part.groups:
            found.append(replace(part, first=part.first + groups, groups=part.groups - groups))
        self._replace(index, found)
