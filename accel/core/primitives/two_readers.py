"""A memory of two halves, each with a reader of its own, that is written while nobody reads."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..signals import idle_high
from . import dual_port, ecp5_memory
from .dual_port import DualPortMemory, latency_of
from .ecp5_memory import BlockRam
from .family import Family, check_family

_WIDTH, _DEPTH = 18, 1024  # of a DP16KD whose both ports read


def block_rams(
    *, part_width: int, parts: int, depth: int, family: Family, read_bits: int | None = None
) -> int:
    """Number of block RAMs of such a memory, as `dual_port.block_rams`."""
    if family != "ecp5":
        half = {"part_width": part_width, "parts": parts, "depth": depth}
        return 2 * dual_port.block_rams(**half, family=family, read_bits=read_bits)
    read_bits = part_width * parts if read_bits is None else read_bits
    return ecp5_memory.cells_across(read_bits, part=part_width, width=_WIDTH)


class TwoReaders(wiring.Component):
    """Two halves of ``depth`` words of ``parts`` parts of ``part_width`` bits, each written alone.

    ``read_data`` follow ``read_address`` by ``latency`` cycles. What is read from the cycle before
    a write to the one after it is undefined.

    Parameters
    ----------
    part_width, parts : int
        Shape of a word.
    depth : int
        Words of a half, a power of two; on the ECP5 at most 512.
    family : str
        ``"ecp5"`` takes a DP16KD for each 18 bits of a part, which its two ports share; the others
        have a block RAM inferred by synthesis for each half.
    simulate : bool
        Take the behavioural twin of the same latency instead of the vendor's cells.

    Members
    -------
    write_en : In(parts), write_address : In(range(2 * depth)), write_data : In(part_width)
        Parts to write; all get the same data. The second half is after the first one.
    read_en : In(1)
        As `DualPortMemory` has it.
    read_address_0, read_address_1 : In(range(depth))
        Words of the first half and of the second one.
    read_data_0, read_data_1 : Out(parts * part_width)
        What they are, part 0 in the low bits.
    """

    def __init__(
        self, *, part_width: int, parts: int, depth: int, family: Family, simulate: bool = False
    ):
        self.part_width, self.parts, self.depth = part_width, parts, depth
        self.family = check_family(family)
        self.simulate = simulate
        if depth & (depth - 1) or (family == "ecp5" and 2 * depth > _DEPTH):
            raise ValueError(f"Depth must be a power of two, on 'ecp5' at most 512, not {depth!r}")
        super().__init__(
            {
                "write_en": In(parts),
                "write_address": In(range(2 * depth)),
                "write_data": In(part_width),
                "read_en": idle_high(In),
                **{f"read_address_{half}": In(range(depth)) for half in range(2)},
                **{f"read_data_{half}": Out(parts * part_width) for half in range(2)},
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from an address to what is read there, the same with and without ``simulate``."""
        return latency_of(self.family)

    def elaborate(self, platform):
        m = Module()
        if self.family == "ecp5" and not self.simulate:
            self._add_block_rams(m)
        else:
            self._add_halves(m)
        return m

    def _add_halves(self, m):
        residual = self.write_address[-1]
        for half, name in enumerate(("first", "residual")):
            m.submodules[name] = memory = DualPortMemory(
                part_width=self.part_width,
                parts=self.parts,
                depth=self.depth,
                family=self.family,
                simulate=self.simulate,
            )
            m.d.comb += [
                memory.write_address.eq(self.write_address[:-1]),
                memory.write_data.eq(self.write_data),
                memory.write_en.eq(self.write_en & (residual == half).replicate(self.parts)),
                memory.read_en.eq(self.read_en),
                memory.read_address.eq(getattr(self, f"read_address_{half}")),
                getattr(self, f"read_data_{half}").eq(memory.read_data),
            ]

    def _add_block_rams(self, m):
        # As in `DualPortMemory`, a register divides the path of what is written.
        write_en = Signal.like(self.write_en, name="s1_write_en")
        address = Signal.like(self.write_address, name="s1_write_address", reset_less=True)
        written = Signal.like(self.write_data, name="s1_write_data", reset_less=True)
        m.d.sync += [
            write_en.eq(self.write_en),
            address.eq(self.write_address),
            written.eq(self.write_data),
        ]
        words = [], []
        for part in range(self.parts):
            for low in range(0, self.part_width, _WIDTH):
                m.submodules[f"ram_{part}_{low}"] = ram = BlockRam(_WIDTH, both=True)
                data = written[low : low + _WIDTH]
                m.d.comb += [
                    ram.address.eq(Mux(write_en.any(), address, self.read_address_0)),
                    ram.write_en.eq(write_en[part]),
                    ram.write_data.eq(data),
                    ram.read_address.eq(Cat(self.read_address_1, C(1, 1))),
                ]
                words[0].append(ram.address_data[: len(data)])
                words[1].append(ram.read_data[: len(data)])
        m.d.comb += [self.read_data_0.eq(Cat(words[0])), self.read_data_1.eq(Cat(words[1]))]
