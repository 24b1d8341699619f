"""From a graph to convolutions, with everything that stands in the way in one report."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from ..config import AcceleratorConfig
from ..errors import UserError
from .banks import with_copies
from .command import Command
from .convolution import Convolution
from .inputs import InputMap, fold_input, plain_input
from .ir import Graph, InvalidGraph, Node
from .lanes import in_whole_words
from .narrow import in_few_bits
from .operators import OPERATORS, UnsupportedOperator, place_of
from .partition import Partition, partition
from .places import without_copies
from .reasons import Reason, listing
from .schedule import DoesNotFit, NotProved, provable, schedule
from .storage import Stored, View, resolve_views, same_words, stored
from .tables import fused, lower_binary, lower_unary
from .wide import in_parts

MOST_REASONS = 64  # that anybody reads
CODES_OF_A_BYTE = 8  # at most, in any number format


class CannotCompile(UserError):
    """A network does not run on a configuration; ``reasons`` has all that is in the way."""

    def __init__(self, model: str, reasons: list[Reason]) -> None:
        super().__init__(listing(model, reasons))
        self.model = model
        self.reasons = tuple(reasons)


@dataclass(frozen=True, kw_only=True, eq=False)
class Lowered:
    """A network cut for a configuration, before its tensors have addresses."""

    graph: Graph
    partition: Partition
    views: dict[str, View]
    inputs: tuple[InputMap, ...]
    commands: tuple[Command, ...]
    storage: dict[str, Stored]


def lower(
    graph: Graph, config: AcceleratorConfig, *, fuse: bool = True, exact: bool = False
) -> Lowered:
    """Lower all nodes of the core. Raises ``CannotCompile``.

    With ``fuse``, functions of single codes are computed on the way from the layer before to memory,
    and layers write where copies would put what they compute; that itself is stored nowhere then.
    ``exact`` is as `schedule.schedule` has it.
    """
    parts = partition(graph)
    views = _views(graph, parts, config)
    reasons: list[Reason] = []

    def attempt(call, *arguments) -> Any:
        try:
            return call(*arguments)
        except (UnsupportedOperator, InvalidGraph, DoesNotFit, NotProved) as error:
            reason = error.args[0]
            reason = reason if isinstance(reason, Reason) else Reason(place="", what=reason)
            if reason not in reasons:
                reasons.append(reason)
            if len(reasons) == MOST_REASONS:
                raise CannotCompile(graph.name, reasons) from None
            return None

    convolutions: list[Convolution] = []
    once = _used_once(graph, parts, views) if fuse else ()
    for node in parts.core:
        latest = convolutions[-1] if convolutions else None
        found = attempt(_lower_node, node, graph, views, config, latest) or []
        if latest and len(found) == 1 and latest.output in once and _sole(latest, convolutions):
            together = fused(latest, found[0])
            if together is not None:
                convolutions.pop()
                found = [together]
        convolutions += found

    outputs = {views[name].root for name in parts.outputs}
    if fuse:
        convolutions = without_copies(convolutions, outputs, config)
    convolutions, repeats = in_parts(convolutions, parts.inputs, config)
    ends = {*parts.inputs, *outputs}
    convolutions, narrow = in_few_bits(convolutions, ends, config)
    convolutions = with_copies(in_whole_words(convolutions, config), outputs)
    outputs_stored = {
        c.output: Stored(*c.output_shape, *narrow.get(c.output, (1, 0))) for c in convolutions
    }
    inputs = []
    for name in parts.inputs:
        at = [i for i, c in enumerate(convolutions) if c.source == name]
        alone = len(at) == 1 and not any(_second(c) == name for c in convolutions)
        times = repeats.get(name, 1)
        folded = fold_input(convolutions[at[0]], config, times) if alone else None
        if folded is not None:
            convolutions[at[0]], input_map = folded
        else:
            input_map = plain_input(name, views[name].storage, times)
        inputs.append(input_map)

    commands: list[Command] = []
    for convolution in convolutions:
        commands += attempt(_schedule, convolution, config, exact) or []
    if reasons:
        raise CannotCompile(graph.name, reasons)
    storage = {i.tensor: i.storage for i in inputs}
    storage |= outputs_stored
    return Lowered(
        graph=graph,
        partition=parts,
        views=views,
        inputs=tuple(inputs),
        commands=tuple(commands),
        storage=storage,
    )


def _schedule(c: Convolution, config: AcceleratorConfig, exact: bool) -> list[Command]:
    """As `schedule`, but what is refused of one of many layers of a node is said of the node."""
    try:
        _check_sizes(c, config)
        return schedule(c, config, exact)
    except (DoesNotFit, NotProved) as error:
        if not c.name.startswith(f"{c.node}_"):
            raise
        raise type(error)(replace(error.args[0], place=c.node)) from error


def _check_extents(node: Node, graph: Graph, config: AcceleratorConfig) -> None:
    """Raise ``DoesNotFit`` for a tensor that no bank holds in any form, before layers are made of it."""
    bank, names = config.bank_words * config.rows, (*node.inputs, *node.outputs)
    for name in filter(None, names):
        tensor = graph.tensor(name)
        if not tensor.constant and tensor.size > CODES_OF_A_BYTE * bank:
            what = f"tensor {name!r} has {tensor.size:,} values, more than a bank of {bank:,} bytes"
            remedy = "use a board with more memory or a smaller network"
            raise DoesNotFit(Reason(place=node.name, what=what, remedy=remedy))


def _check_sizes(c: Convolution, config: AcceleratorConfig) -> None:
    """Raise ``DoesNotFit`` where a bank alone is too small for what a layer reads or writes."""
    bank = config.bank_words * config.rows
    for what, shape in (("input", c.input_shape), ("output", c.output_shape)):
        needed = Stored(*shape).words(config.rows) * config.rows
        if needed > bank:
            height, width, channels = shape
            what = f"its {what} takes {needed:,} bytes, more than the {bank:,} of a bank"
            why = f"{height}x{width} positions of {channels} channels in words of {config.rows}"
            remedy = "use a board with more memory or a smaller network"
            raise DoesNotFit(Reason(place=c.name, what=what, why=why, remedy=remedy))


def _second(c: Convolution) -> str | None:
    return c.combination.second if c.combination else None


def _sole(c: Convolution, convolutions: list[Convolution]) -> bool:
    """Whether a convolution computes all of its output."""
    return sum(other.output == c.output for other in convolutions) == 1


def _used_once(graph: Graph, parts: Partition, views: dict[str, View]) -> set[str]:
    """Tensors in memory that one node of the core reads, and nobody else."""
    uses = Counter(
        views[name].root
        for node in parts.core
        if not _is_free(node, views)
        for name in node.inputs
        if name in views
    )
    uses.update(views[name].root for name in parts.outputs)
    return {name for name, count in uses.items() if count == 1}


def _lower_node(
    node: Node,
    graph: Graph,
    views: dict[str, View],
    config: AcceleratorConfig,
    latest: Convolution | None,
) -> list[Convolution]:
    operator = OPERATORS[node.operator]
    if _is_free(node, views):
        return []
    _check_extents(node, graph, config)
    variable = [name for name in node.inputs if name in views]
    if operator.binary is not None and len(variable) == 2:
        pair = tuple(replace(views[n], storage=stored(graph.tensor(n))) for n in variable)
        copied = int(latest is not None and latest.output == pair[1].root)
        return lower_binary(node, graph, pair, copied, config)
    view, source = views[variable[0]], graph.tensor(variable[0])
    storage = view.storage if _takes_all(node, graph) else stored(source)
    if operator.lower is not None:
        convolutions = operator.lower(node, graph, storage)
        convolutions = [
            c.replace(source=views[c.source].root) if c.source in views else c for c in convolutions
        ]
        exact = operator.unary is None or all(provable(c, config) for c in convolutions)
        if convolutions and exact:
            return convolutions
    if operator.unary is not None:
        return lower_unary(node, graph, replace(view, storage=storage))
    what = "cannot be computed inside the network, only by the driver at its ends"
    remedy = "end the network here"
    raise UnsupportedOperator(Reason(place=place_of(node), what=what, remedy=remedy))


def _takes_all(node: Node, graph: Graph) -> bool:
    """Whether a node reads its input as one row of values, in whatever shape they are stored."""
    if node.operator == "fully_connected":
        source, weights = (graph.tensor(name) for name in node.inputs[:2])
        return weights.shape[1] == source.size
    return OPERATORS[node.operator].view


def _is_free(node: Node, views: dict[str, View]) -> bool:
    """Whether a node only gives what it reads another shape."""
    return OPERATORS[node.operator].view and views[node.outputs[0]].root != node.outputs[0]


def _views(graph: Graph, parts: Partition, config: AcceleratorConfig) -> dict[str, View]:
    """What shares memory: a change of shape costs nothing where whoever reads its output reads the
    same words, or all of them.
    """
    free: list[Node] = []
    views = resolve_views(graph, ())
    for node in parts.core:
        if OPERATORS[node.operator].view:
            source, output = views[node.inputs[0]].storage, graph.tensor(node.outputs[0])
            same = same_words(source, stored(output), config.rows)
            if same or all(_takes_all(reader, graph) for reader in graph.consumers(output.name)):
                free.append(node)
                views = resolve_views(graph, tuple(free))
    return views
