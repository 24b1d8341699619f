"""From a sum to the code that is stored: one of the core's requantizers with all that it needs."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ...isa import Isa
from ..primitives import dual_port
from ..signals import delayed, idle_high
from ..signatures import FillBus, ResultRule
from . import post_op, requantizer
from .drain import Drain
from .drain_order import place_layout
from .parameter_table import ParameterTable


def residual_lead(config: AcceleratorConfig) -> int:
    """Cycles from a place to when the residual operand of its result is needed."""
    return dual_port.latency_of(config.family) + requantizer.latency_of(config.family)


class ResultUnit(wiring.Component):
    """Requantizes the sums of some columns and applies the post-op.

    Timing: one sum a cycle. ``sum`` comes `Drain.latency` cycles after its ``place``, ``residual``
    ``residual_lead`` cycles after it, and ``code`` the latency of the post-op after that.

    Parameters
    ----------
    index
        Which of the ``requantizers`` it is.
    drain
        Where the sums come from: their shape, and their latency.
    carry_save
        Sums count halves, at their lowest bit, and are rounded up.

    Members
    -------
    awake : In(1)
        1 unless connected. While it is 0 no results come, and no memory is read.
    fill : In(FillBus), rule : In(ResultRule)
        Its channel parameters and lookup tables; the layer's rules.
    place : In(place_layout), sum : In(sum_shape)
        A sum and its column.
    residual : In(8)
        The residual operand, code + 128.
    kept : In(signed(32)), biased : Out(signed(32))
        On cores that keep sums: what is added to ``sum`` in layers that add sums; sum and bias, as
        `SumsTiming` says.
    code : Out(8)
        The code to store.
    """

    def __init__(
        self,
        config: AcceleratorConfig,
        index: int,
        drain: Drain,
        *,
        carry_save: bool,
        simulate: bool = False,
    ):
        self.config = config
        self.sum_latency = drain.latency
        self.carry_save = carry_save
        self.table = ParameterTable(config, index=index, simulate=simulate)
        self.requantizer = requantizer.Requantizer(
            Isa(config), carry_save=carry_save and not config.keeps_sums, wide=config.keeps_sums
        )
        self.post_op = post_op.PostOpUnit(config, simulate=simulate)
        total = signed(requantizer.TOTAL_BITS)
        super().__init__(
            {
                **({"kept": In(total), "biased": Out(total)} if config.keeps_sums else {}),
                "awake": idle_high(In),
                "fill": In(FillBus(config)),
                "rule": In(ResultRule(config)),
                "place": In(place_layout(config)),
                "sum": In(drain.sum_shape),
                "residual": In(post_op.CODE_BITS),
                "code": Out(post_op.CODE_BITS),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.parameters = table = self.table
        m.submodules.requantizer = divider = self.requantizer
        m.submodules.post_op = after = self.post_op
        wiring.connect(m, wiring.flipped(self.fill), table.fill, after.fill)
        wiring.connect(m, wiring.flipped(self.rule), after.rule)
        wiring.connect(m, divider.parameters, table.read)
        column = self.place.column
        if self.config.broadcast_rows > 1:
            # All broadcast rows have the channel parameters of the first one.
            first = self.config.rows // self.config.requantizers
            column = Mux(self.rule.broadcast, column % first, column)
        m.d.comb += [
            table.awake.eq(self.awake),
            after.awake.eq(self.awake),
            table.place.column.eq(column),
            table.place.half.eq(self.place.half),
            divider.sum.eq(self._add_kept(m, table.latency - self.sum_latency)),
            divider.tie_parity.eq(self.rule.tie_parity),
            after.result.eq(divider.o),
            after.residual.eq(self.residual),
            self.code.eq(after.o),
        ]
        return m

    def _add_kept(self, m, cycles):
        """The sum of some cycles ago, with what was kept."""
        if not self.config.keeps_sums:
            return delayed(m, self.sum, cycles, name="sum")
        m.d.comb += self.biased.eq(self.requantizer.biased)
        add, value, kept = self.rule.add_sums, self.sum, self.kept
        if self.carry_save:  # the lowest bit goes in as a carry
            kept = Cat(C(1, 1), kept & add.replicate(len(kept))).as_signed()
            total = (value + kept) >> 1
        else:
            # Choosing after the adder, not in front of it, is free on an iCE40.
            total = Mux(add, value + kept, value)
        total_sum = Signal(signed(requantizer.TOTAL_BITS), name="total", reset_less=True)
        m.d.sync += total_sum.eq(total)
        return delayed(m, total_sum, cycles - 1, name="sum")
