"""What a network asks of a core: its layers, what they keep in memory, and how wide their sums are.

The network is lowered by the compiler's own passes, once for each number of rows: how tensors are
padded to words depends on it. Nothing is scheduled or solved, which would take most of the time.
"""

import time
from dataclasses import dataclass, field
from functools import cached_property

from accel.compiler.diagnostics import CannotCompile
from accel.compiler.ir.graph import Graph
from accel.compiler.ir.layer import Convolution, cropped
from accel.compiler.ir.tensor_layout import TensorLayout
from accel.compiler.memory.allocation import Activations, activations_of
from accel.compiler.pipeline import PASSES, Compilation, NoOtherOrder
from accel.compiler.schedule.dataflows import flattened
from accel.compiler.schedule.select import steps_of, sum_bits_of
from accel.config import AcceleratorConfig
from accel.target import resources

_MOST_ORDERS = 6  # of the nodes, that are tried for fewer activations
_ROOMY = {"bank_words": 1 << 20, "weight_steps": 65536, "sum_bits": 32, "family": "generic"}
_FIRST = "fold_pad", "crop_taps"  # passes that know no configuration
_LAST = "input_im2col"
_SPARSE = 0.25  # of the weights of a layer that are zero, from where on whole blocks may be
_EXACT_SECONDS = 2.0  # of the processor, for layers whose weights must be looked at
_FOLDED = 4096  # words of an input, up to which it may be laid out to be read faster


@dataclass(frozen=True, kw_only=True)
class Lowered:
    """The layers for a number of rows, in one order of the nodes.

    ``activations`` are what the tensors take at least. ``fast`` are the layers where inputs are
    laid out to be read faster, which may take more.
    """

    rows: int
    layers: tuple[Convolution, ...]
    fast: tuple[Convolution, ...]
    activations: Activations

    @property
    def peaks(self) -> tuple[int, ...]:
        """The words of each bank that tensors take."""
        return self.activations.words

    @property
    def peak(self) -> int:
        return max(self.peaks)

    @cached_property
    def largest(self) -> tuple[Convolution, str, int]:
        """The layer with the largest input or output, which of the two it is, and its words."""
        sizes = (
            (layer, what, TensorLayout(*shape).words(self.rows))
            for layer in self.layers
            for what, shape in (("input", layer.input_shape), ("output", layer.output_shape))
        )
        return max(sizes, key=lambda one: one[2])

    @cached_property
    def pruned(self) -> tuple[Convolution, ...]:
        """The layers as they are scheduled: without taps at the edges that are all zero."""
        return tuple(cropped(flattened(layer)) for layer in self.fast)


@dataclass
class Demand:
    """What a graph asks of cores of a number format; ``fuse`` is that of the compiler."""

    graph: Graph
    format: str = "int8"
    fuse: bool = True
    _known: dict[int, Lowered] = field(default_factory=dict, repr=False)
    _steps: dict[tuple[int, int, int], int | None] = field(default_factory=dict, repr=False)
    _left: float = _EXACT_SECONDS

    def of(self, rows: int) -> Lowered:
        """For an array of so many rows, in the order of the nodes that keeps least in memory.

        Raises ``CannotCompile`` for what no size of the core mends.
        """
        if rows not in self._known:
            orders = []
            for order in range(_MOST_ORDERS):
                try:
                    orders.append(self._lowered(rows, order))
                except NoOtherOrder:
                    break
                if orders[-1].peak == orders[-1].largest[2]:
                    break  # less is not possible
            self._known[rows] = min(orders, key=lambda one: one.peak)
        return self._known[rows]

    def steps(self, layer: Convolution, shape: AcceleratorConfig, most: int | None) -> int | None:
        """Steps that the weight buffer must hold of one of the layers, without zero blocks of
        weights that are left out; ``most`` are those with them.

        It is ``most``, too, for weights that have few zeros, and once that took some seconds.
        """
        key = id(layer), shape.rows, shape.columns
        if key not in self._steps:
            if self._left < 0 or layer.depthwise or (layer.weights == 0).mean() < _SPARSE:
                return most
            began = time.process_time()
            self._steps[key] = steps_of(layer, shape)
            self._left -= time.process_time() - began
        return self._steps[key]

    @cached_property
    def sums(self) -> tuple[int, Convolution | None]:
        """The accumulator's bits that the network needs, and the layer that needs them."""
        config = self._config(4)
        found = [(sum_bits_of(layer, config), layer) for layer in self.of(4).layers]
        return max(found, key=lambda one: one[0], default=(0, None))

    def _config(self, rows: int) -> AcceleratorConfig:
        default = AcceleratorConfig(rows=rows, columns=rows)
        return default.replace(format=self.format, **_ROOMY)

    @cached_property
    def _begun(self) -> Compilation:
        config = self._config(4)
        c = Compilation(source=self.graph, graph=self.graph, config=config, fuse=self.fuse)
        for name, run in PASSES:
            if name in _FIRST:
                c = run(c)
        return c

    def _lowered(self, rows: int, order: int) -> Lowered:
        c = self._begun.replace(config=self._config(rows), order=order)
        passes = dict(PASSES)
        for name, run in PASSES:
            if name == _LAST:
                break
            if name not in _FIRST:
                c = run(c)
        if c.reasons:  # of what is too large for the largest core, or no matter of size
            raise CannotCompile(self.graph.name, list(c.reasons))
        words = max((one.words(rows) for one in c.layouts.values()), default=1)
        lean, fast = (
            passes[_LAST](c.replace(config=c.config.replace(bank_words=bank), dense=dense))
            for bank, dense in (
                (resources.MOST_BANK, True),
                (min(max(_FOLDED, words), resources.MOST_BANK), False),
            )
        )
        taken = activations_of(
            lean.layers,
            lean.layouts,
            (*c.parts.inputs, *c.states),
            (*c.kept, *c.states),
            c.config,
        )
        return Lowered(rows=rows, layers=lean.layers, fast=fast.layers, activations=taken)
