"""A value of some cycles ago, kept in block RAM."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .primitives.family import Family, check_family


class DelayLine(wiring.Component):
    """``o`` is what ``i`` was ``cycles`` cycles ago.

    From two cycles on the values lie in block RAM, which costs no registers, or, on the ECP5, in
    RAM made of LUTs, which is faster there.

    Parameters
    ----------
    width : int
        Bits of the value.
    cycles : int
        At least 1.
    family : str
        Of the FPGA.

    Raises
    ------
    ValueError
        If ``cycles`` is not positive.
    """

    def __init__(self, width: int, cycles: int, *, family: Family):
        if not isinstance(cycles, int) or cycles < 1:
            raise ValueError(f"Delay must be a positive number of cycles, not {cycles!r}")
        self.width = width
        self.cycles = cycles
        self.ram_style = "distributed" if check_family(family) == "ecp5" else "block"
        super().__init__({"i": In(width), "o": Out(width)})

    def elaborate(self, platform):
        m = Module()
        if self.cycles == 1:
            value = Signal(self.width, reset_less=True)
            m.d.sync += value.eq(self.i)
            m.d.comb += self.o.eq(value)
            return m

        # What is read at the other end of a row's cycle is written over only a cycle later.
        memory = Memory(
            shape=self.width, depth=self.cycles, init=[], attrs={"ram_style": self.ram_style}
        )
        m.submodules.memory = memory
        write, read = memory.write_port(), memory.read_port()
        at, following = Signal(range(self.cycles)), Signal(range(self.cycles))
        m.d.comb += [
            following.eq(Mux(at == self.cycles - 1, 0, at + 1)),
            write.addr.eq(at),
            write.data.eq(self.i),
            write.en.eq(1),
            read.addr.eq(following),
            self.o.eq(read.data),
        ]
        m.d.sync += at.eq(following)
        return m
