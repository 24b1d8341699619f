"""The compiler: its passes, in the order in which they run, and what they hand on.

``PASSES`` is the whole list. Each pass is a function that takes a `Compilation` and returns it with
something added or changed; what it does is in the room that it is imported from.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count, islice
from typing import Any

from ..config import AcceleratorConfig
from .diagnostics import CannotCompile, DoesNotFit, Reason
from .graph.crop_taps import crop_taps
from .graph.fold_pad import fold_pad
from .graph.host_partition import Partition, partition
from .graph.node_orders import orders
from .graph.verify import verify
from .ir.command import LayerCommand, cut
from .ir.graph import Graph
from .ir.layer import Convolution
from .ir.tensor_layout import Alias, TensorLayout
from .lowering.bank_copies import with_copies
from .lowering.channel_alignment import in_whole_words
from .lowering.copy_elision import without_copies
from .lowering.input_im2col import InputMap, folded_inputs
from .lowering.lower import fused_layers, lower_nodes, selected, tensor_aliases
from .lowering.near_dead_channels import in_two_layers
from .lowering.sub_byte_packing import in_few_bits
from .lowering.weight_splitting import in_parts
from .memory.allocation import MemoryPlan
from .memory.bank_balance import balanced
from .program.link import dma_transfers, linked
from .program.program import Chunk, CoreProgram, DmaTransfer


@dataclass(frozen=True, kw_only=True, eq=False)
class Compilation:
    """A network on its way from a graph to a program; each pass fills in or changes some of it.

    Parameters
    ----------
    source, config
        The graph as the front end gave it, and the configuration to compile for.
    fuse
        Functions of single codes are computed in the layer before, and layers write where copies
        would put what they compute.
    exact
        Channels that cannot be requantized exactly are refused.
    order
        Which of the orders of the graph's nodes is tried, from 0 on.
    graph
        As changed so far.
    partition, aliases
        What the driver and the core compute, and which tensors share memory.
    lowered, layers
        The core's layers: of each node, then all of them as changed so far.
    repeats, packing
        How often inputs' channels are repeated, and how tensors of few bits are coded, by tensor.
    inputs, layout
        How inputs and other tensors lie in memory.
    commands
        Layers with their loop nests and divisions.
    reasons
        What is in the way, of all nodes and layers.
    memory, chunks, transfers
        Where all of it lies, and the bytes.
    """

    source: Graph
    config: AcceleratorConfig
    fuse: bool = True
    exact: bool = False
    order: int = 0
    graph: Graph
    partition: Partition | None = None
    aliases: Mapping[str, Alias] = field(default_factory=dict)
    lowered: tuple[tuple[Convolution, ...], ...] = ()
    layers: tuple[Convolution, ...] = ()
    repeats: Mapping[str, int] = field(default_factory=dict)
    packing: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    inputs: tuple[InputMap, ...] = ()
    layout: Mapping[str, TensorLayout] = field(default_factory=dict)
    commands: tuple[LayerCommand, ...] = ()
    reasons: tuple[Reason, ...] = ()
    memory: MemoryPlan | None = None
    chunks: tuple[Chunk, ...] = ()
    transfers: tuple[DmaTransfer | None, ...] = ()

    def replace(self, **changes: Any) -> "Compilation":
        return replace(self, **changes)

    @property
    def parts(self) -> Partition:
        assert self.partition is not None, "runs behind host_partition"
        return self.partition

    @property
    def plan(self) -> MemoryPlan:
        assert self.memory is not None, "runs behind allocation"
        return self.memory

    @property
    def outputs(self) -> tuple[str, ...]:
        """The tensors in memory that are read when all is done."""
        return tuple(dict.fromkeys(self.aliases[name].root for name in self.parts.outputs))

    def program(self) -> CoreProgram:
        """What all passes have made."""
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
    """Padding in front of a convolution becomes the convolution's own."""
    graph = fold_pad(c.graph)
    verify(graph)
    return c.replace(graph=graph)


def _crop_taps(c: Compilation) -> Compilation:
    """Taps of convolutions that never meet the image are left out."""
    graph = crop_taps(c.graph)
    verify(graph)
    return c.replace(graph=graph)


def _node_order(c: Compilation) -> Compilation:
    """The order of the nodes that is tried this time."""
    graph = next(islice(orders(c.graph), c.order, None), None)
    if graph is None:
        raise NoOtherOrder
    return c.replace(graph=graph)


def _host_partition(c: Compilation) -> Compilation:
    """What the driver computes at the network's ends."""
    return c.replace(partition=partition(c.graph))


def _aliases(c: Compilation) -> Compilation:
    """Changes of shape that cost nothing."""
    return c.replace(aliases=tensor_aliases(c.graph, c.parts, c.config))


def _lower(c: Compilation) -> Compilation:
    """Layers of the core for each node."""
    lowered, reasons = lower_nodes(c.graph, c.parts, c.aliases, c.config)
    return c.replace(
        lowered=lowered, layers=tuple(layer for node in lowered for layer in node), reasons=reasons
    )


def _near_dead(c: Compilation) -> Compilation:
    """Channels with very many sums to a code become exact, by finer codes and a copy."""
    lowered = tuple(
        tuple(part for layer in node for part in in_two_layers(layer, c.config))
        for node in c.lowered
    )
    return c.replace(lowered=lowered, layers=tuple(layer for node in lowered for layer in node))


def _fuse(c: Compilation) -> Compilation:
    """Functions of single codes in the layer before."""
    return c.replace(layers=fused_layers(c.lowered, c.graph, c.parts, c.aliases)) if c.fuse else c


def _copy_elision(c: Compilation) -> Compilation:
    """Layers write where copies would put what they compute."""
    if not c.fuse:
        return c
    return c.replace(layers=tuple(without_copies(c.layers, set(c.outputs), c.config)))


def _weight_splitting(c: Compilation) -> Compilation:
    """Weights outside the number format as sums of some that are inside."""
    layers, repeats = in_parts(c.layers, c.parts.inputs, c.config)
    return c.replace(layers=tuple(layers), repeats=repeats)


def _sub_byte_packing(c: Compilation) -> Compilation:
    """Several values of few bits in a byte."""
    ends = {*c.parts.inputs, *c.outputs}
    layers, packing = in_few_bits(c.layers, ends, c.config)
    return c.replace(layers=tuple(layers), packing=packing)


def _channel_alignment(c: Compilation) -> Compilation:
    """Parts of a tensor begin and end where the core can write."""
    return c.replace(layers=tuple(in_whole_words(c.layers, c.config)))


def _bank_copies(c: Compilation) -> Compilation:
    """Copies without which a layer's input and output would be in the same bank."""
    layers = tuple(with_copies(c.layers, set(c.outputs)))
    layout_of = {
        layer.output: TensorLayout(*layer.output_shape, *c.packing.get(layer.output, (1, 0)))
        for layer in layers
    }
    return c.replace(layers=layers, layout=layout_of)


def _input_im2col(c: Compilation) -> Compilation:
    """A network's inputs as its first layers read them fastest."""
    names = c.parts.inputs
    layers, inputs = folded_inputs(c.layers, names, c.aliases, c.repeats, c.config)
    layout = {one.tensor: one.layout for one in inputs} | c.layout
    return c.replace(layers=layers, inputs=inputs, layout=layout)


def _select(c: Compilation) -> Compilation:
    """For each layer the loop nest of fewest cycles, and its division."""
    commands, reasons = selected(c.layers, c.config, c.exact)
    reasons = (*c.reasons, *(reason for reason in reasons if reason not in c.reasons))
    if reasons:
        raise CannotCompile(c.graph.name, list(reasons))
    return c.replace(commands=commands)


def _allocation(c: Compilation) -> Compilation:
    """Addresses of tensors and weights, in memory and in flash."""
    commands, memory = balanced(c.commands, c.layout, c.parts.inputs, c.outputs, c.config)
    if memory.parts:
        commands = tuple(
            cut(commands[part.layer], part.first, part.groups, c.config) for part in memory.parts
        )
    return c.replace(commands=commands, memory=memory)


def _link(c: Compilation) -> Compilation:
    """The bytes of descriptors, channel parameters and weights, chained by their addresses."""
    return c.replace(chunks=linked(c.commands, c.plan, c.config))


def _dma(c: Compilation) -> Compilation:
    """What is copied from flash to memory while layers run."""
    return c.replace(transfers=dma_transfers(c.chunks, c.plan, c.config))


PASSES: tuple[tuple[str, Pass], ...] = (
    ("fold_pad", _fold_pad),
    ("crop_taps", _crop_taps),
    ("node_order", _node_order),
    ("host_partition", _host_partition),
    ("aliases", _aliases),
    ("lower", _lower),
    ("near_dead", _near_dead),
    ("fuse", _fuse),
    ("copy_elision", _copy_elision),
    ("weight_splitting", _weight_splitting),
    ("sub_byte_packing", _sub_byte_packing),
    ("channel_alignment", _channel_alignment),
    ("bank_copies", _bank_copies),
    ("input_im2col", _input_im2col),
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
    """What all passes make, or those up to and with the one called ``last``.

    ``watch`` is called after each one with its name and what it has made. Raises ``CannotCompile``
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
    """A network cut into layers for a configuration, before its tensors have addresses.

    Raises ``CannotCompile``.
    """
    begun = Compilation(source=graph, graph=graph, config=config, fuse=fuse, exact=exact)
    return run_passes(begun, last="select")


def compile_graph(
    graph: Graph,
    config: AcceleratorConfig,
    *,
    fuse: bool = True,
    exact: bool = False,
    watch: Callable[[str, Compilation], None] | None = None,
) -> CoreProgram:
    """Compile a verified graph for a configuration; ``fuse`` and ``exact`` as in `Compilation`.

    The orders of its nodes are tried until all of a program fits into memory; where none does, the
    one that leaves least to the flash is taken. ``watch`` is as `run_passes` has it.

    Raises ``CannotCompile`` with all reasons, or ``DoesNotFit`` where memory is too small.
    """
    failure: DoesNotFit | None = None
    streamed: list[CoreProgram] = []
    begun = Compilation(source=graph, graph=graph, config=config, fuse=fuse, exact=exact)
    for order in count():
        try:
            program = run_passes(begun.replace(order=order), watch=watch).program()
        except NoOtherOrder:
            break
        except DoesNotFit as error:
            failure = failure or error
            continue
        if not program.memory.flash_bytes:
            return program
        streamed.append(program)
    if streamed:
        return min(streamed, key=lambda program: program.memory.flash_bytes)
    assert failure is not None
    raise failure
