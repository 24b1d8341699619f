"""Finds which layers to cut into row bands, and into how many, so that all tensors have room."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from ...config import BANKS, AcceleratorConfig
from ..ir.costs import PART_CYCLES
from ..ir.layer import Convolution
from ..ir.tensor_layout import TensorLayout
from .allocation import _banks, activations_of, sent
from .row_bands import Banded, Chain, Span, banded, chain_of

_MOST_LAYERS = 12  # of a chain
_MOST_TRIALS = 3000  # chains and numbers of bands, each at most some milliseconds
_NARROWER = 0.9  # of the room, where tensors that would fit together leave gaps between them


@dataclass(frozen=True)
class RowBands:
    """Layers of which chains are cut into row bands.

    Parameters
    ----------
    layers, layouts
        All layers, and the layouts of all tensors.
    inputs
        As of `row_bands.Banded`: the bands in which inputs arrive.
    cost
        The cycles that bands cost, estimated.
    """

    layers: tuple[Convolution, ...]
    layouts: Mapping[str, TensorLayout]
    inputs: Mapping[str, Mapping[str, Span]] = field(default_factory=dict)
    cost: float = 0


def with_row_bands(
    layers: Sequence[Convolution],
    layouts: Mapping[str, TensorLayout],
    inputs: Sequence[str],
    outputs: Sequence[str],
    config: AcceleratorConfig,
    room: int | None = None,
    arriving: bool = False,
) -> RowBands | None:
    """The layers, chains of them cut into row bands where tensors have no room.

    ``room`` are the words of each bank that tensors may take; ``None`` for all. Where inputs may be
    ``arriving`` in bands, each band of one has its place while the band before is computed. None is
    returned where no bands are found with which all tensors have room.
    """
    room = config.bank_words if room is None else room
    aim = room
    for _ in range(4):
        search = _Search(inputs, outputs, aim, config, arriving)
        found = search.run(RowBands(tuple(layers), layouts))
        if found is None:
            return None
        whole = [name for name in inputs if name not in found.inputs]
        names = {*whole, *(c.source for c in found.layers), *(c.output for c in found.layers)}
        used_layouts = {name: one for name, one in found.layouts.items() if name in names}
        arriving_names = [name for bands in found.inputs.values() for name in bands]
        every = [*whole, *arriving_names]
        used = activations_of(found.layers, used_layouts, every, outputs, config).words
        if max(used) <= room:
            return replace(found, layouts=used_layouts)
        aim = int(aim * _NARROWER)
    return None


class _Search:
    """Cuts the chain around the first layer whose tensors have no room, then around the next."""

    def __init__(
        self,
        inputs: Sequence[str],
        outputs: Sequence[str],
        room: int,
        config: AcceleratorConfig,
        arriving: bool = False,
    ) -> None:
        self.inputs, self.outputs = inputs, outputs
        self.arriving = frozenset(sent(inputs, outputs) if arriving else ())
        self.kept = frozenset((*inputs, *outputs))
        self.room, self.config = room, config
        self.trials = 0

    def run(self, begun: RowBands) -> RowBands | None:
        """The first way found in which everything has room, the cheapest chains tried first."""
        crowded = self._crowded(begun)
        if crowded is None:
            return begun
        for trial in sorted(self._cuts_at(crowded, begun), key=lambda trial: trial.cost):
            found = self.run(trial)
            if found is not None or self.trials > _MOST_TRIALS:
                return found
        return None

    def _crowded(self, trial: RowBands, first: int = 0, end: int | None = None) -> int | None:
        """The first of some layers in whose time tensors have no room; None if all have."""
        loads = self._loads(trial)[first:end]
        return next((first + i for i, load in enumerate(loads) if max(load) > self.room), None)

    def _loads(self, trial: RowBands) -> list[list[int]]:
        """Words of each bank that tensors take while each layer runs."""
        layers, layouts = trial.layers, trial.layouts
        whole = {name for name in self.inputs if name not in trial.inputs}
        used = {*whole, *(c.source for c in layers), *(c.output for c in layers)}
        banks = _banks(layers, {name: layouts[name] for name in layouts if name in used})
        slots = {name: name for name in used}
        for c in layers:
            if c.residual:
                slots[c.output] = slots[c.residual]
            if c.home:
                slots[c.output] = c.home
        spans: dict[str, list[int]] = {}

        def live(name: str, index: int) -> None:
            span = spans.setdefault(slots[name], [index, index])
            span[:] = min(span[0], index), max(span[1], index)

        for name in self.inputs:
            arrives = 0
            for band in trial.inputs.get(name, (name,)):
                live(band, arrives)
                arrives = next((i for i, c in enumerate(layers) if c.source == band), arrives)
        for index, c in enumerate(layers):
            live(c.output, index)
            live(c.source, index)
        for name in self.outputs:
            live(name, len(layers) - 1)
        loads = [[0] * BANKS for _ in layers]
        for slot, (born, dies) in spans.items():
            words = layouts[slot].words(self.config.rows)
            for load in loads[born : dies + 1]:
                load[banks[slot]] += words
        return loads

    def _cuts_at(self, crowded: int, begun: RowBands) -> Iterator[RowBands]:
        """Chains that contain a layer, each in the fewest bands with which it has room."""
        layers = begun.layers
        for first in range(max(0, crowded - _MOST_LAYERS + 1), crowded + 1):
            for end in range(crowded + 1, min(len(layers), first + _MOST_LAYERS) + 1):
                chain = chain_of(layers, first, end, self.kept, self.arriving)
                if chain is not None:
                    yield from self._fewest(chain, first, end, begun)

    def _fewest(self, chain: Chain, first: int, end: int, begun: RowBands) -> Iterator[RowBands]:
        top, bottom = chain.rows
        for count in _counts(bottom - top):
            self.trials += 1
            if self.trials > _MOST_TRIALS:
                return
            cut = banded(chain, count, begun.layouts)
            if cut is None:
                return
            trial = RowBands(
                (*begun.layers[:first], *cut.layers, *begun.layers[end:]),
                {**begun.layouts, **cut.layouts},
                {**begun.inputs, **cut.inputs},
                begun.cost + self._cost(cut, chain),
            )
            if self._crowded(trial, first, first + len(cut.layers)) is None:
                yield trial
                return
            if count == 2 and self._crowded_by_others(chain, first, begun):
                return

    def _crowded_by_others(self, chain: Chain, first: int, begun: RowBands) -> bool:
        """Whether what lies outside a chain has no room even without what lies inside."""
        empty = {name: TensorLayout(0, 0, 1) for name in chain.inner | chain.arriving}
        without = replace(begun, layouts={**begun.layouts, **empty})
        loads = self._loads(without)[first : first + len(chain.layers)]
        together = [max(load[bank] for load in loads) for bank in range(BANKS)]
        return max(together) > self.room

    def _cost(self, cut: Banded, chain: Chain) -> float:
        """Cycles, estimated: rows that are computed again, and what further chunks take."""
        cells, cycles = self.config.rows * self.config.columns, 0.0
        for c in cut.layers:
            assert c.band is not None
            each = prod(c.kernel) * (1 if c.depthwise else c.input_shape[2]) * c.channels
            cycles += c.band.again * c.region.width * each / cells
            cycles += PART_CYCLES + c.weights.size / self.config.rows
        return cycles


def _counts(rows: int) -> Iterator[int]:
    """Numbers of bands to try: all that are few, then in growing steps up to single rows."""
    count = 2
    while count < rows:
        yield count
        count += 1 + count // 16
    if rows > 1:
        yield rows
