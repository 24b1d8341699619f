"""The bundles that pass between the components of the core."""

from amaranth.hdl import *
from amaranth.lib import data

# What one reduction step tells the array, in the time of row 0.
step_layout = data.StructLayout(
    {
        "valid": 1,  # multiply and accumulate
        "first": 1,  # of a tile: begin a new sum
        "last": 1,  # of a tile: the sums are complete
        "half": 1,  # of the weight and record buffers that the tile uses
        "group_last": 1,  # the last tile of its group of output channels
    }
)


def delayed(m: Module, value, cycles: int, *, name: str, init=None):
    """``value`` as it was ``cycles`` cycles ago. Registers have no reset unless ``init`` is given."""
    for index in range(cycles):
        if init is None:
            stage = Signal.like(value, name=f"{name}_{index + 1}", reset_less=True)
        else:
            stage = Signal.like(value, name=f"{name}_{index + 1}", init=init)
        m.d.sync += stage.eq(value)
        value = stage
    return value


class LoopCounter:
    """Counts 0 to ``limit`` and around, and tells by a register whether it stands at the limit.

    A comparison in front of a register is off the path from one cycle's state to the next, on which
    all loops of a walk would otherwise queue up. ``limit`` must be stable for a cycle before
    ``last`` is looked at.
    """

    def __init__(self, m: Module, limit: Value, *, advance: Value, restart=0, name: str):
        self.value = Signal(len(limit), name=name)
        self.last = Signal(name=f"{name}_last")
        following = Signal(len(limit), name=f"{name}_next")
        m.d.comb += following.eq(self.value)
        with m.If(restart | (advance & self.last)):
            m.d.comb += following.eq(0)
        with m.Elif(advance):
            m.d.comb += following.eq(self.value + 1)
        m.d.sync += [self.value.eq(following), self.last.eq(following == limit)]
