"""The buffers and banks that a network needs of an array, and what a board has of them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from accel.boards import Board
from accel.compiler.diagnostics import Limit
from accel.compiler.ir.layer import Convolution
from accel.config import BANKS, AcceleratorConfig, InvalidConfiguration
from accel.explore.fit.cost import Cost, cost_of
from accel.explore.fit.demand import Demand, Lowered
from accel.explore.fit.forms import count_limit, forms_in_parts, forms_of
from accel.target import resources

MOST_STEPS = 65536  # of a weight buffer, see `AcceleratorConfig`
MOST_SUM_BITS = 32


@dataclass(frozen=True, kw_only=True)
class Shortage:
    """What a network needs that no core with this array has on a board.

    Attributes
    ----------
    limit : Limit
        With the most that there can be of it beside what else the network needs.
    layer, node : str
        The layer that needs it, and the node that it belongs to; empty for the whole network.
    what : str
        In words.
    config : AcceleratorConfig
        The core with the most of it.
    """

    limit: Limit
    layer: str
    node: str
    what: str
    config: AcceleratorConfig


@dataclass(frozen=True, kw_only=True)
class Sized:
    """A configuration that has room for a network, and what that is estimated to take."""

    config: AcceleratorConfig
    cost: Cost


def sized(
    shape: AcceleratorConfig, demand: Demand, board: Board
) -> tuple[list[Sized], list[Shortage]]:
    """Configurations of an array that have room for a network, or all that there is too little
    of."""
    bits, widest = demand.sums
    shape = replace(shape, sum_bits=_sum_bits(shape, bits))
    lowered = demand.of(shape.rows)
    bare = replace(shape, bank_words=resources.LEAST_BANK)
    alone = _short_of_banks(replace(bare, weight_steps=_least_buffer(bare)), lowered, board)
    if alone:
        return [], [alone]
    steps, neediest, uncounted = _steps(demand, shape)
    short: list[Shortage] = []
    if bits > MOST_SUM_BITS and widest:
        limit = Limit(kind="sum", needed=bits, there=MOST_SUM_BITS, unit="bits")
        what = f"its sums take {bits} bits, an accumulator has at most {MOST_SUM_BITS}"
        short.append(_of_layer(widest, limit, what, shape))
    if uncounted:
        limit = count_limit(uncounted, shape)
        what = (
            f"{limit.needed:,} {limit.unit.replace('_', ' ')} of its loops are more than the "
            f"{limit.there:,} that the core counts"
        )
        short.append(_of_layer(uncounted, limit, what, shape))
    if short:
        return [], short
    found = []
    for config in _buffered(shape, steps):
        if not _fit(replace(config, bank_words=resources.LEAST_BANK), board):
            continue
        for words in _banks(config, lowered, board):
            banked = replace(config, bank_words=words)
            cost = cost_of(lowered, banked)
            if cost and _fit(banked, board):
                found.append(Sized(config=banked, cost=cost))
            if cost and not cost.flash_words:
                return found, []  # more memory would not help
    return found, [] if found else _short_of_memory(bare, steps, neediest, lowered, board)


def _sum_bits(shape: AcceleratorConfig, bits: int) -> int:
    """Bits of an accumulator for sums of so many; wider sums are added in parts where they are
    kept."""
    return shape.sum_bits if shape.keeps_sums else min(max(shape.sum_bits, bits), MOST_SUM_BITS)


def _of_layer(layer: Convolution, limit: Limit, what: str, config: AcceleratorConfig) -> Shortage:
    return Shortage(limit=limit, layer=layer.name, node=layer.node, what=what, config=config)


def _steps(demand: Demand, shape: AcceleratorConfig) -> tuple[int, Convolution, Convolution | None]:
    """Steps that half of the weight buffer must hold, and the layer that needs most of them; a
    layer whose loops the core cannot count."""
    found: list[tuple[int, Convolution]] = []
    uncounted, half = None, shape.weight_steps // 2
    for layer in demand.of(shape.rows).pruned:
        least = min((form.stored for form in forms_of(layer, shape)), default=None)
        if least is None or least > half:
            least = demand.steps(layer, shape, least)
            if forms_in_parts(layer, shape):
                least = min(least or half, half)
            if least is None:
                uncounted = layer
        found.append((least or 0, layer))
    return (*max(found, key=lambda one: one[0]), uncounted)


def _buffered(shape: AcceleratorConfig, steps: int) -> Iterator[AcceleratorConfig]:
    """The shape with the weight buffer that was asked for, and with one just as large as needed."""
    if shape.weight_steps >= 2 * steps:
        yield shape
    unit = 2 * shape.steps_per_weight_row
    needed = -(-max(16, 2 * steps) // unit) * unit
    if needed <= MOST_STEPS and needed != shape.weight_steps:
        yield replace(shape, weight_steps=needed)


def _banks(config: AcceleratorConfig, lowered: Lowered, board: Board) -> Iterator[int]:
    """Words of a bank to try: what was asked for, if it will do, and the most that there is."""
    most = resources.largest_bank(config, board)
    for words in dict.fromkeys((config.bank_words, most)):
        if max(lowered.peak, resources.LEAST_BANK) <= words <= most:
            yield words


def _fit(config: AcceleratorConfig, board: Board) -> bool:
    needs = resources.needs(config)
    return all(n <= board.resources.get(name, 0) for name, n in needs.items())


def _short_of_memory(
    bare: AcceleratorConfig, steps: int, neediest: Convolution, lowered: Lowered, board: Board
) -> list[Shortage]:
    """What there is too little of, of a buffer, of banks beside it, or of both for the program."""
    buffers = [config for config in _buffered(bare, steps) if _fit(config, board)]
    if buffers:
        short = _short_of_banks(buffers[-1], lowered, board)
        return [short or _program_shortage(_with_largest_bank(buffers[-1], board), lowered)]
    most, step = largest_buffer(bare, board), bare.step_bits / 8
    limit = Limit(kind="weight_buffer", needed=int(2 * steps * step), there=int(most * step))
    what = (
        f"{steps:,} weights of each of {bare.columns} output channels, twice, take "
        f"{limit.needed:,} bytes, the weight buffer has at most {limit.there:,}"
    )
    full = replace(bare, weight_steps=most or _least_buffer(bare))
    return [_of_layer(neediest, limit, what, full)]


def _least_buffer(config: AcceleratorConfig) -> int:
    unit = 2 * config.steps_per_weight_row
    return -(-16 // unit) * unit


def _with_largest_bank(config: AcceleratorConfig, board: Board) -> AcceleratorConfig:
    bank = resources.largest_bank(config, board)
    return replace(config, bank_words=max(bank, resources.LEAST_BANK))


def _short_of_banks(config: AcceleratorConfig, lowered: Lowered, board: Board) -> Shortage | None:
    """The tensor, or all of them together, that the banks beside a buffer have no room for."""
    rows, bank = config.rows, resources.largest_bank(config, board)
    there = bank * rows
    full = _with_largest_bank(config, board)
    beside = f"beside {config.weight_steps * config.step_bits // 8:,} bytes of weight buffer"
    layer, which, words = lowered.largest
    if words > bank:
        height, width, channels = layer.input_shape if which == "input" else layer.output_shape
        limit = Limit(kind="bank", needed=words * rows, there=there)
        what = (
            f"its {which} takes {limit.needed:,} bytes ({height}x{width} positions of {channels} "
            f"channels in words of {rows}), a bank has at most {there:,} {beside}"
        )
        return _of_layer(layer, limit, what, full)
    if lowered.peak > bank:
        limit = Limit(kind="activations", needed=lowered.peak * rows, there=there)
        together = lowered.activations
        names = ", ".join(together.tensors)
        what = (
            f"{names}, which must be in a bank together, take {limit.needed:,} bytes, it has at "
            f"most {there:,} {beside}"
        )
        return _of_layer(lowered.layers[together.layer], limit, what, full)
    return None


def _program_shortage(config: AcceleratorConfig, lowered: Lowered) -> Shortage:
    """Without a flash for programs: tensors and program together."""
    roomy = replace(config, bank_words=resources.MOST_BANK)
    size = program_bytes(lowered, roomy)
    needed = size + sum(lowered.peaks) * config.rows
    limit = Limit(kind="memory", needed=needed, there=BANKS * config.bank_words * config.rows)
    what = (
        f"tensors of {needed - size:,} bytes and a program of {size:,} take {needed:,}, both banks "
        f"have at most {limit.there:,}, and the core streams nothing from a flash"
    )
    return Shortage(limit=limit, layer="", node="", what=what, config=config)


def program_bytes(lowered: Lowered, config: AcceleratorConfig) -> int:
    """Bytes of the program, estimated."""
    taken = replace(lowered.activations, words=(config.bank_words,) * BANKS)
    cost = cost_of(replace(lowered, activations=taken), replace(config, flash_lanes=4))
    return cost.flash_words * config.rows if cost else 0


def largest_buffer(config: AcceleratorConfig, board: Board) -> int:
    """The most ``weight_steps`` that the board has beside the rest of the core."""
    unit = 2 * config.steps_per_weight_row
    low, high = 0, MOST_STEPS // unit
    while low < high:
        middle = (low + high + 1) // 2
        try:
            fits = _fit(replace(config, weight_steps=max(16, middle * unit)), board)
        except InvalidConfiguration:
            fits = False
        low, high = (middle, high) if fits else (low, middle - 1)
    return low * unit


def required(asked: AcceleratorConfig, demand: Demand) -> AcceleratorConfig | None:
    """A configuration with room for a network, whatever the FPGA: with wider sums, a larger buffer
    and larger banks; ``None`` where these are no help."""
    bits, _ = demand.sums
    lowered = demand.of(asked.rows)
    steps, _, uncounted = _steps(demand, asked)
    if bits > MOST_SUM_BITS or uncounted or 2 * steps > MOST_STEPS:
        return None
    config = asked.replace(sum_bits=_sum_bits(asked, bits))
    config = next(_buffered(config, steps))
    words = max(config.bank_words, lowered.peak)
    while words <= resources.MOST_BANK:
        config = config.replace(bank_words=words)
        if cost_of(lowered, config):
            return config
        words = 2 * words
    return None
