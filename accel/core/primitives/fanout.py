"""Fan-out replication: registers that hold the same, each beside the cells that it drives."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ..signals import delayed
from .ecp5_memory import BlockRamCopy
from .family import Family, check_family


def column_groups(config: AcceleratorConfig) -> int:
    """In how many groups of columns the array's control bits go.

    An ECP5's multipliers lie all over it, so there each group has registers of its own. Column
    ``c`` is in group ``c % column_groups``, with the columns that take the same byte of a broadcast
    word.
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
    """``value`` of ``cycles`` cycles ago, from ``count`` registers on the ECP5, else from one.

    The replicated registers have no reset: ``value`` must have its initial value during a reset.
    In simulation there is one register, too, as it would gain nothing from more.
    """
    if not cycles:
        return [value] * count
    value = delayed(m, value, cycles - 1, name=f"{name}_ahead", init=init)
    if family != "ecp5" or simulate:
        return [delayed(m, value, 1, name=name, init=init)] * count
    return [_copy(m, f"{name}_{index}", Value.cast(value)) for index in range(count)]


def _copy(m, name, value):
    """A register of a user's own."""
    m.submodules[name] = copy = BlockRamCopy(len(value))
    m.d.comb += copy.i.eq(value)
    return copy.o


class BusFanOut(wiring.Component):
    """An interface for several users, on the ECP5 from registers beside each of them.

    Timing: ``o`` follows ``i`` one cycle later on the ECP5, and at once elsewhere.

    Parameters
    ----------
    signature
        The interface; it must have nothing but outputs.
    count
        How many users there are.

    Members
    -------
    i : In(signature)
        The interface.
    o : Out(signature), an array of ``count``
        The same for each user.
    """

    def __init__(
        self, signature: wiring.Signature, count: int, *, family: Family, simulate: bool = False
    ):
        self.names = list(signature.members)
        self.count = count
        self.family = check_family(family)
        self.simulate = simulate
        super().__init__({"i": In(signature), "o": Out(signature).array(count)})

    def elaborate(self, platform):
        m = Module()
        values = Cat(Value.cast(getattr(self.i, name)) for name in self.names)
        copies = [values] * self.count
        if self.family == "ecp5":
            copies = fan_out(
                m,
                values,
                self.count,
                family=self.family,
                simulate=self.simulate,
                name="copy",
                init=0,
            )
        for user, copy in zip(self.o, copies, strict=True):
            m.d.comb += Cat(Value.cast(getattr(user, name)) for name in self.names).eq(copy)
        return m
