"""The order of loops of layers in parts of K: all groups of a part, or all parts of some groups.

With all groups at once, each part's weights arrive while the groups before are computed, but the
sums of all groups are kept. Fewer groups at once keep fewer sums, and leave memory to weights.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ...config import AcceleratorConfig
from ..diagnostics import DoesNotFit
from ..ir.command import LayerCommand, cut
from ..ir.tensor_layout import TensorLayout
from ..schedule.commands import sums_layouts
from .allocation import MemoryPlan, cycles_of
from .bank_balance import balance_banks, chunk_words


def place(
    commands: Sequence[LayerCommand],
    layouts: Mapping[str, TensorLayout],
    inputs: Sequence[str],
    outputs: Sequence[str],
    config: AcceleratorConfig,
) -> tuple[tuple[LayerCommand, ...], MemoryPlan]:
    """The commands in the order that takes the fewest cycles, by estimation, and their memory plan.

    Raises ``DoesNotFit`` where none fits.
    """
    found, failure = [], None
    for order in _orders(commands, config):
        own = {**layouts, **sums_layouts(order, config)}
        try:
            found.append(balance_banks(order, own, inputs, outputs, config))
        except DoesNotFit as error:
            failure = failure or error
    if len(found) > 1:
        return min(found, key=lambda one: _cycles(one[0], one[1], config))
    if not found and failure:
        raise failure
    return found[0]


def _cycles(
    commands: Sequence[LayerCommand], memory: MemoryPlan, config: AcceleratorConfig
) -> float:
    words = [chunk_words(command, config) for command in commands]
    return cycles_of(commands, memory, words, config)


def _orders(
    commands: Sequence[LayerCommand], config: AcceleratorConfig
) -> Iterator[tuple[LayerCommand, ...]]:
    """The commands with all groups at once, then with half as many, and so on down to one."""
    most = max((chain[0].groups for chain in _chains(commands) if _divisible(chain)), default=1)
    times = 1
    while True:
        yield tuple(
            command
            for chain in _chains(commands)
            for command in (_in_turns(chain, times, config) if _divisible(chain) else chain)
        )
        if times >= most:
            return
        times *= 2


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
