"""Memories of the iCE40: block RAM, and the single-port RAM of the UltraPlus.

Block RAM is ``SB_RAM40_4K``, which synthesis infers. Single-port RAM is ``SB_SPRAM256KA``, 16384
words of 16 bits: FPGA-TN-02022 "iCE40 SPRAM Usage Guide".
"""

from amaranth.hdl import ClockSignal, Const, Instance, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

WIDTH = 16
DEPTH = 16384
NIBBLE = 4
# Bits of a word and depth
_SHAPES = ((16, 256), (8, 512), (4, 1024), (2, 2048))
# A memory with no more bits for each cell becomes registers, unless it says otherwise: that is
# Yosys's cost.
_LEAST_BITS = 64


def cells_for(width: int, depth: int, *, always: bool = False) -> int:
    """Number of cells that a memory takes; ``always`` where its style is said to be ``block``."""
    cells = min(-(-width // bits) * -(-depth // words) for bits, words in _SHAPES)
    return cells if always or width * depth > _LEAST_BITS * cells else 0


class Spram(wiring.Component):
    """One SPRAM block.

    A cycle with ``en`` set reads the word at ``address`` (``write_en`` 0), or writes those nibbles
    of it that ``mask`` selects (``write_en`` 1). ``read_data`` follow a read by one cycle and are
    held until the next cycle with ``en``; after a write they are undefined. The contents are
    undefined after configuration.

    Parameters
    ----------
    simulate : bool
        Take the behavioural twin: contents start as zero, ``read_data`` after a write are
        ``0xa5a5``, so that a design which looks at them is found out.
    """

    POISON = 0xA5A5

    def __init__(self, *, simulate: bool = False):
        self.simulate = simulate
        super().__init__(
            {
                "en": In(1),
                "write_en": In(1),
                "mask": In(WIDTH // NIBBLE),
                "address": In(range(DEPTH)),
                "write_data": In(WIDTH),
                "read_data": Out(WIDTH),
            }
        )

    def elaborate(self, platform):
        m = Module()
        if self.simulate:
            self._add_behavioural(m)
        else:
            m.submodules.spram = Instance(
                "SB_SPRAM256KA",
                i_CLOCK=ClockSignal(),
                i_CHIPSELECT=self.en,
                i_WREN=self.write_en,
                i_MASKWREN=self.mask,
                i_ADDRESS=self.address,
                i_DATAIN=self.write_data,
                i_STANDBY=Const(0, 1),
                i_SLEEP=Const(0, 1),
                i_POWEROFF=Const(1, 1),  # active low
                o_DATAOUT=self.read_data,
            )
        return m

    def _add_behavioural(self, m):
        m.submodules.memory = memory = Memory(shape=WIDTH, depth=DEPTH, init=[])
        write = memory.write_port(granularity=NIBBLE)
        read = memory.read_port()
        m.d.comb += [
            write.addr.eq(self.address),
            write.data.eq(self.write_data),
            write.en.eq(self.mask & (self.en & self.write_en).replicate(len(self.mask))),
            read.addr.eq(self.address),
            read.en.eq(self.en & ~self.write_en),
        ]
        after_write = Signal(reset_less=True)
        with m.If(self.en):
            m.d.sync += after_write.eq(self.write_en)
        m.d.comb += self.read_data.eq(Mux(after_write, self.POISON, read.data))
