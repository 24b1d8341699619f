"""From a sum to the code that is stored: one of the core's requantizers with all that it needs."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ...isa import Isa
from ..primitives import dual_port
from ..signals import delayed, idle_high
from ..signatures import FillBus, ResultRule
from . import parameter_table, post_op, requantizer
from .drain import Drain
from .drain_order import place_layout
from .parameter_table import ParameterTable

KEPT_CYCLES = 1  # from a place to when what was kept of its sum is added


def total_cycles(config: AcceleratorConfig) -> int:
    """Cycles that it takes to add kept sums: on the ECP5 none, as there is a register to wait for
    parameters, and carries are fast."""
    return int(config.keeps_sums and config.family != "ecp5")


def total_lead(config: AcceleratorConfig) -> int:
    """Cycles from a place to when its total enters the requantizer."""
    return total_cycles(config) + dual_port.latency_of(config.family)


def release_delay(config: AcceleratorConfig) -> int:
    """Cycles for which a half of the channel parameters stays full after its last place."""
    return parameter_table.release_delay(config, total_cycles(config))


def residual_lead(config: AcceleratorConfig) -> int:
    """Cycles from a place to when the residual operand of its result is needed."""
    return total_lead(config) + requantizer.latency_of(config.family)


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
        On cores that keep sums: what is added to a sum in layers that add sums, a cycle after its
        place; sum and bias.
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
        place = Signal(self.place.shape(), name="own_place")
        m.d.comb += [
            table.awake.eq(self.awake),
            after.awake.eq(self.awake),
            place.column.eq(column),
            place.half.eq(self.place.half),
            table.place.eq(delayed(m, place, total_cycles(self.config), name="place")),
            divider.sum.eq(self._add_kept(m)),
            divider.tie_parity.eq(self.rule.tie_parity),
            after.result.eq(divider.o),
            after.residual.eq(self.residual),
            self.code.eq(after.o),
        ]
        return m

    def _add_kept(self, m):
        """The sum with what was kept, as it enters the requantizer."""
        wait = total_lead(self.config) - self.sum_latency
        if not self.config.keeps_sums:
            return delayed(m, self.sum, wait, name="sum")
        m.d.comb += self.biased.eq(self.requantizer.biased)
        early = KEPT_CYCLES - self.sum_latency
        value = delayed(m, self.sum, early, name="sum")
        add, kept = self.rule.add_sums, self.kept
        if self.carry_save:  # the lowest bit goes in as a carry
            kept = Cat(C(1, 1), kept & add.replicate(len(kept))).as_signed()
            sum_and_kept = (value + kept) >> 1
        else:
            # Choosing after the adder, not in front of it, is free on an iCE40.
            sum_and_kept = Mux(add, value + kept, value)
        total = Signal(signed(requantizer.TOTAL_BITS), name="total", reset_less=True)
        m.d.sync += total.eq(sum_and_kept)
        return delayed(m, total, wait - early - 1, name="total")
