"""Pipelined multipliers made of logic: radix 4, no vendor cells, a column's weights decoded once.

A weight is made of *nibbles* of -8 to 8, each a sign and a magnitude. The magnitude is
``low + 4 * high`` with a ``low`` of -1 to 2 and a ``high`` of 0 to 2. So a partial product has at
most four possible values, which is one look-up table a bit. To subtract, an adder adds to the
complement and its result is complemented: that is free where there is a table before and after the
adder's carries anyway. The 1 that completes a negated product would not be free. It is an output of
its own, ``carry``, which the accumulator adds later.
"""

from typing import NamedTuple

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .family import Family, check_family

_NIBBLE = 4
_OPERAND_STAGES = 2  # the operands, and the partial products


def latency_of(weight_bits: int, family: Family) -> int:
    """Cycles from operands to product. On the ECP5, whose carries are slow to enter, each level of
    sums has its registers."""
    levels = 2 if weight_bits > _NIBBLE and check_family(family) == "ecp5" else 1
    return _OPERAND_STAGES + levels


class _Nibble(NamedTuple):
    """``(low + 4 * high) * (-1 if negative else 1)``; a ``low`` of 3 means -1.

    ``turned`` is whether its sign is not that of the nibble below. It is a register of its own, as
    a second sign before an adder would take a table of its own.
    """

    low: Value
    high: Value
    negative: Value
    turned: Value


def _nibbles(weight: Value) -> list[_Nibble]:
    """A weight's nibbles, the lowest first: the sum of each times its power of 16."""
    found: list[_Nibble] = []
    carry: Value = C(0, 1)
    for k in range(0, len(weight), _NIBBLE):
        value, negative = weight[k : k + _NIBBLE - 1], weight[k + _NIBBLE - 1]
        # The magnitude is that of the complement, and 1 more if just one of both is due: a negative
        # value's 1, or the 1 that the nibble below has taken.
        flipped = value ^ negative.replicate(len(value))
        low = flipped[:2] + (negative ^ carry)
        high = (flipped[2] + (low >= 3))[:2]
        found.append(_Nibble(low[:2], high, negative, negative ^ carry))
        carry = negative
    return found


class BoothMultipliers(wiring.Component):
    """The products of an array, in which weights sink through the rows.

    ``p + carry`` is the exact product of the operands of ``latency`` cycles ago; one set of
    products a cycle. A row must have the weights that the row above had one cycle before: only
    those of the topmost row are read. The registers have no reset.

    Parameters
    ----------
    rows, columns : int
        The array.
    activation_bits, weight_bits : int
        Width of the operands; the weight's is 4 or 8.
    family : str
        Of the FPGA.
    first : int
        Products before this one, row-major, are not made.

    Members
    -------
    a, b : In(ArrayLayout(signed, rows * columns))
        Activations and weights, row-major.
    p : Out(ArrayLayout(signed, rows * columns)), carry : Out(ArrayLayout(1, rows * columns))
        Products, and what is to be added to them.

    Raises
    ------
    ValueError
        If ``weight_bits`` is something else.
    """

    def __init__(
        self,
        *,
        rows: int,
        columns: int,
        activation_bits: int,
        weight_bits: int,
        family: Family,
        first: int = 0,
    ):
        if weight_bits not in (_NIBBLE, 2 * _NIBBLE):
            raise ValueError(f"Weight bits must be 4 or 8, not {weight_bits!r}")
        self.rows = rows
        self.columns = columns
        self.first = first
        self.latency = latency_of(weight_bits, family)
        count = rows * columns
        super().__init__(
            {
                "a": In(data.ArrayLayout(signed(activation_bits), count)),
                "b": In(data.ArrayLayout(signed(weight_bits), count)),
                "p": Out(data.ArrayLayout(signed(activation_bits + weight_bits), count)),
                "carry": Out(data.ArrayLayout(1, count)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        count = self.rows * self.columns
        for column in range(self.columns):
            own = [k for k in range(column, count, self.columns) if k >= self.first]
            if not own:
                continue
            # Each row takes what the row above had a cycle ago; signs are needed later still.
            sinking = [_nibbles(self.b[own[0]])]
            for depth in range(len(own) + self.latency - 1):
                sinking.append(_later(m, sinking[-1], f"weight_{column}_{depth}"))
            for row, k in enumerate(own):
                self._add_product(m, k, sinking[row + 1 :])
        return m

    def _add_product(self, m, k, nibbles):
        """Product ``k``, from a weight's nibbles as they are at the first stage and after it."""
        activation = Signal.like(self.a[k], name=f"s1_a_{k}", reset_less=True)
        m.d.sync += activation.eq(self.a[k])

        # Stage 2: two partial products for each nibble; then their sums, of which the lowest is the
        # product or its complement
        width = len(activation) + _NIBBLE - 1  # magnitudes are 8 at most
        sums = []
        for index, nibble in enumerate(nibbles[0]):
            low, high = self._add_partial(m, f"{k}_{index}", activation, nibble)
            total = Signal(signed(width), name=f"sum_{k}_{index}")
            m.d.comb += total.eq(low + high)
            sums.append(total)
        product = Signal.like(self.p[k], name=f"product_{k}", reset_less=True)
        if len(sums) == 1:
            lowest = sums[0].as_unsigned() ^ nibbles[1][0].negative.replicate(width)
            m.d.sync += product.eq(lowest.as_signed())
        else:
            self._add_high(m, k, product, *sums, nibbles)
        m.d.comb += [
            self.p[k].eq(product),
            self.carry[k].eq(nibbles[self.latency - 1][0].negative),
        ]

    def _add_partial(self, m, name, activation, nibble):
        """The two partial products of an activation and a nibble."""
        low, high = (
            Signal(signed(len(activation) + 1), name=f"s2_{part}_{name}", reset_less=True)
            for part in ("low", "high")
        )
        # Gates and not choices: synthesis would make the zeros resets, each of a tile of its own.
        once, twice = (value.replicate(len(low)) for value in nibble.low)
        single = Cat(activation, activation[-1])
        double = Cat(C(0, 1), activation)
        m.d.sync += [
            low.eq((once & (single ^ twice)) | (~once & twice & double)),
            high.eq(_gated(nibble.high[0], single) | _gated(nibble.high[1], double)),
        ]
        # The complement of the activation is 1 less than -1 times it; that goes where `high` has no
        # bits.
        one = Signal(name=f"s2_one_{name}", reset_less=True)
        m.d.sync += one.eq(nibble.low.all())
        return low, Cat(one, C(0, 1), high).as_signed()

    def _add_high(self, m, k, product, low, high, nibbles):
        """The product from the sums of both nibbles: the high one is added to the low one or to its
        complement, and its own complement is taken, as their signs say."""
        below, above = nibbles[1]
        lowest = low[:_NIBBLE] ^ below.negative.replicate(_NIBBLE)
        rest = low[_NIBBLE:] ^ above.turned.replicate(len(low) - _NIBBLE)
        negative = above.negative
        if self.latency > _OPERAND_STAGES + 1:
            registers = [
                Signal(len(value), name=f"s3_{name}_{k}", reset_less=True)
                for name, value in (("lowest", lowest), ("rest", rest), ("high", high))
            ]
            for register, value in zip(registers, (lowest, rest, high), strict=True):
                m.d.sync += register.eq(value)
            lowest, rest, high = registers
            negative = nibbles[2][1].negative
        total = Signal(signed(len(product) - _NIBBLE), name=f"total_{k}")
        m.d.comb += total.eq(rest.as_signed() + high.as_signed())
        m.d.sync += product.eq(Cat(lowest, total ^ negative.replicate(len(total))))


def _gated(bit: Value, value: Value) -> Value:
    return value & bit.replicate(len(value))


def _later(m, nibbles, name):
    """The same a cycle later."""
    following = []
    for index, nibble in enumerate(nibbles):
        stage = _Nibble(
            *(
                Signal(len(value), name=f"{name}_{part}_{index}", reset_less=True)
                for part, value in nibble._asdict().items()
            )
        )
        m.d.sync += [register.eq(value) for register, value in zip(stage, nibble, strict=True)]
        following.append(stage)
    return following
