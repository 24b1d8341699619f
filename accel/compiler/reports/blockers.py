"""All at once that keeps a network from running on a core: operators and memory."""

import math

from ...config import BANKS, AcceleratorConfig
from ...errors import UserError
from ..diagnostics import CannotCompile, Limit, Reason
from ..graph.host_partition import partition
from ..ir.graph import Graph, Tensor
from ..ir.tensor_layout import layout_of


def blockers(error: UserError, graph: Graph, config: AcceleratorConfig) -> list[Reason]:
    """The reasons of a refusal, and those that would remain if these were removed.

    A network with an unsupported operator has no memory plan. But in any plan the inputs and the
    output of a layer that is not cut into row bands must be in memory together, so one for which
    there is not enough is found.
    """
    found = list(getattr(error, "reasons", ()))
    if not found:
        reason = error.args[0]
        found = [reason if isinstance(reason, Reason) else Reason(place="", what=str(reason))]
    if isinstance(error, CannotCompile):
        found += _memory(graph, config)
    return found


def _memory(graph: Graph, config: AcceleratorConfig) -> list[Reason]:
    """The layer whose tensors need most memory, if that is more than there is."""
    worst, where = 0, ""
    for node in partition(graph).core:
        names = {*node.inputs, *node.outputs}
        tensors = [t for t in map(graph.tensor, names) if not t.constant]
        if all(layout_of(tensor).height > 1 for tensor in tensors):
            continue  # it may run in row bands
        words = sum(_words(t, config) for t in tensors)
        if words > worst:
            worst, where = words, node.name
    if worst <= BANKS * config.bank_words:
        return []
    kib = config.rows / 1024
    what = (
        f"inputs and output of {where} alone take {worst * kib:.1f} KiB of the {BANKS} x "
        f"{config.bank_words * kib:.0f} KiB"
    )
    limit = Limit(
        kind="memory",
        needed=worst * config.rows,
        there=BANKS * config.bank_words * config.rows,
    )
    return [Reason(place="memory", what=what, limit=limit)]


def _words(tensor: Tensor, config: AcceleratorConfig) -> int:
    """Words of a tensor, packed as densely as any layer could have it."""
    layout = layout_of(tensor)
    return math.ceil(layout.height * layout.width * layout.channels / config.rows)
