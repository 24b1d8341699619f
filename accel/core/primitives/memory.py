"""A large single-port memory with byte write enables, in the memory cells that the family has."""

from functools import reduce
from operator import or_

from amaranth.hdl import Array, Cat, Const, Module, Mux, Shape, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from accel.core.primitives import ecp5_memory, ice40_memory
from accel.core.primitives.family import Family, check_family
from accel.core.signals import delayed

BYTE = 8

# The cells of a large memory lie all over an ECP5. An access passes two registers, one for the
# memory and one for each byte's cells; what is read passes another.
_ECP5_INPUT_STAGES = 2
_ECP5_OUTPUT_STAGES = 1
_ECP5_LATENCY = _ECP5_INPUT_STAGES + ecp5_memory.READ_LATENCY + _ECP5_OUTPUT_STAGES
_LATENCY = {"generic": 1, "ice40up": 1, "ice40hx": 1, "ecp5": _ECP5_LATENCY}


def latency_of(family: Family) -> int:
    """Cycles from a read to its data in a family."""
    return _LATENCY[check_family(family)]


class SinglePortMemory(wiring.Component):
    """``depth`` words of ``width_bytes`` bytes, one access a cycle.

    A cycle with ``en`` set writes the bytes that ``write_en`` selects, or, where it selects none,
    reads. ``read_data`` follow a read by ``latency`` cycles and are held until those of the next
    access; after a write they are undefined. So are the contents after configuration. Accesses take
    place in order: a read sees every write of the cycles before.

    Parameters
    ----------
    width_bytes, depth : int
        Bytes in a word, number of words.
    family : str
        ``"ice40up"`` takes SPRAMs side by side for the width and stacked for the depth;
        ``"ecp5"`` takes DP16KD with their output registers, of their own for each byte and stacked
        for the depth; ``"ice40hx"`` and ``"generic"`` are block RAM, inferred by synthesis.
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

    POISON = 0xA5

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

    @property
    def latency(self) -> int:
        """Cycles from a read to its data, the same with and without ``simulate``."""
        return latency_of(self.family)

    @property
    def block_rams(self) -> int:
        """Number of DP16KD that this takes."""
        if self.family != "ecp5":
            return 0
        return ecp5_memory.cells_for(BYTE * self.width_bytes, self.depth, lane=BYTE)

    def elaborate(self, platform):
        m = Module()
        if self.family == "ice40up":
            self._add_sprams(m)
        elif self.family == "ecp5":
            self._add_ecp5(m)
        else:
            self._add_block_ram(m)
        return m

    @property
    def _simulated_depth(self) -> int:
        """What the address can say: a read whose data nobody looks at may be past the end, which
        hurts no cell but ends a simulation."""
        return 1 << Shape.cast(range(self.depth)).width

    def _banks(self):
        return range(-(-self.depth // ice40_memory.DEPTH))

    def _slices(self):
        return range(-(-self.width_bytes * BYTE // ice40_memory.WIDTH))

    def _add_block_ram(self, m):
        depth = self._simulated_depth if self.simulate else self.depth
        memory = Memory(shape=BYTE * self.width_bytes, depth=depth, init=[])
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
        within = range(min(self.depth, ice40_memory.DEPTH))
        address = self.address[: Shape.cast(within).width]
        bank = self.address[len(address) :]
        read_bank = Signal.like(bank, reset_less=True)
        with m.If(self.en):
            m.d.sync += read_bank.eq(bank)

        words = []
        for b in self._banks():
            parts = []
            for s in self._slices():
                m.submodules[f"spram_{b}_{s}"] = block = ice40_memory.Spram(simulate=self.simulate)
                write_en = self.write_en[2 * s : 2 * s + 2]
                m.d.comb += [
                    block.en.eq(self.en & (bank == b)),
                    block.write_en.eq(write_en.any()),
                    block.mask.eq(Cat(bit.replicate(2) for bit in write_en)),
                    block.address.eq(address),
                    block.write_data.eq(self.write_data.word_select(s, ice40_memory.WIDTH)),
                ]
                parts.append(block.read_data)
            words.append(Cat(parts))
        m.d.comb += self.read_data.eq(Array(words)[read_bank])

    def _add_ecp5(self, m):
        # Stage 1: one register for the memory. The address stays until the next access, so that
        # what is read again in every cycle stays too.
        address = Signal.like(self.address, name="s1_address", reset_less=True)
        write_en = Signal.like(self.write_en, name="s1_write_en")
        write_data = Signal.like(self.write_data, name="s1_write_data", reset_less=True)
        with m.If(self.en):
            m.d.sync += address.eq(self.address)
        m.d.sync += [
            write_en.eq(self.write_en & self.en.replicate(self.width_bytes)),
            write_data.eq(self.write_data),
        ]
        if self.simulate:
            self._add_ecp5_twin(m, address, write_en, write_data)
        else:
            self._add_ecp5_cells(m, address, write_en, write_data)

    def _add_ecp5_cells(self, m, address, write_en, write_data):
        """Stage 2, a register for each byte's cells, beside them; the cells; what they read."""
        sections = ecp5_memory.sections_for(self.depth)
        chosen = Cat(section.contains(address) for section in sections)
        words = [[] for _ in sections]
        pair = []
        for lane in range(self.width_bytes):
            access = self._add_lane(m, lane, address, chosen, write_en[lane], write_data)
            self._add_narrow(m, lane, sections, access, words)
            pair.append(access)
            if lane % 2 or lane == self.width_bytes - 1:
                for s, section in enumerate(sections):
                    if section.wide:
                        either = chosen[s] & write_en[lane - len(pair) + 1 :][: len(pair)].any()
                        words[s].append(self._add_pair(m, f"ram_{s}_{lane}", s, pair, either))
                pair = []
        ahead = _ECP5_INPUT_STAGES + ecp5_memory.READ_LATENCY - 2
        read = self._choose_sections(m, words, delayed(m, chosen, ahead, name="shown"))
        m.d.comb += self.read_data.eq(delayed(m, read, _ECP5_OUTPUT_STAGES, name="read_data"))

    def _add_lane(self, m, lane, address, chosen, write_en, write_data):
        """A byte's registers: the address, which sections are written, and the byte."""
        sections = ecp5_memory.sections_for(self.depth)
        within = Shape.cast(range(min(sections[0].depth, self.depth))).width
        m.submodules[f"address_{lane}"] = copy = ecp5_memory.BlockRamCopy(within)
        m.d.comb += copy.i.eq(address[:within])
        lane_en = Signal(len(chosen), name=f"s2_write_en_{lane}")
        m.d.sync += lane_en.eq(chosen & write_en.replicate(len(chosen)))
        byte = write_data.word_select(lane, BYTE)
        return copy.o, lane_en, delayed(m, byte, 1, name=f"write_data_{lane}")

    def _add_narrow(self, m, lane, sections, access, words):
        """The cells of a byte in sections whose cells hold no more than a byte."""
        address, lane_en, lane_data = access
        for s, section in enumerate(sections):
            for low in range(0, 0 if section.wide else BYTE, section.width):
                ram = ecp5_memory.BlockRam(section.width)
                m.submodules[f"ram_{s}_{lane}_{low}"] = ram
                data = lane_data[low : low + section.width]
                m.d.comb += [
                    ram.address.eq(address),
                    ram.write_en.eq(lane_en[s]),
                    ram.write_data.eq(data),
                ]
                words[s].append(ram.read_data[: len(data)])

    def _choose_sections(self, m, words, shown):
        """The bytes that were read, of the section in which the address was."""
        read = []
        for lane in range(self.width_bytes):
            parts = [Cat(word).word_select(lane, BYTE) for word in words]
            if len(words) > 1:
                m.submodules[f"shown_{lane}"] = copy = ecp5_memory.BlockRamCopy(len(words))
                m.d.comb += copy.i.eq(shown)
                bits = zip(parts, copy.o, strict=True)
                parts = [part & bit.replicate(BYTE) for part, bit in bits]
            read.append(reduce(or_, parts))
        return Cat(read)

    def _add_pair(self, m, name, section, lanes, write_en):
        """A cell that holds one or two lanes of a section; what it reads."""
        m.submodules[name] = ram = ecp5_memory.BlockRam(18, bytewise=True)
        m.d.sync += ram.write_en.eq(write_en)
        m.d.comb += ram.address.eq(lanes[0][0])
        for half, (_, lane_en, data) in enumerate(lanes):
            m.d.comb += [
                ram.write_bytes[half].eq(lane_en[section]),
                ram.write_data[9 * half :][:BYTE].eq(data),
            ]
        return Cat(ram.read_data[9 * half :][:BYTE] for half in range(len(lanes)))

    def _add_ecp5_twin(self, m, address, write_en, write_data):
        """As the cells; ``read_data`` after a write are poison: a design must not use them."""
        m.submodules.memory = memory = Memory(
            shape=BYTE * self.width_bytes, depth=self._simulated_depth, init=[]
        )
        write, read = memory.write_port(granularity=BYTE), memory.read_port()
        written = Signal(reset_less=True)
        with m.If(self.en):
            m.d.sync += written.eq(self.write_en.any())
        stages = _ECP5_INPUT_STAGES - 1
        poison = Const(self.POISON, BYTE).replicate(self.width_bytes)
        seen = Mux(delayed(m, written, stages + 1, name="written"), poison, read.data)
        m.d.comb += [
            write.addr.eq(delayed(m, address, stages, name="write_address")),
            write.data.eq(delayed(m, write_data, stages, name="write_data")),
            write.en.eq(delayed(m, write_en, stages, name="write_en")),
            read.addr.eq(delayed(m, address, stages, name="read_address")),
            self.read_data.eq(delayed(m, seen, _ECP5_OUTPUT_STAGES + 1, name="seen")),
        ]
