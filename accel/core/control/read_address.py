"""From positions and taps to the word that is read."""

from typing import Any

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ...isa import COORDINATE_BITS, Isa
from ..primitives.delay_line import DelayLine
from .position_loops import position_layout


def position_ring(config: AcceleratorConfig) -> dict[str, Any]:
    """The ring that keeps the rows' positions: arguments of ``DelayLine``."""
    return {
        "width": position_layout(config).size,
        "cycles": config.rows - 1,
        "family": config.family,
    }


class ReadAddress(wiring.Component):
    """Keeps the position of each row for a whole tile, and adds the tap to it.

    Timing: ``address`` comes one cycle after its position and tap, ``outside`` two.

    Members
    -------
    position : In(position_layout), take : In(1)
        A new position, for the row whose turn it is; else that keeps the one that it has.
    pause : In(1)
        It is nobody's turn.
    broadcast, inner_size_negated, outer_size_negated : In
        Of the descriptor: all rows share one position; minus the extent of the input, modulo.
    offset, inner, outer : In
        The tap, as `TapLoops` has it.
    address : Out
        The word to read, within its bank.
    outside : Out(1)
        It is outside the input: what is read is to be replaced by padding.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        address_bits = Isa(config).address_bits
        super().__init__(
            {
                "position": In(position_layout(config)),
                "take": In(1),
                "pause": In(1),
                "broadcast": In(1),
                "inner_size_negated": In(COORDINATE_BITS),
                "outer_size_negated": In(COORDINATE_BITS),
                "offset": In(address_bits),
                "inner": In(COORDINATE_BITS),
                "outer": In(COORDINATE_BITS),
                "address": Out(address_bits),
                "outside": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        # Each row keeps its position in a ring, which turns with the rows' slots.
        held = Signal(self.position.shape(), reset_less=True)
        entry = Signal.like(held)
        m.d.comb += entry.eq(Mux(self.take, self.position, held))
        ring = DelayLine(**position_ring(self.config))
        m.submodules.ring = EnableInserter(~self.pause)(ring)
        m.d.comb += ring.i.eq(entry)
        with m.If(~self.pause):
            m.d.sync += held.eq(Mux(self.broadcast, entry, ring.o))

        # Stage 1: address and coordinates. Stage 2: whether they are outside the input. To compare
        # takes a complement, which is a cell a bit on an iCE40; to add minus the size takes none.
        inner = Signal(COORDINATE_BITS, reset_less=True)
        outer = Signal(COORDINATE_BITS, reset_less=True)
        past_inner = (inner + self.inner_size_negated)[COORDINATE_BITS]
        past_outer = (outer + self.outer_size_negated)[COORDINATE_BITS]
        m.d.sync += [
            self.address.eq(entry.address + self.offset),
            inner.eq(entry.inner + self.inner),
            outer.eq(entry.outer + self.outer),
            self.outside.eq(past_inner | past_outer),
        ]
        return m
