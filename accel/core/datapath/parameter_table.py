"""The channel parameters: filled by words, read column by column."""

from typing import Any

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from amaranth.utils import ceil_log2

from ...config import AcceleratorConfig
from ...isa import Isa
from ..primitives import dual_port, memory
from ..primitives.dual_port import DualPortMemory
from ..signals import delayed, idle_high
from ..signatures import FillBus, ParameterPort
from .drain_order import place_layout


def parameter_memories(config: AcceleratorConfig) -> dict[str, dict[str, Any]]:
    """The memories of the channel parameters of one requantizer, each named as the part that it
    holds: arguments of ``DualPortMemory``.

    Both offsets share one, unless they come in one word and so are written at once.
    """
    isa = Isa(config)
    depth = 2 << ceil_log2(config.columns // config.requantizers)
    found = {
        name: {
            "part_width": min(part.size, config.word_bits),
            "parts": isa.words(part),
            "depth": depth,
            "family": config.family,
        }
        for name, part in isa.channel_parameters.items()
    }
    words = [isa.channel_parameter_layout[name].offset // config.word_bits for name in found]
    if len(set(words[-2:])) > 1:
        del found["offset_negative"]
        found["offset"]["depth"] *= 2
    return found


def release_delay(config: AcceleratorConfig, wait: int) -> int:
    """Cycles for which a half stays full after its last place, so that nothing is written that is
    still to be read: the table has a place ``wait`` cycles after the drain.

    The first word is written ``2 + memory_latency`` cycles after a release, column 0 first. The
    last row's place of column 0 is the earliest, so none of the other columns is in more danger.
    """
    isa, latency = Isa(config), dual_port.latency_of(config.family)
    columns = config.columns // config.requantizers
    first = 2 + memory.latency_of(config.family) + columns - 1
    after = 1 + int(config.family == "ecp5")  # see `DualPortMemory`
    read = {"early": 0, "late": latency + 2}
    read |= dict.fromkeys(("offset", "offset_negative"), latency + 1)
    margins = (
        wait + read[name] + after - first - part.offset // config.word_bits
        for name, part in isa.channel_parameter_layout
        if name in read
    )
    return max(0, *margins)


class ParameterTable(wiring.Component):
    """The channel parameters of both halves, for the columns that one requantizer serves.

    Requantizer ``index`` of ``requantizers`` serves every such column ``c`` that
    ``c % requantizers == index``.

    Timing: ``read.early`` comes ``latency`` cycles after ``place``. ``read.negative`` belongs to
    the column whose ``early`` came one cycle before. ``read.offset`` comes ``latency`` cycles after
    ``negative``, and ``read.late`` a cycle later.

    Members
    -------
    awake : In(1)
        1 unless connected. While it is 0 nothing is read.
    fill : In(FillBus)
        A word of a column's parameters.
    place : In(place_layout)
        The column whose parameters are needed, in units of ``requantizers``, and the half.
    read : In(ParameterPort)
        Its parameters.
    """

    def __init__(self, config: AcceleratorConfig, *, index: int = 0, simulate: bool = False):
        self.config = config
        self.index = index
        self.simulate = simulate
        self.isa = Isa(config)
        self.memories = parameter_memories(config)
        self.columns = config.columns // config.requantizers
        self.latency = dual_port.latency_of(config.family)
        super().__init__(
            {
                "awake": idle_high(In),
                "fill": In(FillBus(config)),
                "place": In(place_layout(config)),
                "read": In(ParameterPort(self.isa)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        count, fill = self.config.requantizers, self.fill
        column = Signal(range(self.columns), name="write_column")
        m.d.comb += column.eq(fill.parameter_column // count)
        address, writing = self.place.as_value(), Cat(column, fill.half)
        later = delayed(m, address, self.latency, name="address")
        latest = delayed(m, later, 1, name="latest")
        early = self._add_memory(m, "early", address, writing, "early")
        last = delayed(m, latest, 1, name="last")
        late = self._add_memory(m, "late", last, writing, "late")
        if "offset_negative" in self.memories:
            # Both come at once and are read at once; the register of what comes later chooses.
            both = [
                self._add_memory(m, name, later, writing, name)
                for name in ("offset", "offset_negative")
            ]
            negative = delayed(m, self.read.negative, self.latency - 1, name="negative")
            offset = Signal.like(both[0], name="offset", reset_less=True)
            m.d.sync += offset.eq(Mux(negative, both[1], both[0]))
        else:
            # The offset for negative sums lies after the other one.
            word = self.isa.channel_parameter_layout["offset_negative"].offset
            second = fill.parameter_word >= word // self.config.word_bits
            offset = self._add_memory(
                m,
                "offset",
                Cat(latest, self.read.negative),
                Cat(writing, second),
                "offset",
                "offset_negative",
            )
        m.d.comb += [
            self.read.early.eq(early),
            self.read.late.eq(late),
            self.read.offset.eq(offset),
        ]
        return m

    def _add_memory(self, m, name, read, written, *parts):
        """A memory of what is written as these parts of the parameters, and what it reads."""
        fill, width = self.fill, self.config.word_bits
        offsets = [self.isa.channel_parameter_layout[part].offset for part in parts]
        own = fill.parameter_column % self.config.requantizers == self.index
        m.submodules[name] = table = DualPortMemory(**self.memories[name], simulate=self.simulate)
        m.d.comb += [
            table.read_en.eq(self.awake),
            table.write_address.eq(written),
            table.write_data.eq(fill.data[offsets[0] % width :]),
            table.read_address.eq(read),
        ]
        for index in range(table.parts):
            words = [offset // width + index for offset in offsets]
            selected = Cat(fill.parameter_word == word for word in words).any()
            m.d.comb += table.write_en[index].eq(fill.parameter_en & own & selected)
        return table.read_data[: self.isa.channel_parameters[name].size]
