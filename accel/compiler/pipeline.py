"""The compiler: its passes, in the order in which they run, and what they pass on.

``PASSES`` is the whole list. Each pass is a function that takes a `Compilation` and returns it with
something added or changed. The functions here only unpack and pack that; the work is done in the
rooms that they import from.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from ..config import AcceleratorConfig
from .diagnostics import CannotCompile, Reason
from .graph.accumulation_order import order_sensitive
from .graph.bound_states import state_reasons
from .graph.crop_taps import crop_taps
from .graph.fold_pad import fold_pad
from .graph.host_partition import Partition, partition, reasons_inside
from .graph.node_orders import orders
from .graph.reduce_in_place import reduce_in_place
from .graph.verify import verify
from .ir.command import LayerCommand, cut
from .ir.graph import Graph, State
from .ir.layer import Convolution
from .ir.tensor_layout import Alias, TensorLayout
from .lowering.bank_copies import add_bank_copies
from .lowering.channel_alignment import align_channels
from .lowering.copy_elision import elide_copies
from .lowering.input_im2col import InputMap, fold_inputs
from .lowering.lower import (
    fuse_layers,
    lower_nodes,
    multiplies,
    products_on_core,
    select_commands,
    tensor_aliases,
    weights_in_chunks,
)
from .lowering.near_dead_channels import split_near_dead
from .lowering.packed_outputs import pack_outputs
from .lowering.residual_splitting import split_residuals
from .lowering.states import place_states
from .lowering.sub_byte_packing import pack_sub_byte
from .lowering.tie_splitting import split_ties
from .lowering.weight_splitting import split_weights
from .memory.allocation import MemoryPlan
from .memory.band_search import with_row_bands
from .memory.groups_at_once import place
from .program.link import dma_transfers, link_chunks
from .program.program import Chunk, CoreProgram, DmaTransfer


@dataclass(frozen=True, kw_only=True, eq=False)
class Compilation:
    """A network on its way from a graph to a program; each pass fills in or changes some of it.

    Parameters
    ----------
    source, config
        The graph as the front end gave it, and the configuration to compile for.
    fuse
        Functions of single codes may be computed in the layer before, and copies left out.
    exact
        Channels that cannot be requantized exactly are refused.
    order
        Which order of the graph's nodes is tried, from 0 on.
    band_room
        Layers whose tensors have no room are cut into row bands, so that tensors take at most this
        share of each bank; 0 for no bands.
    dense
        Inputs take as little memory as they can, even where that takes more cycles.
    arriving
        Inputs that have no room may arrive in row bands, each while the one before is computed.
    products
        The core may compute products of two activations; else the driver does.
    graph
        The graph as the passes so far have changed it.
    partition, aliases
        What the driver and the core compute, and which tensors share memory.
    lowered, layers
        The core's layers: those of each node, and all of them as changed so far.
    repeats, packing
        The channels of inputs of which some are stored repeatedly, and the packing factor and
        origin of packed tensors; by tensor.
    homes
        The tensors that are states when an inference begins, by those that take their places.
    inputs, layouts
        How the driver writes the inputs, and how all tensors lie in memory.
    commands
        Layers with their loop nests and divisions.
    reasons
        What is in the way, of all nodes and layers.
    memory, chunks, transfers
        Addresses of everything, and the bytes that go there.
    """

    source: Graph
    config: AcceleratorConfig
    fuse: bool = True
    exact: bool = False
    order: int = 0
    band_room: float = 0
    dense: bool = False
    arriving: bool = False
    products: bool = True
    graph: Graph
    partition: Partition | None = None
    aliases: Mapping[str, Alias] = field(default_factory=dict)
    lowered: tuple[tuple[Convolution, ...], ...] = ()
    layers: tuple[Convolution, ...] = ()
    repeats: Mapping[str, Sequence[int]] = field(default_factory=dict)
    packing: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    homes: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[InputMap, ...] = ()
    layouts: Mapping[str, TensorLayout] = field(default_factory=dict)
    commands: tuple[LayerCommand, ...] = ()
    reasons: tuple[Reason, ...] = ()
    memory: MemoryPlan | None = None
    chunks: tuple[Chunk, ...] = ()
    transfers: tuple[DmaTransfer | None, ...] = ()

    def replace(self, **changes: Any) -> "Compilation":
        return replace(self, **changes)

    @property
    def multiplies(self) -> bool:
        """Whether the network has products of two activations."""
        return multiplies(self.source)

    @property
    def parts(self) -> Partition:
        """The partition, after the pass that makes it."""
        assert self.partition is not None, "runs after host_partition"
        return self.partition

    @property
    def plan(self) -> MemoryPlan:
        """The memory plan, after the pass that makes it."""
        assert self.memory is not None, "runs after allocation"
        return self.memory

    @property
    def outputs(self) -> tuple[str, ...]:
        """The tensors in memory that are read after the last layer."""
        return tuple(dict.fromkeys(self.aliases[name].root for name in self.parts.outputs))

    @property
    def states(self) -> tuple[str, ...]:
        """The tensors in memory that are there when an inference begins, and are no inputs."""
        return tuple(state.read for state in self.in_core)

    @property
    def in_core(self) -> tuple[State, ...]:
        """The states that are in the core's memory: all but those that the driver keeps."""
        return tuple(state for state in self.graph.states if state not in self.parts.kept)

    @property
    def kept(self) -> tuple[str, ...]:
        """The tensors in memory that are needed after the last layer: outputs, and states as they
        are then."""
        unchanged = set(self.states) - set(self.homes.values())
        return tuple(dict.fromkeys((*self.outputs, *self.homes, *sorted(unchanged))))

    def program(self) -> CoreProgram:
        """The program that all passes together have made."""
        return CoreProgram(
            config=self.config,
            source=self.source,
            graph=self.graph,
            partition=self.parts,
            aliases=self.aliases,
            inputs=self.inputs,
            commands=self.commands,
            memory=self.plan,
            chunks=self.chunks,
            transfers=self.transfers,
        )


class NoOtherOrder(Exception):
    """All orders of a graph's nodes have been tried."""


Pass = Callable[[Compilation], Compilation]


def _fold_pad(c: Compilation) -> Compilation:
    """A pad node in front of a convolution becomes the convolution's own padding."""
    graph = fold_pad(c.graph)
    verify(graph)
    return c.replace(graph=graph)


def _crop_taps(c: Compilation) -> Compilation:
    """Kernel taps that only ever meet padding are left out."""
    graph = crop_taps(c.graph)
    verify(graph)
    return c.replace(graph=graph)


def _reduce_in_place(c: Compilation) -> Compilation:
    """Reductions are along the dimensions that are there, without transpositions before them."""
    graph = reduce_in_place(c.graph)
    verify(graph)
    return c.replace(graph=graph)


def _node_order(c: Compilation) -> Compilation:
    """The order of the nodes that is tried in this run of the passes."""
    graph = next(islice(orders(c.graph), c.order, None), None)
    if graph is None:
        raise NoOtherOrder
    return c.replace(graph=graph)


def _products(c: Compilation) -> Compilation:
    """The products of two activations that the core computes, not the driver."""
    return c.replace(graph=products_on_core(c.graph, c.config)) if c.products else c


def _host_partition(c: Compilation) -> Compilation:
    """What the driver computes before, between and after layers of the core."""
    reasons = () if c.graph.host else reasons_inside(c.graph)
    return c.replace(partition=partition(c.graph), reasons=reasons)


def _aliases(c: Compilation) -> Compilation:
    """Changes of shape that cost nothing: tensors that share memory."""
    return c.replace(aliases=tensor_aliases(c.graph, c.parts, c.config))


def _lower(c: Compilation) -> Compilation:
    """Layers of the core for each node."""
    lowered, reasons = lower_nodes(c.graph, c.parts, c.aliases, c.config)
    return c.replace(
        lowered=lowered,
        layers=tuple(layer for node in lowered for layer in node),
        reasons=(*c.reasons, *state_reasons(c.graph, c.in_core), *reasons),
    )


def _near_dead(c: Compilation) -> Compilation:
    """Channels with too many sums to a code become exact, by finer codes and a second layer."""
    lowered = tuple(
        tuple(part for layer in node for part in split_near_dead(layer, c.config))
        for node in c.lowered
    )
    return c.replace(lowered=lowered, layers=tuple(layer for node in lowered for layer in node))


def _tie_splitting(c: Compilation) -> Compilation:
    """Means whose halves no division rounds become exact, by two roundings and a second layer."""
    lowered = tuple(
        tuple(part for layer in node for part in split_ties(layer, c.config, c.exact))
        for node in c.lowered
    )
    return c.replace(lowered=lowered, layers=tuple(layer for node in lowered for layer in node))


def _fuse(c: Compilation) -> Compilation:
    """Functions of single codes are computed in the layer before."""
    return c.replace(layers=fuse_layers(c.lowered, c.graph, c.parts, c.aliases)) if c.fuse else c


def _states(c: Compilation) -> Compilation:
    """What the next inference is to find ends where this one has found it."""
    if not c.in_core or c.reasons:
        return c
    in_core = c.graph.replace(states=c.in_core)
    made = place_states(c.layers, in_core, c.aliases, c.outputs, c.config, c.parts.later)
    tensors = {**c.graph.tensors, **{tensor.name: tensor for tensor in made.tensors}}
    graph = c.graph.replace(tensors=tensors) if made.tensors else c.graph
    return c.replace(layers=made.layers, homes=made.homes, aliases=made.aliases, graph=graph)


def _copy_elision(c: Compilation) -> Compilation:
    """Layers write to where copies would move their output."""
    if not c.fuse:
        return c
    return c.replace(layers=tuple(elide_copies(c.layers, set(c.kept), c.config)))


def _weight_splitting(c: Compilation) -> Compilation:
    """Weights outside the number format become sums of weights inside it."""
    layers, repeats = split_weights(c.layers, c.parts.inputs, c.config)
    return c.replace(layers=tuple(layers), repeats=repeats)


def _sub_byte_packing(c: Compilation) -> Compilation:
    """Several values of few bits share a byte."""
    ends = {*c.parts.inputs, *c.kept}
    layers, packing = pack_sub_byte(c.layers, ends, c.config)
    return c.replace(layers=tuple(layers), packing=packing)


def _residual_splitting(c: Compilation) -> Compilation:
    """Layers in parts of K combine their codes with others in a layer after them."""
    return c.replace(layers=tuple(split_residuals(c.layers, c.config)))


def _channel_alignment(c: Compilation) -> Compilation:
    """Copies begin and end where the core can write."""
    return c.replace(layers=tuple(align_channels(c.layers, c.config)))


def _bank_copies(c: Compilation) -> Compilation:
    """Copies, so that no layer reads and writes the same bank."""
    homed = [layer.replace(home=c.homes.get(layer.output)) for layer in c.layers]
    layers = tuple(add_bank_copies(homed, set(c.kept)))
    layouts = {name: c.aliases[name].layout for name in c.states}
    layouts |= {
        layer.output: TensorLayout(*layer.output_shape, *c.packing.get(layer.output, (1, 0)))
        for layer in layers
    }
    return c.replace(layers=layers, layouts=weights_in_chunks(layers, layouts, c.config))


def _input_im2col(c: Compilation) -> Compilation:
    """Inputs lie in memory as their first layers read them fastest."""
    if c.dense:
        leaving = [name for name in c.outputs if name not in c.homes]
        layers, layouts = pack_outputs(c.layers, leaving, c.layouts, c.config)
        c = c.replace(layers=layers, layouts=layouts)
    names = c.parts.inputs
    layers, inputs = fold_inputs(c.layers, names, c.aliases, c.repeats, c.config, c.dense)
    layouts = {**{one.tensor: one.layout for one in inputs}, **c.layouts}
    return c.replace(layers=layers, inputs=inputs, layouts=layouts)


def _row_bands(c: Compilation) -> Compilation:
    """Chains of layers are cut into row bands where the tensors between them have no room."""
    computed = any(layer.computed for layer in c.layers)
    if not c.band_room or c.reasons or c.parts.later or computed:
        return c
    room = int(c.config.bank_words * c.band_room)
    found = with_row_bands(
        c.layers,
        c.layouts,
        (*c.parts.inputs, *c.states),
        (*c.kept, *c.states),
        c.config,
        room,
        c.arriving,
    )
    if found is None:
        return c
    inputs = tuple(
        part
        for whole in c.inputs
        for part in (
            whole.bands(found.inputs[whole.tensor]) if whole.tensor in found.inputs else (whole,)
        )
    )
    return c.replace(layers=found.layers, layouts=found.layouts, inputs=inputs)


def _select(c: Compilation) -> Compilation:
    """Each layer gets the dataflow of fewest cycles, and its exact division."""
    commands, reasons = select_commands(c.layers, c.graph, c.config, c.exact)
    if c.exact:
        reasons = (*reasons, *(layer.reason for layer in order_sensitive(c.source)))
    reasons = (*c.reasons, *(reason for reason in reasons if reason not in c.reasons))
    if reasons:
        raise CannotCompile(c.graph.title, list(reasons))
    return c.replace(commands=commands)


def _allocation(c: Compilation) -> Compilation:
    """Tensors and weights get addresses, in memory and in flash."""
    inputs = tuple(one.tensor for one in c.inputs)
    commands, memory = place(
        c.commands,
        c.layouts,
        (*inputs, *c.states),
        (*c.kept, *c.states),
        c.config,
        c.parts.later,
    )
    if memory.parts:
        commands = tuple(
            cut(commands[part.layer], part.first, part.groups, c.config) for part in memory.parts
        )
    return c.replace(commands=commands, memory=memory)


def _link(c: Compilation) -> Compilation:
    """Descriptors, channel parameters and weights become bytes, linked to a chain."""
    inputs = [one.tensor for one in c.inputs]
    return c.replace(chunks=link_chunks(c.commands, c.plan, inputs, c.config, c.parts.later))


def _dma(c: Compilation) -> Compilation:
    """DMA transfers from flash to memory while layers run."""
    return c.replace(transfers=dma_transfers(c.chunks, c.plan, c.config))


PASSES: tuple[tuple[str, Pass], ...] = (
    ("fold_pad", _fold_pad),
    ("crop_taps", _crop_taps),
    ("reduce_in_place", _reduce_in_place),
    ("node_order", _node_order),
    ("products", _products),
    ("host_partition", _host_partition),
    ("aliases", _aliases),
    ("lower", _lower),
    ("near_dead", _near_dead),
    ("tie_splitting", _tie_splitting),
    ("fuse", _fuse),
    ("states", _states),
    ("copy_elision", _copy_elision),
    ("weight_splitting", _weight_splitting),
    ("sub_byte_packing", _sub_byte_packing),
    ("residual_splitting", _residual_splitting),
    ("channel_alignment", _channel_alignment),
    ("bank_copies", _bank_copies),
    ("input_im2col", _input_im2col),
    ("row_bands", _row_bands),
    ("select", _select),
    ("allocation", _allocation),
    ("link", _link),
    ("dma", _dma),
)


def run_passes(
    compilation: Compilation,
    last: str | None = None,
    watch: Callable[[str, Compilation], None] | None = None,
) -> Compilation:
    """Run all passes, or those up to and including the one called ``last``.

    ``watch`` is called after each pass with its name and what it returned. Raises ``CannotCompile``
    with all reasons, or ``DoesNotFit`` where memory is too small.
    """
    for name, run in PASSES:
        compilation = run(compilation)
        if watch:
            watch(name, compilation)
        if name == last:
            break
    return compilation


def lower(
    graph: Graph, config: AcceleratorConfig, *, fuse: bool = True, exact: bool = False
) -> Compilation:
    """Compile a network up to its commands, before tensors have addresses.

    Raises ``CannotCompile``.
    """
    begun = Compilation(source=graph, graph=graph, config=config, fuse=fuse, exact=exact)
    return run_passes(begun, last="select")
