"""The order of loops of layers in parts of K: all groups of a part, or all parts of some groups.

With all groups at once, each part's weights arrive while the groups before are computed, but the
sums of all groups are kept. Fewer groups at once keep fewer sums, and leave memory to weights.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter

from ...config import AcceleratorConfig
from ..diagnostics import DoesNotFit
from ..ir.command import LayerCommand, cut
from ..ir.tensor_layout import TensorLayout
from ..schedule.commands import sums_layouts
from .allocation import NONE_LATER, MemoryPlan
from .early_release import place as place_one_order

Placed = tuple[tuple[LayerCommand, ...], MemoryPlan]

_WORSE = 3  # orders in a row that take longer than the best one: then no other is tried


def place(
    commands: Sequence[LayerCommand],
    layouts: Mapping[str, TensorLayout],
    inputs: Sequence[str],
    outputs: Sequence[str],
    config: AcceleratorConfig,
    later: Mapping[str, int] = NONE_LATER,
) -> Placed:
    """The commands in the order that takes the fewest cycles, by estimation, and their memory plan.

    The placement of weights is searched for in that order alone. ``later`` is that of
    `allocation.plan`. Raises ``DoesNotFit`` where none
    fits.
    """
    orders, failure = list(_orders(commands, config)), None
    found: list[tuple[float, tuple[LayerCommand, ...]]] = []

    def placed(order: tuple[LayerCommand, ...], *, search: bool) -> Placed:
        own = {**layouts, **sums_layouts(order, config)}
        return place_one_order(order, own, inputs, outputs, config, search=search, later=later)

    if len(orders) == 1:
        return placed(orders[0], search=True)
    for order in orders:
        try:
            found.append((placed(order, search=False)[1].cycles, order))
        except DoesNotFit as error:
            failure = failure or error
            continue
        best = min(cycles for cycles, _ in found)
        if best not in [cycles for cycles, _ in found[-_WORSE:]]:
            break
    if not found and failure:
        raise failure
    return placed(min(found, key=itemgetter(0))[1], search=True)


def _orders(
    commands: Sequence[LayerCommand], config: AcceleratorConfig
) -> Iterator[tuple[LayerCommand, ...]]:
    """The commands with all groups at once, then in two turns, in three, four, six, eight and so
    on, down to one group at once."""
    most = max((chain[0].groups for chain in _chains(commands) if _divisible(chain)), default=1)
    for times in _turns(most):
        yield tuple(
            command
            for chain in _chains(commands)
            for command in (_in_turns(chain, times, config) if _divisible(chain) else chain)
        )


def _turns(most: int) -> Iterator[int]:
    """1, 2, 3, 4, 6, 8, 12 and so on, up to ``most``."""
    yield 1
    power = 2
    while power < most:
        yield from (times for times in (power, power * 3 // 2) if times < most)
        power *= 2
    if most > 1:
        yield most


def _chains(commands: Sequence[LayerCommand]) -> Iterator[list[LayerCommand]]:
    """The parts of each layer; a layer in one part is alone."""
    chain: list[LayerCommand] = []
    for command in commands:
        chain.append(command)
        if command.part == command.parts - 1:
            yield chain
            chain = []


def _divisible(chain: Sequence[LayerCommand]) -> bool:
    """Whether groups can be computed one after another: sums that are the output stay whole."""
    return len(chain) > 1 and not chain[0].descriptor.shared and not chain[-1].descriptor.keep_sums


def _in_turns(
    chain: Sequence[LayerCommand], times: int, config: AcceleratorConfig
) -> Iterator[LayerCommand]:
    """All parts of a ``times``-th of the groups, then of the next ones."""
    groups = chain[0].groups
    at_once = -(-groups // times)
    for first in range(0, groups, at_once):
        for command in chain:
            some = cut(command, first, min(at_once, groups - first), config)
            base = command.descriptor.sums_base
            yield replace(some, descriptor=replace(some.descriptor, sums_base=base))
