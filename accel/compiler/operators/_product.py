"""Products of two activations on a core that multiplies by constants: by their nibbles.

With ``a = 16 * ah + al``, and ``b`` alike, a product is

    256 * ah * bh + 16 * (ah * bl + al * bh) + al * bl

and each of the four pairs of nibbles is a code, whose product is a table's. A high nibble is its
code divided by 16 and rounded down, a low one what that leaves, which is a sum:

    stack = a, ah, ah, b, bh          copies, of which some are divided by 16
    planes = ah * bh, ah * bl, ...    sums over the stack, through tables
    output = rule(256 * ah * bh + ...)

The stack and the planes are tensors of one row for each of their parts, with all positions in it,
so that a sum over the parts is a window of their height. The zero points are in the tables, so
that the last sum is the exact product of the centred codes; its rule is proved as that of any
convolution.

On a core that finishes one result a cycle this takes 12 cycles an element, memory for five rows of
the stack and four or five planes at a time, and 1 KiB of program for each plane on a core of 4
rows. Alternatives take more: by the bits of one operand there are eight planes of two layers each,
and by squares of sum and difference eight tables.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ...config import AcceleratorConfig
from ...numeric.elementwise import lookup_tables
from ...numeric.rounding import CONTRACTS
from ...numeric.rules.floating import FloatProduct, RealProduct
from ...numeric.rules.rules import Mean, Rescale, Rule, Table
from ..ir.graph import Graph, Node
from ..ir.layer import Convolution, PostOp, Region
from ..ir.tensor_layout import TensorLayout, layout_of
from ._binary import in_float32, quantizations
from ._kinds import Operand
from ._linear import multiplier
from ._operator import affine, input_tensor, output_tensor, support

_CODES = np.arange(-128, 128, dtype=np.int64)
_HIGHEST = 128  # weights are -128..127
# Rows of a stack. The high nibble of a has two, since its weight of 256 is the sum of two.
_STACK = ("ah", "a", "ah", "bh", "b")
_MOST_POSITIONS = 900  # of a strip: the core's counters end at 1023, padding included
_SHARE = 12  # a plane takes at most this part of a bank


@dataclass(frozen=True)
class _Plane:
    """A pair of nibbles: the weights of the stack's rows and the bias that pack it into one code.

    ``first`` and ``second`` unpack the two nibbles from codes.
    """

    name: str
    weights: tuple[int, ...]
    bias: int
    first: Callable[[np.ndarray], np.ndarray]
    second: Callable[[np.ndarray], np.ndarray]
    high: tuple[bool, bool]  # whether the nibbles are the high ones

    @property
    def factor(self) -> int:
        return 16 ** sum(self.high)


_PLANES = (
    # 16 * ah + bh + 8
    _Plane("hh", (0, 0, 16, 1, 0), 8, lambda c: c >> 4, lambda c: (c & 15) - 8, (True, True)),
    # 16 * ah + b - 16 * bh
    _Plane("hl", (0, 0, 16, -16, 1), 0, lambda c: c >> 4, lambda c: c & 15, (True, False)),
    # a - 16 * ah + 16 * bh
    _Plane("lh", (0, 1, -16, 16, 0), 0, lambda c: c & 15, lambda c: c >> 4, (False, True)),
    # 16 * (a - 16 * ah) + b - 16 * bh - 128
    _Plane(
        "ll",
        (-128, 16, -128, -16, 1),
        -128,
        lambda c: (c + 128) >> 4,
        lambda c: (c + 128) & 15,
        (False, False),
    ),
)


@dataclass(frozen=True)
class _Term:
    """A plane as it is stored: a code for each pair of nibbles.

    ``weight`` times the code plus ``rest`` is the plane's part of the product.
    """

    plane: _Plane
    codes: np.ndarray
    weight: int
    rest: int


def product_rule(node: Node, graph: Graph, low: int, high: int) -> Rule:
    """The output code for a product of two centred codes.

    Source: TFLite's ``MulElementwise``, ONNX Runtime's ``MlasQLinearMul`` or its Mul.
    """
    first, second, result = quantizations(node, graph)
    output = output_tensor(node, graph)
    channels = output.shape[-1]
    if CONTRACTS[graph.contract].floating:
        kind = RealProduct if in_float32(node) else FloatProduct
        return kind(first, second, result, low, high, channels)
    pair = np.array(multiplier(node, graph, first.scale, second.scale), np.int64)
    table = np.tile(pair, (channels, 1))
    zero_point = result.zero_point
    return Rescale(graph.contract, table[:, 0].copy(), table[:, 1].copy(), zero_point, low, high)


def lower_product(
    node: Node,
    graph: Graph,
    operands: tuple[Operand, Operand],
    rule: Rule,
    config: AcceleratorConfig,
) -> list[Convolution]:
    """The convolutions of ``rule`` of the product of two activations, which broadcast."""
    number = config.number_format
    low, _ = number.weight_range
    what = f"two activations are multiplied with weights of -{_HIGHEST}..16"
    why = f"the core is built for {number.title}"
    support(low <= -_HIGHEST and number.exact, node, what, why, "use a core of a wider format")
    output = layout_of(output_tensor(node, graph))
    zero_points = [affine(input_tensor(node, graph, index)).zero_point for index in (0, 1)]
    terms = list(_terms(*zero_points))
    strips = list(_strips(output, config))
    convolutions = []
    for index, rows in enumerate(strips):
        prefix = node.name if len(strips) == 1 else f"{node.name}_{index}"
        strip = _Strip(node, prefix, output, rows, terms)
        convolutions += [*strip.stacked(operands), *strip.planes(), strip.summed(rule)]
    return convolutions


def _terms(first: int, second: int) -> Iterator[_Term]:
    """The tables of all planes: products of nibbles, with zero points subtracted."""
    for plane in _PLANES:
        nibbles = plane.first(_CODES), plane.second(_CODES)
        zeros = [
            z >> 4 if high else z & 15 for z, high in zip((first, second), plane.high, strict=True)
        ]
        values = (nibbles[0] - zeros[0]) * (nibbles[1] - zeros[1])
        if plane.factor < _HIGHEST:
            yield _term(plane, values, plane.factor)
        elif np.ptp(values) < _HIGHEST:
            yield _term(plane, -2 * values, -plane.factor // 2)
        else:
            yield from [_term(plane, -values, -plane.factor // 2)] * 2


def _term(plane: _Plane, values: np.ndarray, weight: int) -> _Term:
    """Values span at most 225, or twice 127 where doubled, so that an offset fits them to codes."""
    offset = int(values.min()) + 128
    return _Term(plane, values - offset, weight, weight * offset)


def _strips(output: TensorLayout, config: AcceleratorConfig) -> Iterator[range]:
    """Ranges of the output's rows, each of which is computed on its own."""
    words = output.channel_words(config.rows)
    positions = min(_MOST_POSITIONS, config.bank_words // (_SHARE * words))
    together = max(1, positions // output.width)
    count = -(-output.height // together)
    for index in range(count):
        yield range(index * output.height // count, (index + 1) * output.height // count)


@dataclass(frozen=True)
class _Strip:
    """A range of the output's rows, and the layers that compute it."""

    node: Node
    prefix: str
    output: TensorLayout
    rows: range
    terms: list[_Term]

    @property
    def positions(self) -> int:
        return len(self.rows) * self.output.width

    @property
    def stack(self) -> str:
        return f"{self.node.outputs[0]} ({self.prefix} stack)"

    @property
    def partial(self) -> str:
        return f"{self.node.outputs[0]} ({self.prefix} planes)"

    def stacked(self, operands: tuple[Operand, Operand]) -> Iterator[Convolution]:
        """The operands, repeated where they are smaller, and their high nibbles."""
        for row, part in enumerate(_STACK):
            name, small = operands["ab".index(part[0])]
            yield self._copy(f"{part}{row}", name, small, row, part.endswith("h"))

    def _copy(
        self, part: str, source: str, small: TensorLayout, row: int, divided: bool
    ) -> Convolution:
        channels, height = self.output.channels, len(self.rows)
        few = small.channels != channels
        weights = np.ones((channels, 1, 1, 1) if few else (1, 1, channels), np.int64)
        top = row * height
        tall, wide = small.height > 1, small.width > 1
        rule: Rule = Mean(1, -128, 127, channels=channels)
        if divided:
            rule = Table(np.tile(_CODES >> 4, (channels, 1)), -128)
        return Convolution(
            name=f"{self.prefix}_{part}",
            node=self.node.name,
            source=source,
            output=self.stack,
            input_shape=small.shape,
            output_shape=(len(_STACK) * height, self.output.width, channels),
            weights=weights,
            bias=np.zeros(channels, np.int64),
            rule=rule,
            pad=0,
            stride=(int(tall), int(wide)),
            padding=(top - self.rows.start if tall else 0, 0),
            region=Region(top, 0, height, self.output.width),
            uniform=not few,
        )

    def planes(self) -> Iterator[Convolution]:
        for row, term in enumerate(self.terms):
            table = lookup_tables.of_unary(term.codes)
            low, high = int(term.codes.min()), int(term.codes.max())
            plane = term.plane
            yield self._window(
                f"{plane.name}{row}",
                (self.stack, len(_STACK)),
                (self.partial, (len(self.terms), self.positions), (row, 0)),
                plane.weights,
                plane.bias,
                Mean(1, -128, 127, channels=self.output.channels),
            ).replace(post_op=PostOp(lookup_tables=table, low=low, high=high))

    def summed(self, rule: Rule) -> Convolution:
        return self._window(
            "sum",
            (self.partial, len(self.terms)),
            (
                self.node.outputs[0],
                (1, self.output.height * self.output.width),
                (0, self.rows.start * self.output.width),
            ),
            tuple(term.weight for term in self.terms),
            sum(term.rest for term in self.terms),
            rule,
        )

    def _window(
        self,
        part: str,
        source: tuple[str, int],
        output: tuple[str, tuple[int, int], tuple[int, int]],
        weights: tuple[int, ...],
        bias: int,
        rule: Rule,
    ) -> Convolution:
        """A weighted sum over the source's rows; leading and trailing weights of 0 are left out.

        ``output`` is the tensor's name, its height and width, and where the first position goes.
        """
        (name, height), (to, shape, place) = source, output
        channels = self.output.channels
        used = np.flatnonzero(weights)
        first, end = int(used[0]), int(used[-1]) + 1
        column = np.array(weights[first:end], np.int64).reshape(-1, 1, 1)
        return Convolution(
            name=f"{self.prefix}_{part}",
            node=self.node.name,
            source=name,
            output=to,
            input_shape=(height, self.positions, channels),
            output_shape=(*shape, channels),
            weights=np.tile(column, (1, 1, channels)),
            bias=np.full(channels, bias, np.int64),
            rule=rule,
            pad=0,
            padding=(place[0] - first, place[1]),
            region=Region(*place, 1, self.positions),
            uniform=True,
        )
