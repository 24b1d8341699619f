"""The output-stationary array: every processing element keeps the sum of one output."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ..pe import element_of
from ..primitives.accumulate import BeginOrAdd
from ..primitives.fanout import column_groups, fan_out
from ..signals import delayed, idle_high, step_layout


class SystolicArray(wiring.Component):
    """``rows`` x ``columns`` processing elements, each with its accumulator.

    Weights and step enter at row 0 and reach row ``r`` ``r`` cycles later; activations come with
    that skew already. There is no backpressure: one step a cycle.

    Timing: ``sums`` of row ``r`` hold a finished tile in the cycle in which ``finished[r]`` is set,
    ``latency + r`` cycles after the step that was marked ``last``.

    Members
    -------
    activations : In(ArrayLayout(activation_shape, rows * columns))
        Row-major, row ``r`` in the time of row ``r``.
    weights : In(ArrayLayout(weight_shape, columns))
        In the time of row 0.
    step : In(step_layout)
        In the time of row 0.
    awake : In(1)
        1 unless connected. While it is 0, from the last sum of a run to the first step of the next
        one, the multipliers rest.
    sub_byte : In(1)
        In number formats that have sub-byte values: the layer's activations and weights are bytes
        of several values.
    sums : Out(ArrayLayout(sum_shape, rows * columns))
        The accumulators. With a processing element in carry-save form they have one bit more, at
        the bottom: they count halves, and are to be rounded up.
    finished : Out(rows * column_groups)
        This row's sums are complete, for this cycle: row-major, a bit for each group of columns.
    finished_step : Out(step_layout)
        The step that finished row 0.
    """

    def __init__(self, config: AcceleratorConfig, *, simulate: bool = False):
        self.config = config
        self.simulate = simulate
        self.groups = column_groups(config)
        number = config.number_format
        element = element_of(config)
        self.products = element.create(config, simulate)
        self.product_latency = element.latency(config)
        self.carry_save = "carry" in self.products.signature.members
        self.sum_shape = signed(config.sum_bits + self.carry_save)
        activations = data.ArrayLayout(signed(number.activation_bits), config.rows * config.columns)
        super().__init__(
            {
                "activations": In(activations),
                "weights": In(data.ArrayLayout(signed(number.weight_bits), config.columns)),
                "step": In(step_layout),
                "awake": idle_high(In),
                **({"sub_byte": In(1)} if number.sub_byte else {}),
                "sums": Out(data.ArrayLayout(self.sum_shape, config.rows * config.columns)),
                "finished": Out(config.rows * self.groups),
                "finished_step": Out(step_layout),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from a step to the accumulator that holds it, at row 0."""
        return self.product_latency + 1

    def elaborate(self, platform):
        m = Module()
        rows, columns = self.config.rows, self.config.columns
        m.submodules.products = products = self.products
        m.d.comb += products.a.eq(self.activations)
        if "en" in products.signature.members:
            m.d.comb += products.en.eq(self.awake)
        if self.config.number_format.sub_byte:
            m.d.comb += products.sub_byte.eq(self.sub_byte)

        # Weights sink through the rows.
        weights = self.weights
        for r in range(rows):
            for c in range(columns):
                m.d.comb += products.b[r * columns + c].eq(weights[c])
            if r < rows - 1:
                weights = delayed(m, weights, 1, name=f"weights_{r}")

        # So do the marks of the step, beside the products.
        valid = self._fan_out(m, self.step.valid, self.product_latency, name="valid", init=0)
        first = self._fan_out(m, self.step.first, self.product_latency, name="first")
        last = delayed(m, self.step.last, self.product_latency, name="last", init=0)
        for r in range(rows):
            for c in range(columns):
                total = Signal(signed(self.config.sum_bits), name=f"sum_{r}_{c}", reset_less=True)
                k, group = r * columns + c, c % self.groups
                product, shown = products.p[k], total
                if self.carry_save:
                    # A product's carry goes in with the next product. The carry's other operand is
                    # 1: nextpnr cannot route one net to both inputs of a carry.
                    pending_carry = Signal(name=f"pending_carry_{r}_{c}", reset_less=True)
                    shown = Cat(pending_carry, total).as_signed()
                    product = Cat(C(1, 1), product).as_signed()
                    with m.If(valid[group]):
                        m.d.sync += pending_carry.eq(products.carry[k])
                m.d.comb += self.sums[k].eq(shown)
                following = self._following(m, f"cells_{k}", shown, product, first[group])
                with m.If(valid[group]):
                    m.d.sync += total.eq(following >> self.carry_save)
            finished = self._fan_out(m, last, 1, name=f"finished_{r}", init=0)
            m.d.comb += self.finished[r * self.groups :][: self.groups].eq(Cat(finished))
            valid = self._fan_out(m, valid[0], 1, name=f"valid_row_{r}", init=0)
            first = self._fan_out(m, first[0], 1, name=f"first_row_{r}")
            last = finished[0]

        m.d.comb += self.finished_step.eq(delayed(m, self.step, self.latency, name="finished_step"))
        return m

    def _following(self, m, name, total, product, first):
        """What a sum becomes with a product."""
        family = self.config.family
        if family == "generic" or self.simulate:
            return Mux(first, product, total + product)
        m.submodules[name] = cells = BeginOrAdd(self.sum_shape.width, family=family)
        m.d.comb += [cells.begin.eq(first), cells.a.eq(total), cells.b.eq(product)]
        return cells.o

    def _fan_out(self, m, mark, cycles, *, name, init=None):
        """A mark as it was some cycles ago, for each group of columns."""
        return fan_out(
            m,
            mark,
            self.groups,
            family=self.config.family,
            simulate=self.simulate,
            name=name,
            cycles=cycles,
            init=init,
        )
