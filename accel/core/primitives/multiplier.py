"""A bank of independent registered multipliers, in DSP cells where the family has them."""

from itertools import pairwise

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accel.core.primitives import ecp5, ice40
from accel.core.primitives.family import Family, check_family

from ..signals import delayed, idle_high
from .fanout import fan_out

# The ECP5's DSPs lie in few rows across the whole die, so the paths there and back have a register.
_ECP5_HOPS = 2
_ECP5_NEIGHBOURS = 16  # cells enabled by one register
_LATENCY = {"generic": 2, "ice40up": ice40.LATENCY, "ice40hx": 2, "ecp5": ecp5.LATENCY + _ECP5_HOPS}
_OPERAND_WIDTH = {"ice40up": ice40.OPERAND_WIDTH, "ecp5": ecp5.OPERAND_WIDTH}
_PRODUCTS_PER_CELL = {"ice40up": 2, "ecp5": 1}


def latency_of(family: Family) -> int:
    """Cycles from operands to product in a family."""
    return _LATENCY[check_family(family)]


def cells_of(family: Family, count: int) -> int:
    """DSP cells that ``count`` products take in a family."""
    check_family(family)
    return -(-count // _PRODUCTS_PER_CELL[family]) if family in _PRODUCTS_PER_CELL else 0


def products_of(family: Family, cells: int) -> int:
    """Products that ``cells`` DSP cells make in a family; none in a family without."""
    return cells * _PRODUCTS_PER_CELL.get(check_family(family), 0)


class Multiplier(wiring.Component):
    """``count`` independent products, ``p[k] = a[k] * b[k]``, exact.

    Latency: ``latency`` cycles (2, on ECP5 5); throughput: one set of products a cycle. The
    registers have no reset.

    The cells rest while ``en`` is 0: their registers keep their values, and with them what was on
    its way. On ECP5 the cells lie all over the die, so they rest one cycle later than ``en``, and
    the registers of the paths there and back work on: operands and products are lost then. A user
    sets ``en`` no later than the first operands, until the last product has come.

    Parameters
    ----------
    count : int
        Number of products.
    activation_shape, weight_shape : ShapeLike
        Shapes of the operands. On ``"ice40up"`` at most 8 bits each, on ``"ecp5"`` at most 18
        signed.
    family : str
        ``"ice40up"`` takes ``ceil(count / 2)`` SB_MAC16, ``"ecp5"`` takes ``count`` MULT18X18D,
        ``"ice40hx"`` and ``"generic"`` leave the multiplication to synthesis.
    simulate : bool
        Take the behavioural twin of the same latency instead of the vendor's cells.

    Members
    -------
    en : In(1)
        Clock enable, 1 unless connected.
    a, b : In(ArrayLayout(activation_shape, count)), In(ArrayLayout(weight_shape, count))
        Operands.
    p : Out(ArrayLayout(product_shape, count))
        Products.

    Raises
    ------
    ValueError
        If ``count`` is not positive, the family unknown or an operand too wide for its cells.
    """

    def __init__(
        self,
        *,
        count: int,
        activation_shape,
        weight_shape,
        family: Family = "generic",
        simulate: bool = False,
    ):
        if not isinstance(count, int) or count < 1:
            raise ValueError(f"Multiplier count must be a positive integer, not {count!r}")
        self.count = count
        self.activation_shape = Shape.cast(activation_shape)
        self.weight_shape = Shape.cast(weight_shape)
        self.family = check_family(family)
        self.simulate = simulate
        for operand in (self.activation_shape, self.weight_shape):
            _check_operand(family, operand)
        super().__init__(
            {
                "en": idle_high(In),
                "a": In(data.ArrayLayout(self.activation_shape, count)),
                "b": In(data.ArrayLayout(self.weight_shape, count)),
                "p": Out(data.ArrayLayout(self.product_shape, count)),
            }
        )

    @property
    def product_shape(self) -> Shape:
        """The shape that holds every product."""
        is_signed = self.activation_shape.signed or self.weight_shape.signed
        return Shape(self.activation_shape.width + self.weight_shape.width, is_signed)

    @property
    def latency(self) -> int:
        """Cycles from the operands to their product, the same with and without ``simulate``."""
        return latency_of(self.family)

    @property
    def cells(self) -> int:
        """Number of the family's DSP cells that this takes."""
        return cells_of(self.family, self.count)

    def elaborate(self, platform):
        m = Module()
        match "generic" if self.simulate else self.family:
            case "generic" | "ice40hx":
                self._add_behavioural(m)
            case "ice40up":
                self._add_ice40up(m)
            case "ecp5":
                self._add_ecp5(m)
        return m

    def _add_behavioural(self, m):
        far = self.family == "ecp5"
        enabled = delayed(m, self.en, 1, name="enabled") if far else self.en
        for k in range(self.count):
            a = Signal(self.activation_shape, name=f"s0_a_{k}", reset_less=True)
            b = Signal(self.weight_shape, name=f"s0_b_{k}", reset_less=True)
            stages = [
                Signal(self.product_shape, name=f"s{s}_p_{k}", reset_less=True)
                for s in range(1, self.latency)
            ]
            ways = [a.eq(self.a[k]), b.eq(self.b[k])]
            cell = [stages[0].eq(a * b)]
            moves = [after.eq(before) for before, after in pairwise(stages)]
            if far:
                m.d.sync += [*ways, moves.pop()]
            else:
                cell += ways
            with m.If(enabled):
                m.d.sync += [*cell, *moves]
            m.d.comb += self.p[k].eq(stages[-1])

    def _add_ice40up(self, m):
        a_shape = Shape(ice40.OPERAND_WIDTH, self.activation_shape.signed)
        b_shape = Shape(ice40.OPERAND_WIDTH, self.weight_shape.signed)
        for cell in range(self.cells):
            dual = ice40.DualMultiplier(a_shape, b_shape)
            m.submodules[f"dual_{cell}"] = dual
            m.d.comb += dual.en.eq(self.en)
            for half, k in enumerate(range(2 * cell, min(2 * cell + 2, self.count))):
                m.d.comb += [
                    dual.a[half].eq(self.a[k]),
                    dual.b[half].eq(self.b[k]),
                    self.p[k].eq(dual.p[half]),
                ]

    def _add_ecp5(self, m):
        copies = -(-self.count // _ECP5_NEIGHBOURS)
        enabled = fan_out(m, self.en, copies, family=self.family, simulate=False, name="enabled")
        for k in range(self.count):
            m.submodules[f"mult_{k}"] = mult = ecp5.RegisteredMultiplier()
            product = Signal(self.product_shape, name=f"s4_p_{k}", reset_less=True)
            a = Signal(self.activation_shape, name=f"s0_a_{k}", reset_less=True)
            b = Signal(self.weight_shape, name=f"s0_b_{k}", reset_less=True)
            m.d.sync += [a.eq(self.a[k]), b.eq(self.b[k]), product.eq(mult.p)]
            m.d.comb += [
                mult.en.eq(enabled[k // _ECP5_NEIGHBOURS]),
                mult.a.eq(a),
                mult.b.eq(b),
                self.p[k].eq(product),
            ]


def _check_operand(family: Family, operand: Shape):
    if family not in _OPERAND_WIDTH:
        return
    limit = _OPERAND_WIDTH[family]
    # The cells of the ECP5 are used as signed ones, so an unsigned operand needs a sign bit more.
    width = operand.width + (family == "ecp5" and not operand.signed)
    if width > limit:
        raise ValueError(
            f"Multiplier operand on {family!r} must be at most {limit} bits wide, not {operand!r}"
        )
