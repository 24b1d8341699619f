"""Lays out the network's inputs as their first layers read them fastest: im2col by the driver.

A convolution of few input channels would leave most of a word empty, and the array idle. So the
driver writes whole rows of the kernel's window into the channels of a position.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...config import BANKS, AcceleratorConfig
from ..ir.layer import Convolution
from ..ir.tensor_layout import Alias, TensorLayout
from ..schedule.select import about_cycles
from .packed_inputs import can_pack, packed_index, packed_reader, packings, pad_of
from .packed_outputs import neighbours

LINE_CYCLES = 0.25
"""Cycles of the core that a byte less on the line is worth. There it takes 30 at least, but the
next sample's bytes come while the core works on this one."""
_IMAGE = 1024  # values of an input, from where on its words must be as full as here:
_GAPS = 1.35  # bytes of memory for a value
MEMORY_CYCLES = 0.05
"""Cycles that a byte less of memory is worth, where there is enough of it."""


@dataclass(frozen=True, eq=False)
class InputMap:
    """How the driver writes a sample into memory: which of its values each stored byte holds.

    ``index`` is int64 ``[height, width, channels]``, indices into the flattened sample; -1 stands
    for the code ``pad``. ``source`` is the network's input, of which ``tensor`` may be a row band.
    """

    tensor: str
    index: np.ndarray
    pad: int
    source: str = ""

    def __post_init__(self) -> None:
        if not self.source:
            object.__setattr__(self, "source", self.tensor)

    def bands(self, spans: Mapping[str, tuple[int, int]]) -> "tuple[InputMap, ...]":
        """Its row bands, of these names, each from the first of its rows up to the end."""
        return tuple(
            replace(self, tensor=name, index=self.index[first:end])
            for name, (first, end) in spans.items()
        )

    @property
    def layout(self) -> TensorLayout:
        return TensorLayout(*self.index.shape)

    def pack(self, samples: np.ndarray, rows: int) -> np.ndarray:
        """The bytes to store, uint8 ``[N, words * rows]``, of int8 samples ``[N, ...]``."""
        flat = samples.reshape(len(samples), -1)
        flat = np.concatenate([flat, np.full((len(flat), 1), self.pad, np.int8)], axis=1)
        height, width, channels = self.index.shape
        size = -(-channels // rows) * rows
        packed = np.zeros((len(samples), height, width, size), np.int8)
        packed[..., :channels] = flat[:, self.index]
        return packed.reshape(len(samples), -1).view(np.uint8)


def plain_input(
    tensor: str, layout: TensorLayout, channels: Sequence[int] | None = None
) -> InputMap:
    """The tensor as it is, or with these of its channels, of which some may be repeated."""
    index = np.arange(np.prod(layout.shape)).reshape(layout.shape)
    return InputMap(tensor, index if channels is None else index[..., list(channels)], 0)


def fold_inputs(
    layers: Sequence[Convolution],
    names: Sequence[str],
    aliases: Mapping[str, Alias],
    repeats: Mapping[str, Sequence[int]],
    config: AcceleratorConfig,
    dense: bool = False,
) -> tuple[tuple[Convolution, ...], tuple[InputMap, ...]]:
    """The layers, changed where their input is laid out differently, and how each of the core's
    inputs is stored.

    Of all layouts the one that costs least is taken: in cycles of the core, in bytes on the line
    and in memory; or the ``dense`` one of fewest bytes in memory. ``repeats`` lists the channels of
    an input as they are to be stored, where some are repeated.
    """
    changed: list[tuple[Convolution, ...]] = [(c,) for c in layers]
    inputs = []
    weight_cycles = _weight_cycles(layers, config)
    for name in names:
        at = [i for i, c in enumerate(layers) if c.source == name]
        readers = [layers[i] for i in at]
        plain = plain_input(name, aliases[name].layout, repeats.get(name))
        choices = [_Choice(tuple((c,) for c in readers), plain)]
        if readers and not any(c.residual == name for c in layers):
            choices += _choices(readers, plain, config, repeats.get(name))
        costs = [(choice.cost(config, dense, weight_cycles), choice) for choice in choices]
        if plain.index.size >= _IMAGE:
            costs = _without_gaps(costs, plain.index.size, config)
        _, best = min(costs, key=lambda one: one[0])
        for index, parts in zip(at, best.readers, strict=True):
            changed[index] = parts
        inputs.append(best.input)
    return tuple(c for parts in changed for c in parts), tuple(inputs)


@dataclass(frozen=True, eq=False)
class _Choice:
    """A layout of an input, and the layers that each of its readers becomes."""

    readers: tuple[tuple[Convolution, ...], ...]
    input: InputMap
    folded: bool = False

    def cost(
        self, config: AcceleratorConfig, dense: bool, weight_cycles: float
    ) -> tuple[float, ...]:
        """What this layout costs, to be compared; where it has no room or no dataflow, most.

        A byte of weights takes ``weight_cycles`` to arrive.
        """
        layout = self.input.layout
        words = layout.words(config.rows)
        layers = [c for parts in self.readers for c in parts]
        found = [about_cycles(c, config) for c in layers]
        cycles = sum(
            max(one, round(weight_cycles * c.weights.size))
            for one, c in zip(found, layers, strict=True)
            if one is not None
        )
        impossible = None in found or words > config.bank_words
        if impossible or dense:
            return impossible, words, cycles
        line = words * layout.lanes(config.rows)
        return False, cycles + LINE_CYCLES * line + MEMORY_CYCLES * words * config.rows


def _weight_cycles(layers: Sequence[Convolution], config: AcceleratorConfig) -> float:
    """Cycles in which a byte of weights comes from flash, of networks that memory cannot hold.

    They wait for their weights most of the time. All others hold what they need in memory.
    """
    weights = sum(c.weights.size for c in layers)
    if not config.flash_lanes or weights <= BANKS * config.bank_words * config.rows:
        return 0
    return 8 / config.flash_lanes * config.flash_divider


def _without_gaps(
    costs: list[tuple[tuple[float, ...], _Choice]], size: int, config: AcceleratorConfig
) -> list[tuple[tuple[float, ...], _Choice]]:
    """The layouts of an image without those whose words are emptier than they have to be.

    What is folded has several bytes for a value, and is worth that or not.
    """
    most = _GAPS * size / config.rows
    lean = [
        (cost, one)
        for cost, one in costs
        if not cost[0] and (one.folded or one.input.layout.words(config.rows) <= most)
    ]
    return lean if any(not one.folded for _, one in lean) else costs


def _choices(
    readers: Sequence[Convolution],
    plain: InputMap,
    config: AcceleratorConfig,
    stored: Sequence[int] | None,
) -> Iterator[_Choice]:
    """Other layouts of an input than the plain one."""
    if any(c.computed for c in readers):  # their weights lie as words of the plain one do
        return
    if len(readers) == 1:
        folded = fold_input(readers[0], config, stored)
        if folded is not None:
            yield _Choice(((folded[0],),), folded[1], folded=True)
    channels = plain.layout.channels
    # Words end with rows of the image: who sees rows of another width needs the plain one.
    seen_otherwise = any(c.input_shape != plain.index.shape for c in readers)
    if channels % config.rows == 0 or seen_otherwise or not can_pack(readers, config):
        return
    for packing in packings(readers, channels, config):
        pad = pad_of(readers, packing)
        if pad is None:
            continue
        index = packed_index(plain.index, packing)
        packed = replace(plain, index=index, pad=pad)
        ways = [list(packed_reader(c, packing, config)) for c in readers]
        for number in range(max(map(len, ways))):
            chosen = (some[min(number, len(some) - 1)] for some in ways)
            yield _Choice(tuple(map(tuple, chosen)), packed)


def fold_input(
    c: Convolution, config: AcceleratorConfig, stored: Sequence[int] | None = None
) -> tuple[Convolution, InputMap] | None:
    """Move rows of the kernel into the channels of a network's input, or return None.

    None means that this would save no cycles or that the input would not fit into a bank. The
    convolution's input channels are the network's, or those of them that ``stored`` lists. Columns
    of the array that would be idle compute neighbouring positions.
    """
    plain = _cycles(c, c.kernel[0] * c.kernel[1], c.input_shape[2], config)
    best = None
    for count in range(1, max(1, config.columns // c.channels) + 1):
        joined = neighbours(c, count, config.rows)
        if joined is None or not _whole_width(joined):
            continue
        for rows in range(1, c.stride[0] + 1):
            if joined.stride[0] % rows or (rows > 1 and not _whole_height(joined)):
                continue
            folded = _folded(joined, rows)
            taps, channels = folded.kernel[0], folded.input_shape[2]
            words = TensorLayout(*folded.input_shape).words(config.rows)
            cost = _cycles(folded, taps, channels, config), words
            if words <= config.bank_words and cost[0] < plain and (not best or cost < best[0]):
                best = cost, joined, folded, rows
    if best is None:
        return None
    _, joined, folded, rows = best
    return folded, InputMap(c.source, _index(joined, folded, rows, stored), c.pad)


def _whole_width(c: Convolution) -> bool:
    plain = not c.depthwise and not c.transposed and c.output_stride == (1, 1)
    return plain and not c.region.left and c.region.width == c.output_shape[1]


def _whole_height(c: Convolution) -> bool:
    return not c.region.top and c.region.height == c.output_shape[0]


def _cycles(c: Convolution, taps: int, channels: int, config: AcceleratorConfig) -> tuple[int, int]:
    """Cycles of all tiles of a dense layer with so many taps; and the same without the drain."""
    tiles = -(-c.region.height * c.region.width // config.rows)
    tiles *= -(-c.channels // config.columns)
    steps = taps * -(-channels // config.rows) * config.rows
    return tiles * max(steps, config.drain_cycles), tiles * steps


def _folded(c: Convolution, rows: int) -> Convolution:
    """The convolution over an input whose positions each hold ``rows`` rows of a window."""
    (height, _, channels), (kernel_h, kernel_w) = c.input_shape, c.kernel
    taps, padding = -(-kernel_h // rows), c.padding[0]
    if rows > 1:
        # Where the image begins within a position, what is before it lies in memory.
        padding, inside = divmod(padding, rows)
        height = -(-(height + inside) // rows)
    weights = np.zeros((len(c.weights), taps * rows, kernel_w * channels), np.int64)
    weights[:, :kernel_h] = c.weights.reshape(len(c.weights), kernel_h, -1)
    return c.replace(
        input_shape=(height, c.output_shape[1], rows * kernel_w * channels),
        weights=weights.reshape(len(c.weights), taps, 1, -1),
        stride=(c.stride[0] // rows, 1),
        padding=(padding, 0),
    )


def _index(
    c: Convolution, folded: Convolution, rows: int, stored: Sequence[int] | None
) -> np.ndarray:
    """Which value of a sample each byte of a folded input holds."""
    height, width, count = c.input_shape
    channels = np.arange(count) if stored is None else np.array(stored)
    own = int(channels.max()) + 1
    first = c.padding[0] % rows
    y = np.arange(folded.input_shape[0])[:, None] * rows - first + np.arange(rows)
    x = np.arange(c.output_shape[1])[:, None] * c.stride[1] - c.padding[1] + np.arange(c.kernel[1])
    y, x = y[:, None, :, None, None], x[None, :, None, :, None]  # [Y, X, row, column, channel]
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    index = (y * width + x) * own + channels
    return np.where(inside, index, -1).reshape(folded.input_shape)
