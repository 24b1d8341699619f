"""Searches for the placement of weights that takes the fewest cycles, where memory has no room for
all of them.

The cycles that decide are estimates; those of `accel.sim.cycles` are exact.
"""

from collections.abc import Sequence
from dataclasses import replace
from operator import itemgetter
from random import Random

from ...config import BANKS, AcceleratorConfig
from .flash_image import stream_cycles
from .layer_parts import LayerPart, Live, Need
from .weight_placement import Figures, WeightPlacement, Wish

# Cycles that the time to prefetch a word might save: each is tried, the best placement is taken.
_PREFETCH_VALUES = (0.0, 1.0, 2.0, 4.0)
_FEW = 4  # of the best placements, of which others are varied
_MOST_TRIES, _TRIED_PARTS = 300, 8000  # placements, and parts of all of them together


def decide(
    needs: Sequence[Need], live: Sequence[Live], config: AcceleratorConfig, *, varied: bool = True
) -> tuple[tuple[LayerPart, ...], list[Live]]:
    """The parts of all layers in order, and all that is in memory then.

    ``needs`` has an entry for each layer; ``live`` is what tensors take. Without ``varied`` a
    few placements are tried: a tenth of the time, and some per cent more cycles.
    """
    figures = Figures(needs, live, config)
    best: list[tuple[float, WeightPlacement]] = []  # of all that were tried, with their cycles

    def attempt(wish: Wish) -> None:
        found = WeightPlacement(figures, wish)
        best.append((found.cycles(), found))
        best.sort(key=itemgetter(0))
        del best[_FEW:]

    for value in _PREFETCH_VALUES:
        attempt(Wish(_by_worth(needs, config, value)))
    smallest = sorted(range(len(needs)), key=lambda i: needs[i].words(needs[i].groups))
    attempt(Wish(tuple(smallest)))
    # Then without single ones of the layers that are whole in memory
    for layer in best[0][1].wish.kept if varied else ():
        if layer in best[0][1].whole:
            attempt(_without(best[0][1].wish, layer))
    # Then others like the best ones: always the same ones, for the same program
    chance, words = Random(0), [need.words(1) for need in needs]
    for _ in range(min(_MOST_TRIES, _TRIED_PARTS // len(best[0][1].parts)) if varied else 0):
        attempt(_varied(chance.choice(best)[1].wish, chance, words))
    chosen = best[0][1]
    return tuple(chosen.parts), chosen.live


def _without(wish: Wish, layer: int) -> Wish:
    return replace(wish, kept=tuple(other for other in wish.kept if other != layer))


def _varied(wish: Wish, chance: Random, words: Sequence[int]) -> Wish:
    """Another wish like this one; ``words`` are those of a group of each layer."""
    kept, reserve = list(wish.kept), list(wish.reserve)
    for _ in range(chance.randint(0, 2)):
        if kept:
            layer = kept.pop(chance.randrange(len(kept)))
            kept.insert(chance.randint(0, len(kept)), layer)
    if kept and chance.random() < 0.3:
        kept.pop(chance.randrange(len(kept)))
    if chance.random() < 0.3:
        layer = chance.randrange(len(words))
        if layer not in kept:
            kept.insert(chance.randint(0, len(kept)), layer)
    if chance.random() < 0.4:
        reserve[chance.randrange(BANKS)] = chance.choice([0, *words])
    return Wish(tuple(kept), tuple(reserve))


def _by_worth(needs: Sequence[Need], config: AcceleratorConfig, value: float) -> tuple[int, ...]:
    """Layers, those first whose words in memory save most.

    A layer in memory also leaves the flash to prefetches: each word that can be copied while it
    runs counts as ``value`` cycles.
    """
    word_cycles = stream_cycles(1, config)

    def worth(layer: int) -> float:
        need = needs[layer]
        capacity = need.groups * need.work / word_cycles
        return (need.loss(need.groups, word_cycles) + value * capacity) / need.words(need.groups)

    return tuple(sorted(range(len(needs)), key=worth, reverse=True))
