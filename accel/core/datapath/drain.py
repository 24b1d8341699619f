"""Takes the finished sums out of the array while the next tile is being computed."""

from functools import reduce
from operator import or_

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ..primitives.family import Family
from ..primitives.fanout import column_groups, fan_out
from ..signals import step_layout
from .drain_order import DrainOrder, place_layout


def latency_of(family: Family) -> int:
    """Cycles from a place to its sums: on the ECP5 choosing a row takes a register."""
    return 1 if family == "ecp5" else 0


class Drain(wiring.Component):
    """Takes each row's sums over when they are finished, and emits them row by row.

    Timing: begins in the cycle after ``finished[0]`` and emits ``requantizers`` neighbouring
    columns a cycle, for ``drain_cycles`` cycles without a pause, or in a layer with a residual
    operand every ``pace`` cycles; in a layer of wide sums when it is told to. The next tile must
    not finish earlier. ``o`` comes ``latency`` cycles after the ``places`` of its sums.

    Parameters
    ----------
    config
        Of the core.
    sum_shape
        Shape of the array's sums, by default of ``sum_bits``.
    simulate
        One register instead of several that hold the same.

    Members
    -------
    sums, finished, step : In
        As `SystolicArray` has them.
    residual : In(1)
        The layer has a residual operand. Where ``pace`` is more than 1.
    wide, emit_next : In(1)
        On cores that keep sums: in this layer sums are emitted in the cycle after ``emit_next``.
    valid : Out(1)
        Sums are emitted in this cycle.
    places : Out(ArrayLayout(place_layout, requantizers))
        Their column, in units of ``requantizers``, and the half of the channel parameters that they
        need: the same for each requantizer, on the ECP5 from registers of their own.
    o : Out(ArrayLayout(sum_shape, requantizers))
        The sums of neighbouring columns.
    release : Out(1), release_half : Out(1)
        The last sums of a group of output channels are being emitted, and the half that it used.
    """

    def __init__(
        self,
        config: AcceleratorConfig,
        sum_shape: Shape | None = None,
        *,
        simulate: bool = False,
    ):
        self.config = config
        self.simulate = simulate
        self.groups = column_groups(config)
        self.sum_shape = sum_shape = sum_shape or signed(config.sum_bits)
        super().__init__(
            {
                "sums": In(data.ArrayLayout(sum_shape, config.rows * config.columns)),
                "finished": In(config.rows * self.groups),
                "step": In(step_layout),
                **({"residual": In(1)} if config.pace > 1 else {}),
                **({"wide": In(1), "emit_next": In(1)} if config.keeps_sums else {}),
                "valid": Out(1),
                "places": Out(data.ArrayLayout(place_layout(config), config.requantizers)),
                "o": Out(data.ArrayLayout(sum_shape, config.requantizers)),
                "release": Out(1),
                "release_half": Out(1),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from a place to its sums."""
        return latency_of(self.config.family)

    def elaborate(self, platform):
        m = Module()
        rows, columns, count = self.config.rows, self.config.columns, self.config.requantizers
        m.submodules.order = order = DrainOrder(self.config)
        m.d.comb += [
            order.finished.eq(self.finished[0]),
            order.step.eq(self.step),
            *([order.residual.eq(self.residual)] if order.paced else []),
            *([order.sums.eq(self.wide)] if order.keeps else []),
            *([order.emit_next.eq(self.emit_next)] if order.keeps else []),
            self.valid.eq(order.valid),
            self.release.eq(order.release),
            self.release_half.eq(order.place.half),
        ]
        self._show_places(m, order)

        # Which row moves, bit by bit, for each group of columns
        at_row = Cat(order.row == r for r in range(rows))
        paced = order.paced or order.keeps
        moving = [at_row & order.move.replicate(rows) if paced else at_row] * self.groups
        if self.latency:
            moving = self._moving_next(m, at_row, order)
        held = [
            Signal(data.ArrayLayout(self.sum_shape, columns), name=f"held_{r}", reset_less=True)
            for r in range(rows)
        ]
        # A row's sums are all there when the first row has been emitted. So the others are one
        # chain, and there are two to choose from.
        chained = not self.latency and rows - 1 <= columns // count
        if chained:
            first, others = at_row[0] & order.move, ~at_row[0] & order.move
            moving = [Cat(first, others.replicate(rows - 1))]
        for r in range(rows):
            after = held[r + 1] if chained and 0 < r < rows - 1 else None
            self._add_row(m, r, held[r], after, [group[r] for group in moving])
        emitted = [[sums[c] for c in range(count)] for sums in held]
        if self.latency:
            self._choose_registered(m, moving, emitted)
        else:
            chosen = Array(Cat(sums) for sums in emitted[: 2 if chained else rows])
            at = ~at_row[0] if chained else order.row
            m.d.comb += self.o.as_value().eq(chosen[at])
        return m

    def _add_row(self, m, r, held, after, moving):
        """The sums of a row, which shift towards column 0 while the row is emitted, and those of
        the row after it if that is one chain with it."""
        columns, count = self.config.columns, self.config.requantizers
        following = [held[c] for c in range(count, columns)]
        if after is not None:
            following += [after[c] for c in range(count)]
        for g in range(self.groups):
            neighbours = range(g, columns, self.groups)
            with m.If(self.finished[r * self.groups + g]):
                m.d.sync += [held[c].eq(self.sums[r * columns + c]) for c in neighbours]
            with m.Elif(moving[g]):
                m.d.sync += [held[c].eq(following[c]) for c in neighbours if c < len(following)]

    def _choose_registered(self, m, moving, emitted):
        """The row that is emitted, a cycle later: each two rows are chosen from into a register."""
        pairs = []
        for r in range(0, self.config.rows, 2):
            pair = Signal(self.o.shape(), name=f"pair_{r}", reset_less=True)
            for c in range(self.config.requantizers):
                selected = moving[c % self.groups][r : r + 2]
                sums = [row[c] for row in emitted[r : r + 2]]
                m.d.sync += pair[c].eq(_either(selected, sums))
            pairs.append(pair.as_value())
        m.d.comb += self.o.as_value().eq(reduce(or_, pairs))

    def _show_places(self, m, order):
        """The place for each requantizer."""
        count, places = self.config.requantizers, [order.place.as_value()]
        if self.latency:
            places = self._fan_out(m, order.place_next.as_value(), count, "place")
        for q in range(count):
            m.d.comb += self.places[q].as_value().eq(places[q % len(places)])

    def _fan_out(self, m, value, count, name):
        return fan_out(
            m,
            value,
            count,
            family=self.config.family,
            simulate=self.simulate,
            name=name,
            init=0,
        )

    def _moving_next(self, m, at_row, order):
        """Which row moves, known a cycle ahead so that it comes from registers."""
        moving, following = Signal(len(at_row)), Signal(len(at_row))
        m.d.comb += following.eq(moving)
        with m.If(self.finished[0]):
            m.d.comb += following.eq(1)
        if order.paced:
            with m.Elif(~order.move):
                m.d.comb += following.eq(at_row)
            with m.Elif(self.residual):
                m.d.comb += following.eq(0)
        with m.Elif(order.column_last):
            m.d.comb += following.eq(moving << 1)
        if order.keeps:
            # The row has been the same for a cycle at least.
            with m.If(self.wide):
                m.d.comb += following.eq(at_row & self.emit_next.replicate(len(at_row)))
        m.d.sync += moving.eq(following)
        return self._fan_out(m, following, self.groups, "moving_row")


def _either(selected, values):
    """The value that is selected, or 0."""
    chosen = zip(selected, values, strict=True)
    return reduce(or_, (value & bit.replicate(len(value)) for bit, value in chosen))
