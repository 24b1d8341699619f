"""From nodes to layers of the core, and from these to commands, collecting what is in the way."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from ...config import AcceleratorConfig
from ...isa import Isa
from ..diagnostics import CannotCompile, DoesNotFit, Limit, NotProved, Reason
from ..graph.host_partition import Partition
from ..ir.command import LayerCommand
from ..ir.graph import Graph, InvalidGraph, Node
from ..ir.layer import Convolution
from ..ir.tensor_layout import Alias, TensorLayout, layout_of, resolve_aliases, same_words
from ..operators import (
    OPERATORS,
    Binary,
    Elementwise,
    OnCore,
    Product,
    UnsupportedOperator,
    place_of,
)
from ..operators._binary import reads_constant
from ..schedule.select import provable, schedule
from .constant_tensors import place_constants
from .lookup_tables import fuse_pair, lower_binary, lower_unary
from .near_dead_channels import split_near_dead

MOST_REASONS = 64  # that are collected; more would not be read
CODES_OF_A_BYTE = 8  # the most that any number format packs
MOST_VALUES = 2**20  # of a tensor for which layers are made although it does not fit, for messages


def multiplies(graph: Graph) -> bool:
    """Whether a network has products of two activations."""
    return any(isinstance(OPERATORS[node.operator], Product) for node in graph.nodes)


def products_on_core(graph: Graph, config: AcceleratorConfig) -> Graph:
    """The graph, in which the products of two activations that the core can compute are its own.

    Those are the ones whose layers fit its counters, buffers and sums, and whose codes are exact;
    the driver computes all others.
    """

    def possible(node: Node) -> bool:
        operator = OPERATORS[node.operator]
        try:
            layers = operator.lower(node, graph, config) if isinstance(operator, Product) else []
            for layer in layers:
                schedule(layer, config, exact=True)
        except (UnsupportedOperator, DoesNotFit, NotProved):
            return False
        return bool(layers)

    nodes = tuple(
        replace(node, attributes=replace(node.attributes, on_core=True)) if possible(node) else node
        for node in graph.nodes
    )
    return graph.replace(nodes=nodes)


def weights_in_chunks(
    layers: Sequence[Convolution], layouts: Mapping[str, TensorLayout], config: AcceleratorConfig
) -> dict[str, TensorLayout]:
    """The layouts, in which weights that are computed have their chunk's beginning before them."""
    isa, found = Isa(config), dict(layouts)
    for layer in layers:
        if layer.computed:
            post_op, head = layer.post_op, isa.descriptor_words
            if post_op and post_op.lookup_tables:
                head += isa.table_words(post_op.residual is not None)
            name = layer.computed.tensor
            found[name] = replace(found[name], head=head)
    return found


def lower_nodes(
    graph: Graph, parts: Partition, aliases: Mapping[str, Alias], config: AcceleratorConfig
) -> tuple[tuple[tuple[Convolution, ...], ...], tuple[Reason, ...]]:
    """The layers of each node of the core, and the reasons of nodes that have none."""
    reasons: list[Reason] = []
    lowered: list[tuple[Convolution, ...]] = []
    latest = None
    for node in parts.core:
        if len(reasons) == MOST_REASONS:
            raise CannotCompile(graph.title, reasons)
        with _collected(reasons, place_of(node)):
            layers = tuple(
                place_constants(
                    _lower_node(node, graph, aliases, config, latest), node, graph, config
                )
            )
            latest = layers[-1] if layers else latest
            lowered.append(layers)
    return tuple(lowered), tuple(reasons)


def select_commands(
    layers: Sequence[Convolution], graph: Graph, config: AcceleratorConfig, exact: bool
) -> tuple[tuple[LayerCommand, ...], tuple[Reason, ...]]:
    """The commands of layers, and the reasons of layers that have none."""
    reasons: list[Reason] = []
    places = {node.name: place_of(node) for node in graph}
    commands: list[LayerCommand] = []
    for layer in layers:
        if len(reasons) == MOST_REASONS:
            break
        with _collected(reasons, places.get(layer.node, layer.node)):
            _check_sizes(layer, graph, config)
            commands += schedule(layer, config, exact)
    return tuple(commands), tuple(reasons)


@contextmanager
def _collected(reasons: list[Reason], place: str) -> Iterator[None]:
    """Collect the reason of an error in a node's layers, if it is new, and go on."""
    try:
        yield
    except (UnsupportedOperator, InvalidGraph, DoesNotFit, NotProved) as error:
        reason = error.args[0]
        reason = reason if isinstance(reason, Reason) else Reason(place="", what=reason)
        reason = replace(reason, place=place)
        if reason not in reasons:
            reasons.append(reason)


def fuse_layers(
    lowered: Sequence[Sequence[Convolution]],
    graph: Graph,
    parts: Partition,
    aliases: Mapping[str, Alias],
) -> tuple[Convolution, ...]:
    """The layers of all nodes, with functions of single codes computed in the layer before.

    What that layer computed by itself is then not stored.
    """
    once = _used_once(graph, parts, aliases)
    done: list[Convolution] = []
    for layers in lowered:
        if len(layers) == 1 and done and done[-1].output in once and _sole(done[-1], done):
            together = fuse_pair(done[-1], layers[0])
            if together is not None:
                done[-1] = together
                continue
        done += layers
    return tuple(done)


def _check_extents(node: Node, graph: Graph, config: AcceleratorConfig) -> None:
    """Raise ``DoesNotFit`` for a tensor that no bank holds in any layout."""
    bank, names = config.bank_words * config.rows, (*node.inputs, *node.outputs)
    for name in filter(None, names):
        tensor = graph.tensor(name)
        if not tensor.constant and tensor.size > max(MOST_VALUES, CODES_OF_A_BYTE * bank):
            what = f"tensor {name!r} has {tensor.size:,} values, more than a bank of {bank:,} bytes"
            limit = Limit(kind="bank", needed=tensor.size, there=bank)
            raise DoesNotFit(Reason(place=node.name, what=what, limit=limit))


def _check_sizes(c: Convolution, graph: Graph, config: AcceleratorConfig) -> None:
    """Raise ``DoesNotFit`` where a whole bank is too small for a layer's input or output."""
    bank, rows = config.bank_words * config.rows, config.rows
    for what, shape in (("input", c.input_shape), ("output", c.output_shape)):
        words, packed = TensorLayout(*shape).words(rows), ""
        needed = words * rows
        if needed > bank:
            if what == "input" and c.source in graph.inputs:
                plain = layout_of(graph.tensor(c.source))
                if words < plain.words(rows):  # it is said as the user's file has it
                    shape, packed = plain.shape, ", packed"
            height, width, channels = shape
            what = f"its {what} takes {needed:,} bytes, more than the {bank:,} of a bank"
            why = f"{height}x{width} positions of {channels} channels{packed} in words of {rows}"
            limit = Limit(kind="bank", needed=needed, there=bank)
            raise DoesNotFit(Reason(place=c.name, what=what, why=why, limit=limit))


def _sole(c: Convolution, convolutions: Sequence[Convolution]) -> bool:
    """Whether a convolution computes all of its output."""
    return sum(other.output == c.output for other in convolutions) == 1


def _used_once(graph: Graph, parts: Partition, aliases: Mapping[str, Alias]) -> set[str]:
    """Tensors in memory that one node of the core alone reads."""
    uses = Counter(
        aliases[name].root
        for node in parts.core
        if not _is_free(node, aliases)
        for name in node.inputs
        if name in aliases
    )
    kept = [state.written for state in graph.states]
    uses.update(aliases[name].root for name in (*parts.outputs, *kept))
    return {name for name, count in uses.items() if count == 1}


def _lower_node(
    node: Node,
    graph: Graph,
    aliases: Mapping[str, Alias],
    config: AcceleratorConfig,
    latest: Convolution | None,
) -> list[Convolution]:
    operator = OPERATORS[node.operator]
    if _is_free(node, aliases):
        return []
    _check_extents(node, graph, config)
    variable = [name for name in node.inputs if name in aliases]
    if isinstance(operator, Binary) and (len(variable) == 2 or reads_constant(node, graph)):
        return _lower_pair(node, graph, aliases, config, latest)
    alias, source = aliases[variable[0]], graph.tensor(variable[0])
    layout = alias.layout if _takes_all(node, graph) else layout_of(source)
    if isinstance(operator, Product):
        return _from_roots(operator.lower(node, graph, config), aliases)
    if isinstance(operator, OnCore):
        convolutions = _from_roots(operator.lower(node, graph, layout), aliases)
        table = isinstance(operator, Elementwise)
        if convolutions and (not table or all(provable(c, config) for c in convolutions)):
            return convolutions
        if table:
            layers = lower_unary(node, graph, replace(alias, layout=layout))
            channels = len(layers) == 1 and layers[0].post_op is None
            if isinstance(operator, Binary) and channels and not _schedules(layers[0], config):
                return _lower_pair(node, graph, aliases, config, latest)
            return layers
    raise AssertionError(f"{node.operator} is the driver's")


def _from_roots(
    convolutions: Sequence[Convolution], aliases: Mapping[str, Alias]
) -> list[Convolution]:
    """Convolutions that read tensors where these are in memory."""
    return [
        c.replace(source=aliases[c.source].root) if c.source in aliases else c for c in convolutions
    ]


def _lower_pair(
    node: Node,
    graph: Graph,
    aliases: Mapping[str, Alias],
    config: AcceleratorConfig,
    latest: Convolution | None,
) -> list[Convolution]:
    """A function of two tensors, of which one may be a constant."""
    first, second = (_operand(node, graph, aliases, name) for name in node.inputs)
    copied = int(latest is not None and latest.output == second.root)
    variable = [name for name in node.inputs if name in aliases]
    if len(variable) == 1:
        copied = node.inputs.index(variable[0])  # what it is combined with is overwritten
    return lower_binary(node, graph, (first, second), copied, config)


def _schedules(c: Convolution, config: AcceleratorConfig) -> bool:
    """Whether the core computes a rule for each channel, if need be with an inexact one."""
    try:
        for part in split_near_dead(c, config):
            schedule(part, config, exact=False)
    except NotProved:
        return False
    except DoesNotFit:
        pass  # which is told of the layer
    return True


def _operand(node: Node, graph: Graph, aliases: Mapping[str, Alias], name: str) -> Alias:
    """An operand of two; where it is a constant, `place_constants` puts it into memory."""
    tensor = graph.tensor(name)
    if name in aliases:
        return replace(aliases[name], layout=layout_of(tensor))
    missing = len(graph.tensor(node.outputs[0]).shape) - len(tensor.shape)
    return Alias(name, layout_of(replace(tensor, shape=(1,) * missing + tensor.shape)))


def _takes_all(node: Node, graph: Graph) -> bool:
    """Whether a node reads its input as one row of values, whatever their shape."""
    if node.operator == "fully_connected":
        source, weights = (graph.tensor(name) for name in node.inputs[:2])
        return weights.shape[1] == source.size
    return OPERATORS[node.operator].alias


def _is_free(node: Node, aliases: Mapping[str, Alias]) -> bool:
    """Whether a node is a change of shape that costs nothing."""
    return OPERATORS[node.operator].alias and aliases[node.outputs[0]].root != node.outputs[0]


def tensor_aliases(graph: Graph, parts: Partition, config: AcceleratorConfig) -> dict[str, Alias]:
    """The alias of each tensor of the core.

    A change of shape costs nothing where the new shape has the same words, or where all nodes that
    read it read all of them as one row, the next inference among them.
    """
    free: list[Node] = []
    kept = {state.written for state in graph.states}
    aliases = resolve_aliases(graph, ())
    for node in parts.core:
        if OPERATORS[node.operator].alias:
            source, output = aliases[node.inputs[0]].layout, graph.tensor(node.outputs[0])
            same = same_words(source, layout_of(output), config.rows)
            readers = graph.consumers(output.name)
            rows = output.name not in kept and all(_takes_all(one, graph) for one in readers)
            if same or rows:
                free.append(node)
                aliases = resolve_aliases(graph, tuple(free))
    return aliases
