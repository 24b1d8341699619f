"""Registers that hold the same, each beside the cells that it goes to."""

from amaranth.hdl import *

from ...config import AcceleratorConfig
from ..signals import delayed
from .ecp5_memory import BlockRamCopy
from .family import Family


def column_groups(config: AcceleratorConfig) -> int:
    """In how many groups of columns the array's control bits go.

    An ECP5's multipliers lie all over it, so there each group has registers of its own. Column
    ``c`` is in group ``c % column_groups``: the columns that take the same byte of a broadcast word.
    """
    return min(config.rows, config.columns) if config.family == "ecp5" else 1


def fan_out(
    m: Module,
    value,
    count: int,
    *,
    family: Family,
    simulate: bool,
    name: str,
    cycles: int = 1,
    init=None,
) -> list:
    """``value`` as it was ``cycles`` cycles ago, the last of them in ``count`` registers on the ECP5,
    else in one.

    The copies have no reset, so what needs one must be at rest while there is one. For simulation,
    which gains nothing from them, there is one register, too.
    """
    if not cycles:
        return [value] * count
    value = delayed(m, value, cycles - 1, name=f"{name}_ahead", init=init)
    if family != "ecp5" or simulate:
        return [delayed(m, value, 1, name=name, init=init)] * count
    value = Value.cast(value)
    copies = []
    for index in range(count):
        m.submodules[f"{name}_{index}"] = copy = BlockRamCopy(len(value))
        m.d.comb += copy.i.eq(value)
        copies.append(copy.o)
    return copies
