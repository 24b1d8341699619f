"""A value of some cycles ago, kept in block RAM."""

from amaranth.hdl import C, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..signals import delayed
from . import ice40_memory
from .family import Family, check_family

_BLOCK_BITS = 16  # of a block RAM's word on an iCE40
_FEW_BITS = 4
_RAM_STYLES = {"generic": "block", "ice40up": "block", "ice40hx": None, "ecp5": "distributed"}


def bits_in_memory(width: int, cycles: int, family: Family) -> int:
    """How many bits of a value lie in memory, its low ones."""
    style = _RAM_STYLES[check_family(family)]
    if cycles == 1 or not style:
        return 0
    few = width % _BLOCK_BITS <= _FEW_BITS
    return width - width % _BLOCK_BITS if style == "block" and few else width


def block_rams(width: int, cycles: int, family: Family) -> int:
    """Number of block RAMs that a delay line takes."""
    bits = bits_in_memory(width, cycles, family)
    return ice40_memory.cells_for(bits, cycles, always=True) if bits and family == "ice40up" else 0


class DelayLine(wiring.Component):
    """``o`` is what ``i`` was ``cycles`` cycles ago.

    From two cycles on the values lie in block RAM, which costs no registers, but for a few bits
    that would take a block of their own. On the ECP5 they lie in RAM made of LUTs, which is faster;
    on the HX and LP, which have no other memory than few blocks of RAM, in registers.

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
        self.in_memory = bits_in_memory(width, cycles, family)
        self.ram_style = _RAM_STYLES[family]
        super().__init__({"i": In(width), "o": Out(width)})

    def elaborate(self, platform):
        m = Module()
        rest = delayed(m, self.i[self.in_memory :], self.cycles, name="rest")
        m.d.comb += self.o.eq(Cat(self._remembered(m, self.in_memory), rest))
        return m

    def _remembered(self, m, width):
        if not width:
            return C(0, 0)

        # What is read at the other end of a row's cycle is written over only a cycle later.
        memory = Memory(
            shape=width, depth=self.cycles, init=[], attrs={"ram_style": self.ram_style}
        )
        m.submodules.memory = memory
        write, read = memory.write_port(), memory.read_port()
        at, following = Signal(range(self.cycles)), Signal(range(self.cycles))
        m.d.comb += [
            following.eq(Mux(at == self.cycles - 1, 0, at + 1)),
            write.addr.eq(at),
            write.data.eq(self.i[:width]),
            write.en.eq(1),
            read.addr.eq(following),
        ]
        m.d.sync += at.eq(following)
        return read.data
