"""Block RAM of the ECP5: one ``DP16KD`` of 16 Kbit with its output register.

FPGA-TN-02204 "ECP5 and ECP5-5G Memory Usage Guide"; which address and data pins a width uses is
as in Yosys's own mapping. Yosys infers the cell but never its output register, which takes the
clock-to-out time from 5.8 ns to 1.0, hence the instance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

READ_LATENCY = 2  # the memory itself, the output register

# Bits of a word and depth, narrowest word last
SHAPES = ((9, 2048), (4, 4096), (2, 8192), (1, 16384))
# A word of two bytes, for memories of words that are written whole
WIDE_SHAPES = ((18, 1024), *SHAPES)

_PORT_ADDRESS_BITS = 14
_BYTE = 8


def shape_for(depth: int, shapes: Sequence[tuple[int, int]] = SHAPES) -> tuple[int, int]:
    """Bits of a word and depth of the cells for a memory: the widest cell that is deep enough,
    else the deepest one."""
    return next((shape for shape in shapes if shape[1] >= depth), shapes[-1])


@dataclass(frozen=True)
class Section:
    """A part of a memory's depth in cells of one shape; ``first`` is a multiple of ``depth``."""

    first: int
    width: int
    depth: int

    @property
    def wide(self) -> bool:
        """Whether a cell holds two bytes."""
        return self.width > _BYTE + 1

    def contains(self, address) -> Value:
        """Whether an address of the memory is in this part."""
        return address >> exact_log2(self.depth) == self.first // self.depth


def sections_for(depth: int) -> tuple[Section, ...]:
    """The parts of a memory of bytes: the fewest cells that hold it, then the fewest parts.

    Deep cells are narrow, so a byte takes as many cells of 16384 bits whatever their shape; the
    deepest come first. The last one may hold two bytes in each cell.
    """
    sections, first = [], 0
    least = WIDE_SHAPES[0][1]
    while first < depth:
        left = -(-(depth - first) // least) * least
        width, fitting = next(shape for shape in reversed(WIDE_SHAPES) if shape[1] <= left)
        sections.append(Section(first, width, fitting))
        first += fitting
    return tuple(sections)


def cells_for(width: int, depth: int, *, lane: int = _BYTE) -> int:
    """Number of cells that a memory takes whose ``lane`` bits are written together."""
    lanes = -(-width // lane)
    return sum(
        -(-lanes // 2) if section.wide else lanes * -(-lane // section.width)
        for section in sections_for(depth)
    )


def cells_across(bits: int, *, part: int, width: int) -> int:
    """Number of cells of ``width`` bits for the low ``bits`` of a word, each of whose parts of
    ``part`` bits has cells of its own."""
    return sum(-(-min(part, bits - low) // width) for low in range(0, bits, part))


class BlockRam(wiring.Component):
    """``depth`` words of ``width`` bits in one ``DP16KD``, read with its output register.

    ``read_data`` follow the address of a read by two cycles, one access a cycle. What is read in
    a cycle that writes is undefined.

    Parameters
    ----------
    width : int
        1, 2, 4, 9 or 18, which makes the depth 16384, 8192, 4096, 2048 or 1024.
    dual : bool
        Read at ``read_address``, through the other port, and not at ``address``.
    both : bool
        Read through both ports.
    bytewise : bool
        Write either byte of a word of 18 bits, its first 8 bits or those after the ninth.

    Members
    -------
    address : In, write_en : In(1), write_data : In(width)
        The port that writes, and reads where there is only one.
    write_bytes : In(2)
        Which bytes to write; only if ``bytewise``.
    read_address : In
        Where to read; only if ``dual`` or ``both``.
    read_data : Out(width)
        What was there.
    address_data : Out(width)
        What was at ``address``; only if ``both``.
    """

    def __init__(
        self, width: int, *, dual: bool = False, both: bool = False, bytewise: bool = False
    ):
        self.width = width
        self.depth = dict(WIDE_SHAPES)[width]
        self.dual = dual or both
        self.both = both
        self.bytewise = bytewise
        address = range(self.depth)
        super().__init__(
            {
                "address": In(address),
                "write_en": In(1),
                "write_data": In(width),
                "read_data": Out(width),
            }
            | ({"read_address": In(address)} if self.dual else {})
            | ({"address_data": Out(width)} if both else {})
            | ({"write_bytes": In(2)} if bytewise else {})
        )

    def elaborate(self, platform):
        m = Module()
        ports = {}
        reading = {"B" if self.dual else "A": self.read_data}
        if self.both:
            reading["A"] = self.address_data
        for name in "AB":
            used = name == "A" or self.dual
            address = self.read_address if name == "B" and self.dual else self.address
            # Always enabled: the output register then needs no enable of its own.
            ports |= {
                f"p_DATA_WIDTH_{name}": self.width,
                f"p_REGMODE_{name}": "OUTREG" if name in reading else "NOREG",
                f"p_WRITEMODE_{name}": "NORMAL",
                f"p_CSDECODE_{name}": "0b000",
                f"i_CLK{name}": ClockSignal() if used else Const(0, 1),
                f"i_CE{name}": Const(used, 1),
                f"i_OCE{name}": Const(used, 1),
                f"i_RST{name}": Const(0, 1),
                f"i_WE{name}": self.write_en if name == "A" else Const(0, 1),
                **{f"i_CS{name}{index}": Const(0, 1) for index in range(3)},
                **(self._address(f"i_AD{name}", address) if used else {}),
            }
        for index, bit in enumerate(self.write_data):
            ports[f"i_DIA{index}"] = bit
        for name, word in reading.items():
            ports |= {f"o_DO{name}{index}": word[index] for index in range(self.width)}
        m.submodules.ram = Instance(
            "DP16KD", p_GSR="DISABLED", p_RESETMODE="SYNC", p_ASYNC_RESET_RELEASE="SYNC", **ports
        )
        return m

    def _address(self, prefix, address):
        """The lowest pins are left out where a word is wider than one bit, and say which bytes are
        written where it has two."""
        unused = _PORT_ADDRESS_BITS - len(address)
        lowest = Const(0b11 if self.width > 9 else 0, unused)
        if self.bytewise:
            lowest = Cat(self.write_bytes, Const(0, unused - 2))
        pins = Cat(lowest, address)
        return {f"{prefix}{index}": pins[index] for index in range(_PORT_ADDRESS_BITS)}


class BlockRamCopy(wiring.Component):
    """A register that synthesis does not merge with others that hold the same.

    Each group of cells that a long net goes to can then have a register beside it.
    """

    def __init__(self, width: int):
        super().__init__({"i": In(width), "o": Out(width)})

    def elaborate(self, platform):
        m = Module()
        for index in range(len(self.i)):
            m.submodules[f"ff_{index}"] = Instance(
                "TRELLIS_FF",
                a_keep=1,
                p_GSR="DISABLED",
                p_CLKMUX="CLK",
                p_CEMUX="1",
                p_LSRMUX="LSR",
                p_REGSET="RESET",
                p_SRMODE="LSR_OVER_CE",
                i_CLK=ClockSignal(),
                i_CE=Const(1, 1),
                i_LSR=Const(0, 1),
                i_DI=self.i[index],
                o_Q=self.o[index],
            )
        return m
