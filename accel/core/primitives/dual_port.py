"""A memory with a port that writes and a port that reads, in block RAM."""

from functools import reduce
from operator import or_

from amaranth.hdl import Array, Cat, Module, Shape, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from accel.core.primitives import ecp5_memory, ice40_memory
from accel.core.primitives.family import Family, check_family
from accel.core.signals import delayed, idle_high

_LATENCY = {"generic": 1, "ice40up": 1, "ice40hx": 1, "ecp5": ecp5_memory.READ_LATENCY}

# What is being written is never read, so nobody needs to know what a read would see.
_ATTRIBUTES = {"no_rw_check": 1}

FAN_OUT_CYCLES = 2
_TOGETHER = 3  # columns of cells whose read addresses come from one register

# A memory of at most this depth is made of the ECP5's LUTs.
_LUT_DEPTH = 16


def latency_of(family: Family) -> int:
    """Cycles from an address to what is read there, in a family."""
    return _LATENCY[check_family(family)]


def block_rams(
    *, part_width: int, parts: int, depth: int, family: Family, read_bits: int | None = None
) -> int:
    """Number of block RAMs that such a memory takes, of whose words only the low ``read_bits`` are
    read; 0 where it is made of LUTs."""
    read_bits = part_width * parts if read_bits is None else read_bits
    if check_family(family) == "generic":
        return 0
    if family != "ecp5":
        return ice40_memory.cells_for(read_bits, depth)
    if depth <= _LUT_DEPTH:
        return 0
    width, cell_depth = ecp5_memory.shape_for(depth, ecp5_memory.WIDE_SHAPES)
    across = ecp5_memory.cells_across(read_bits, part=part_width, width=width)
    return across * -(-depth // cell_depth)


class DualPortMemory(wiring.Component):
    """``depth`` words of ``parts`` parts of ``part_width`` bits, each part written on its own.

    ``read_data`` follow ``read_address`` by ``latency`` cycles, one read and one write a cycle. A
    word must not be read in the cycle in which it is written nor, on the ECP5, in the one after.

    Parameters
    ----------
    part_width, parts, depth : int
        Shape of the memory.
    family : str
        ``"ecp5"`` takes DP16KD with their output registers, or LUTs where it is shallow; the others
        have block RAM inferred by synthesis.
    simulate : bool
        Take the behavioural twin of the same latency instead of the vendor's cells.
    fan_out : bool
        For memories whose cells lie far apart: a read takes ``FAN_OUT_CYCLES`` more, in which its
        address passes a register for some of the vendor's cells and then one beside each cell. The
        word must not be written in these cycles.

    Members
    -------
    write_en : In(parts), write_address : In(range(depth)), write_data : In(part_width)
        Parts to write; all get the same data.
    read_en : In(1)
        1 unless connected. While it is 0 nothing is read, and ``read_data`` mean nothing from as
        many cycles later; the ECP5's blocks of RAM read all the same.
    read_address : In(range(depth)), read_data : Out(parts * part_width)
        Part 0 in the low bits.
    """

    def __init__(
        self,
        *,
        part_width: int,
        parts: int,
        depth: int,
        family: Family = "generic",
        simulate: bool = False,
        fan_out: bool = False,
    ):
        self.fan_out = fan_out
        self.part_width = part_width
        self.parts = parts
        self.depth = depth
        self.family = check_family(family)
        self.simulate = simulate
        super().__init__(
            {
                "write_en": In(parts),
                "write_address": In(range(depth)),
                "write_data": In(part_width),
                "read_en": idle_high(In),
                "read_address": In(range(depth)),
                "read_data": Out(parts * part_width),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from an address to what is read there, the same with and without ``simulate``."""
        return latency_of(self.family) + FAN_OUT_CYCLES * self.fan_out

    def elaborate(self, platform):
        m = Module()
        if self.family != "ecp5":
            self._add_inferred(m, self.write_en, self.write_address, self.write_data)
            return m

        # Words to write come from afar: a register divides the path.
        write = [
            Signal.like(self.write_en, name="s1_write_en"),
            Signal.like(self.write_address, name="s1_write_address", reset_less=True),
            Signal.like(self.write_data, name="s1_write_data", reset_less=True),
        ]
        ports = (self.write_en, self.write_address, self.write_data)
        m.d.sync += [stage.eq(port) for stage, port in zip(write, ports, strict=True)]
        self.write_en_before, self.write_address_before = write[:2]
        if self.simulate or self.depth <= _LUT_DEPTH:
            self._add_inferred(m, *write)
        else:
            self._add_block_rams(m, *write)
        return m

    def _add_inferred(self, m, write_en, write_address, write_data):
        memory = Memory(
            shape=self.parts * self.part_width,
            depth=self.depth,
            init=[],
            attrs=_ATTRIBUTES,
        )
        m.submodules.memory = memory
        write, read = memory.write_port(granularity=self.part_width), memory.read_port()
        m.d.comb += [
            write.addr.eq(write_address),
            write.data.eq(write_data.replicate(self.parts)),
            write.en.eq(write_en),
            read.en.eq(self.read_en),
            read.addr.eq(
                delayed(m, self.read_address, FAN_OUT_CYCLES * self.fan_out, name="address")
            ),
        ]
        value = read.data
        if self.simulate:
            value = self._spoilt(m, read)
        for index in range(1, latency_of(self.family)):
            stage = Signal.like(read.data, name=f"read_data_{index}", reset_less=True)
            m.d.sync += stage.eq(value)
            value = stage
        m.d.comb += self.read_data.eq(value)

    def _spoilt(self, m, read):
        """What is read, but what is being written as its complement: nobody must need it."""
        at = [(self.write_en, self.write_address)]
        if self.family == "ecp5":
            at += [(self.write_en_before, self.write_address_before)]
        spoils = Signal(self.parts)
        hit = reduce(
            or_, (enable & (address == read.addr).replicate(self.parts) for enable, address in at)
        )
        m.d.sync += spoils.eq(hit)
        return read.data ^ Cat(part.replicate(self.part_width) for part in spoils)

    def _add_block_rams(self, m, write_en, write_address, write_data):
        width, depth = ecp5_memory.shape_for(self.depth, ecp5_memory.WIDE_SHAPES)
        blocks = range(-(-self.depth // depth))
        within = Shape.cast(range(min(depth, self.depth))).width
        shown = delayed(m, self.read_address[within:], self.latency, name="shown")
        columns = [
            (part, low) for part in range(self.parts) for low in range(0, self.part_width, width)
        ]
        addresses = self._addresses(m, self.read_address[:within], len(columns))
        words = [[] for _ in blocks]
        for (part, low), read_address in zip(columns, addresses, strict=True):
            data = write_data[low : low + width]
            for block in blocks:
                ram = ecp5_memory.BlockRam(width, dual=True)
                m.submodules[f"ram_{block}_{part}_{low}"] = ram
                m.d.comb += [
                    ram.address.eq(write_address[:within]),
                    ram.write_en.eq(write_en[part] & (write_address[within:] == block)),
                    ram.write_data.eq(data),
                    ram.read_address.eq(read_address),
                ]
                words[block].append(ram.read_data[: len(data)])
        m.d.comb += self.read_data.eq(Array(Cat(word) for word in words)[shown])

    def _addresses(self, m, address, count):
        """The read address for each column of cells."""
        if not self.fan_out:
            return [address] * count
        found = []
        for index in range(count):
            if index % _TOGETHER == 0:
                m.submodules[f"group_{index}"] = group = ecp5_memory.BlockRamCopy(len(address))
                m.d.comb += group.i.eq(address)
            m.submodules[f"address_{index}"] = copy = ecp5_memory.BlockRamCopy(len(address))
            m.d.comb += copy.i.eq(group.o)
            found.append(copy.o)
        return found
