"""Products of two activations on a core that multiplies by weights: one factor becomes the weights.

A chunk lies in memory, and a layer writes wherever it is told to. So the second factor is copied to
where a chunk has its weights, and the layer of that chunk multiplies the first factor by them. The
sum over ``k`` of ``(a - za) * (b - zb)`` is, in the order of the layer's taps:

    a * b               the weights of the first tap are the codes of the second factor
    -za * b             a tap that lies outside of the input reads ``pad``, which is -za
    -zb * a             a row of the kernel reads the input's row again, by constant weights
    + za * zb           the bias

A code of -128 has a negative that is no code: there are two such taps, or rows, of 64.

The weights of a reduction step are the second factor's row, as it lies in memory. A factor that
comes with rows for columns is turned first, and so is a first factor: a word holds neighbouring
columns of a row, so a layer for each byte of the words picks a column out of as many neighbouring
rows as a word has bytes, and writes them as a word.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...config import AcceleratorConfig
from ...isa import Isa
from ...numeric.rules.rules import Mean, Rule
from ..ir.graph import Node
from ..ir.layer import ComputedWeights, Convolution, Region
from ..ir.tensor_layout import TensorLayout
from ._operator import support

_MOST_LAYERS = 512  # of a product: more take longer than the driver
_HALF = 64  # 128 is the sum of two of these
_IN_DRIVER = "the driver can"


@dataclass(frozen=True, kw_only=True)
class Factor:
    """A tensor of matrices.

    ``before`` are the dimensions before the last two, ``rows`` and ``columns`` those of a matrix as
    it is stored; it is ``transposed`` before it is multiplied.
    """

    name: str
    before: tuple[int, ...]
    rows: int
    columns: int
    zero_point: int
    transposed: bool = False

    @property
    def height(self) -> int:
        """Rows of a matrix as it is multiplied."""
        return self.columns if self.transposed else self.rows

    @property
    def width(self) -> int:
        """Columns of a matrix as it is multiplied."""
        return self.rows if self.transposed else self.columns

    @property
    def count(self) -> int:
        """How many matrices there are."""
        return int(np.prod(self.before, dtype=np.int64))


def product_layers(
    node: Node, first: Factor, second: Factor, rule: Rule, config: AcceleratorConfig
) -> list[Convolution]:
    """The convolutions of ``rule`` of all products of a matrix of the first factor by one of the
    second; dimensions before the last two broadcast.

    Raises ``UnsupportedOperator`` where the core's words are not made for it.
    """
    number = config.number_format
    codes = number.weight_bits == 8 and number.exact and not number.sub_byte
    whole = codes and config.columns % config.rows == 0
    why = "weights of the core are not whole words of activations"
    support(whole, node, "multiplies two activations", why, _IN_DRIVER)
    plain_factors, layers = list[Factor](), list[Convolution]()
    for factor, what in ((first, "first"), (second, "second")):
        if factor.transposed:
            name = f"{node.outputs[0]} ({node.name} {what} turned)"
            layers += _turned(node, f"{node.name}_{what}", factor, name, config)
            factor = Factor(
                name=name,
                before=factor.before,
                rows=factor.height,
                columns=factor.width,
                zero_point=factor.zero_point,
            )
        plain_factors.append(factor)
    first, second = plain_factors
    before = np.broadcast_shapes(first.before, second.before)
    ones, others = (
        np.broadcast_to(np.arange(f.count).reshape(f.before), before).ravel().tolist()
        for f in (first, second)
    )
    for index, (one, other) in enumerate(zip(ones, others, strict=True)):
        name = f"{node.name}_{index}" if len(ones) > 1 else node.name
        product = _Product(node, name, first, second, (one, other, index), config)
        layers += [*product.copies(), product.multiplied(rule, len(ones))]
    many = f"takes {len(layers):,} layers, more than {_MOST_LAYERS}"
    support(len(layers) <= _MOST_LAYERS, node, many, "", _IN_DRIVER)
    return layers


def _turned(
    node: Node, prefix: str, factor: Factor, output: str, config: AcceleratorConfig
) -> Iterator[Convolution]:
    """Layers that exchange the rows and the columns of all matrices.

    Each reads ``lanes`` neighbouring rows, of all words a byte, and writes a word for each.
    """
    lanes = config.rows
    words, made = -(-factor.columns // lanes), -(-factor.rows // lanes)
    for matrix in range(factor.count):
        for lane in range(min(lanes, factor.columns)):
            weights = np.zeros((lanes, lanes, 1, lanes), np.int64)
            weights[np.arange(lanes), np.arange(lanes), 0, lane] = 1
            top, count = matrix * factor.columns + lane, -(-(factor.columns - lane) // lanes)
            yield Convolution(
                name=f"{prefix}_turned{matrix * lanes + lane}",
                node=node.name,
                source=factor.name,
                output=output,
                input_shape=(factor.count * factor.rows, words, lanes),
                output_shape=(factor.count * factor.columns, made, lanes),
                weights=weights,
                bias=np.zeros(lanes, np.int64),
                rule=Mean(1, -128, 127, channels=lanes),
                pad=0,
                stride=(lanes, 1),
                padding=(-matrix * factor.rows, top),
                region=Region(0, top, made, count),
                output_stride=(1, lanes),
                transposed=True,
            )


@dataclass(frozen=True)
class _Product:
    """One matrix by another: ``at`` says which of the factors' and of the output's matrices."""

    node: Node
    name: str
    first: Factor
    second: Factor
    at: tuple[int, int, int]
    config: AcceleratorConfig

    @property
    def weights(self) -> str:
        return f"{self.node.outputs[0]} ({self.name} weights)"

    @property
    def words(self) -> int:
        """Words of a row of the first factor."""
        return -(-self.first.width // self.config.rows)

    @property
    def outside(self) -> int:
        """Taps that read the first factor's zero point."""
        return _parts(self.first.zero_point)

    @property
    def again(self) -> int:
        """Rows of the kernel that read the first factor once more."""
        return _parts(self.second.zero_point)

    @property
    def stored(self) -> TensorLayout:
        """The weights, as `ComputedWeights` has them."""
        config = self.config
        groups = -(-self.second.width // config.columns)
        steps = (1 + self.again) * (1 + self.outside) * self.words * config.rows
        return TensorLayout(groups, self._parameters + steps, config.columns)

    @property
    def _parameters(self) -> int:
        """Positions of a group's channel parameters."""
        return self.config.rows * Isa(self.config).channel_parameter_words

    def copies(self) -> Iterator[Convolution]:
        """Layers that write the second factor where the weights are."""
        second, columns = self.second, self.config.columns
        for group in range(self.stored.height):
            picked = np.eye(columns, second.width, group * columns, dtype=np.int64)
            for tap in range(1 + self.outside):
                step = self._parameters + tap * self.words * self.config.rows
                yield Convolution(
                    name=f"{self.name}_weights{group * (1 + self.outside) + tap}",
                    node=self.node.name,
                    source=second.name,
                    output=self.weights,
                    input_shape=(1, second.count * second.height, second.width),
                    output_shape=self.stored.shape,
                    weights=picked[:, None, None],
                    bias=np.zeros(columns, np.int64),
                    rule=Mean(1, -128, 127, channels=columns),
                    pad=0,
                    padding=(group, step - self.at[1] * second.height),
                    region=Region(group, step, 1, second.height),
                )

    def multiplied(self, rule: Rule, count: int) -> Convolution:
        """The layer that multiplies by them; the output has ``count`` matrices."""
        first, second = self.first, self.second
        height, depth = first.height, first.width
        weights = np.zeros((second.width, 1 + self.again, 1 + self.outside, depth), np.int64)
        weights[:, 1:, 0] = -second.zero_point // max(1, self.again)
        bias = depth * first.zero_point * second.zero_point
        least, greatest = self._sums()
        origin, place = self.at[0] * height, self.at[2] * height
        return Convolution(
            name=self.name,
            node=self.node.name,
            source=first.name,
            output=self.node.outputs[0],
            input_shape=(first.count * height, 1, depth),
            output_shape=(count * height, 1, second.width),
            weights=weights,
            bias=np.full(second.width, bias, np.int64),
            rule=rule,
            pad=-first.zero_point // max(1, self.outside),
            padding=(place - origin, 0),
            region=Region(place, 0, height, 1),
            rereads=self.again > 0,
            macs=height * depth * second.width,
            computed=ComputedWeights(self.weights, least - bias, greatest - bias),
        )

    def _sums(self) -> tuple[int, int]:
        """The least and the greatest sum of products of centred codes."""
        ends = [
            (-128 - factor.zero_point, 127 - factor.zero_point)
            for factor in (self.first, self.second)
        ]
        products = [a * b for a in ends[0] for b in ends[1]]
        return self.first.width * min(products), self.first.width * max(products)


def _parts(zero_point: int) -> int:
    """How many weights, or codes, add up to minus a zero point."""
    return 0 if not zero_point else 1 + (zero_point == -2 * _HALF)
