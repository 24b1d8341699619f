"""A queue for bytes of a flash that are read before they are needed."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..primitives import ice40_memory
from ..primitives.family import Family

# What is being written is never read.
_ATTRIBUTES = {"no_rw_check": 1}


def block_rams(depth: int, family: Family) -> int:
    """Number of block RAMs that such a queue takes; on the ECP5 it is made of LUTs."""
    return ice40_memory.cells_for(8, depth) if family in ("ice40up", "ice40hx") else 0


class ReadAhead(wiring.Component):
    """A queue in RAM that counts bytes from when they begin to be read, not from when they come.

    A byte that comes is there to be taken two cycles later, one a cycle.

    Parameters
    ----------
    depth : int
        Bytes that may have begun and are not taken yet; a power of two, at least 4.
    of_luts : bool
        Of LUTs, where the FPGA has RAM of them, and not in block RAM.

    Members
    -------
    clear : In(1)
        Forget everything. Must come first.
    begun : In(1), room : Out(1)
        A byte begins, which it may only while there is room. A byte that is taken makes room two
        cycles later.
    write : In(1), data : In(8)
        A byte has come.
    o : Out(stream.Signature(8))
        The bytes.
    """

    def __init__(self, *, depth: int, of_luts: bool = False):
        if depth < 4 or depth & (depth - 1):
            raise ValueError(f"Depth must be a power of two and at least 4, not {depth!r}")
        self.depth = depth
        self.attributes = {**_ATTRIBUTES, "ram_style": "distributed"} if of_luts else _ATTRIBUTES
        super().__init__(
            {
                "clear": In(1),
                "begun": In(1),
                "room": Out(1),
                "write": In(1),
                "data": In(8),
                "o": Out(stream.Signature(8)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        taken = Signal(reset_less=True)
        m.d.sync += taken.eq(self.o.valid & self.o.ready & ~self.clear)

        # Plus one, minus one or nothing, in one addition
        pending = Signal(range(self.depth + 1), reset_less=True)
        change = Cat(self.begun ^ taken, (taken & ~self.begun).replicate(len(pending) - 1))
        m.d.sync += pending.eq(pending + change)
        m.d.comb += self.room.eq(~pending[-1])

        m.submodules.memory = memory = Memory(
            shape=8, depth=self.depth, init=[], attrs=self.attributes
        )
        write, read = memory.write_port(), memory.read_port()
        writing = Signal(range(self.depth), reset_less=True)
        reading = Signal.like(writing)
        valid, fetch = Signal(reset_less=True), Signal()
        m.d.comb += [
            write.en.eq(self.write),
            write.addr.eq(writing),
            write.data.eq(self.data),
            fetch.eq((~self.o.valid | self.o.ready) & (reading != writing)),
            read.en.eq(fetch),
            read.addr.eq(reading),
            self.o.valid.eq(valid),
            self.o.payload.eq(read.data),
        ]
        m.d.sync += [
            writing.eq(writing + self.write),
            reading.eq(reading + fetch),
            valid.eq(fetch | (valid & ~self.o.ready)),
        ]
        with m.If(self.clear):
            m.d.sync += [
                pending.eq(0),
                writing.eq(0),
                reading.eq(0),
                valid.eq(0),
            ]
        return m
