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
