"""What becomes of a result before it is stored: residual operand, lookup tables, clamp."""

from typing import Any

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ...config import AcceleratorConfig
from ...isa import TABLE_ENTRIES, Isa
from ...numeric.elementwise.lookup_tables import ENTRY_BITS, FRACTION_BITS
from ..primitives import dual_port, memory
from ..primitives.family import Family
from ..primitives.two_readers import TwoReaders
from ..signals import at_least, delayed, idle_high
from ..signatures import FillBus, ResultRule

CODE_BITS = 8
_STAGES = 3  # add the entries; saturate; clamp


def _distance(family: Family) -> int:
    """Cycles that operands take to the tables: on the ECP5 these may lie far away."""
    return 1 if family == "ecp5" else 0


def latency_of(config: AcceleratorConfig) -> int:
    """Cycles from a result to the code that is stored.

    One more where a word would otherwise be written in the very cycle in which another is read.
    """
    latency = _distance(config.family) + dual_port.latency_of(config.family) + _STAGES
    read_to_write = config.word_cycles + memory.latency_of(config.family) + latency + 1
    return latency + (read_to_write % (config.word_cycles * config.pace) == 0)


def tables_memory(config: AcceleratorConfig) -> dict[str, Any]:
    """The memory of both tables: arguments of ``TwoReaders``."""
    return {
        "part_width": min(config.word_bits, ENTRY_BITS),
        "parts": Isa(config).words(Isa(config).table_entry),
        "depth": TABLE_ENTRIES,
        "family": config.family,
    }


class PostOpUnit(wiring.Component):
    """The code that a result is stored as, by the rules of `isa`.

    Timing: one a cycle, ``latency`` cycles from ``result`` and ``residual`` to ``o``.

    Members
    -------
    awake : In(1)
        1 unless connected. While it is 0 no table is read.
    result : In(8)
        Code + 128.
    residual : In(8)
        The residual operand, code + 128; 0 where there is none.
    rule : In(ResultRule)
        Which of the rules, and the clamp.
    fill : In(FillBus)
        The words of the lookup tables.
    o : Out(8)
        The code, two's complement.
    """

    def __init__(self, config: AcceleratorConfig, *, simulate: bool = False):
        self.config = config
        self.simulate = simulate
        self.latency = latency_of(config)
        self.sub_byte = config.number_format.sub_byte
        super().__init__(
            {
                "awake": idle_high(In),
                "result": In(CODE_BITS),
                "residual": In(CODE_BITS),
                "rule": In(ResultRule(config)),
                "fill": In(FillBus(config)),
                "o": Out(CODE_BITS),
            }
        )

    def elaborate(self, platform):
        m = Module()
        distance = _distance(self.config.family)
        result = delayed(m, self.result, distance, name="result")
        residual = delayed(m, self.residual, distance, name="residual")
        left = self.latency - distance
        entries = self._add_tables(m, result, residual)

        # Beside the tables: the result, or the greater of both.
        plain = Mux(self.rule.maximum & (residual > result), residual, result)
        plain = delayed(m, plain, left - 2, name="plain")

        spare = left - dual_port.latency_of(self.config.family) - _STAGES
        total = Signal(signed(ENTRY_BITS + 1), reset_less=True)
        m.d.sync += total.eq(entries[0] + entries[1])
        total = delayed(m, total, spare, name="total")
        whole = total[FRACTION_BITS:]
        outside = whole[CODE_BITS:]
        saturated = Mux(total < 0, 0, Mux(outside.any(), (1 << CODE_BITS) - 1, whole[:CODE_BITS]))
        inverted = Signal(CODE_BITS, reset_less=True)
        m.d.sync += inverted.eq(~Mux(self.rule.lookup_tables, saturated, plain))

        too_high = ~at_least(self.rule.high, inverted)
        too_low = (self.rule.low + inverted)[CODE_BITS]
        bound = Mux(too_high, self.rule.high, self.rule.low)
        clamped = Mux(too_high | too_low, bound, ~inverted)
        code = clamped ^ (1 << CODE_BITS - 1)
        if self.sub_byte:
            held = delayed(m, residual, left - 1, name="held") ^ (1 << CODE_BITS - 1)
            packed = Cat(held[self.sub_byte.bits :], code[: self.sub_byte.bits])
            code = Mux(self.rule.pack, packed, code)
        m.d.sync += self.o.eq(code)
        return m

    def _add_tables(self, m, result, residual):
        """The entries of the result and of the residual operand."""
        m.submodules.lookup_tables = lookup_tables = TwoReaders(
            **tables_memory(self.config), simulate=self.simulate
        )
        words = lookup_tables.parts
        entry = Signal(1 + exact_log2(TABLE_ENTRIES))
        word = Signal(range(words))
        with m.If(self.fill.start):
            m.d.sync += [entry.eq(0), word.eq(0)]
        with m.Elif(self.fill.table_en):
            m.d.sync += word.eq(Mux(word == words - 1, 0, word + 1))
            with m.If(word == words - 1):
                m.d.sync += entry.eq(entry + 1)

        m.d.comb += [
            lookup_tables.read_en.eq(self.awake),
            lookup_tables.write_address.eq(entry),
            lookup_tables.write_data.eq(self.fill.data),
            lookup_tables.write_en.eq(self.fill.table_en << word),
            lookup_tables.read_address_0.eq(result),
            lookup_tables.read_address_1.eq(residual),
        ]
        read = lookup_tables.read_data_0, lookup_tables.read_data_1
        return [data[:ENTRY_BITS].as_signed() for data in read]
