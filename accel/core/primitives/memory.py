"""A large single-port memory with byte write enables, in the memory cells that the family has."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from accel.core.primitives import spram
from accel.core.primitives.family import Family, check_family

BYTE = 8


class SinglePortMemory(wiring.Component):
    """``depth`` words of ``width_bytes`` bytes, one access a cycle.

    A cycle with ``en`` set writes the bytes that ``write_en`` selects, or, where it selects none,
    reads. ``read_data`` follow a read by ``LATENCY`` cycle and are held until the next cycle with
    ``en``; after a write they are undefined. So are the contents after configuration.

    Parameters
    ----------
    width_bytes, depth : int
        Bytes in a word, number of words.
    family : str
        ``"ice40up"`` takes SPRAMs side by side for the width and stacked for the depth;
        ``"ecp5"`` and ``"generic"`` are block RAM, inferred by synthesis.
    simulate : bool
        Take a behavioural twin instead of the vendor's cells.

    Members
    -------
    en : In(1)
        Access in this cycle.
    write_en : In(width_bytes)
        Bytes to write.
    address : In(range(depth))
        Word.
    write_data, read_data : In(8 * width_bytes), Out(8 * width_bytes)
        Byte 0 in the low bits.

    Raises
    ------
    ValueError
        If ``width_bytes`` or ``depth`` is not positive or the family is unknown.
    """

    LATENCY = 1

    def __init__(
        self,
        *,
        width_bytes: int,
        depth: int,
        family: Family = "generic",
        simulate: bool = False,
    ):
        for name, value in (("width in bytes", width_bytes), ("depth", depth)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"Memory {name} must be a positive integer, not {value!r}")
        self.width_bytes = width_bytes
        self.depth = depth
        self.family = check_family(family)
        self.simulate = simulate
        super().__init__(
            {
                "en": In(1),
                "write_en": In(width_bytes),
                "address": In(range(depth)),
                "write_data": In(BYTE * width_bytes),
                "read_data": Out(BYTE * width_bytes),
            }
        )

    @property
    def sprams(self) -> int:
        """Number of SPRAM blocks that this takes."""
        return len(self._banks()) * len(self._slices()) if self.family == "ice40up" else 0

    def elaborate(self, platform):
        m = Module()
        if self.family == "ice40up":
            self._add_sprams(m)
        else:
            self._add_block_ram(m)
        return m

    def _banks(self):
        return range(-(-self.depth // spram.DEPTH))

    def _slices(self):
        return range(-(-self.width_bytes * BYTE // spram.WIDTH))

    def _add_block_ram(self, m):
        memory = Memory(shape=BYTE * self.width_bytes, depth=self.depth, init=[])
        m.submodules.memory = memory
        write = memory.write_port(granularity=BYTE)
        read = memory.read_port()
        m.d.comb += [
            write.addr.eq(self.address),
            write.data.eq(self.write_data),
            write.en.eq(self.write_en & self.en.replicate(self.width_bytes)),
            read.addr.eq(self.address),
            read.en.eq(self.en & ~self.write_en.any()),
            self.read_data.eq(read.data),
        ]

    def _add_sprams(self, m):
        within = range(min(self.depth, spram.DEPTH))
        address = self.address[: Shape.cast(within).width]
        bank = self.address[len(address) :]
        read_bank = Signal.like(bank, reset_less=True)
        with m.If(self.en):
            m.d.sync += read_bank.eq(bank)

        words = []
        for b in self._banks():
            parts = []
            for s in self._slices():
                m.submodules[f"spram_{b}_{s}"] = block = spram.Spram(simulate=self.simulate)
                write_en = self.write_en[2 * s : 2 * s + 2]
                m.d.comb += [
                    block.en.eq(self.en & (bank == b)),
                    block.write_en.eq(write_en.any()),
                    block.mask.eq(Cat(bit.replicate(2) for bit in write_en)),
                    block.address.eq(address),
                    block.write_data.eq(self.write_data.word_select(s, spram.WIDTH)),
                ]
                parts.append(block.read_data)
            words.append(Cat(parts))
        m.d.comb += self.read_data.eq(Array(words)[read_bank])
