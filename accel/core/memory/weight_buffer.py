"""The weight buffer and the record tables: filled by words, read by steps and by columns."""

from typing import Any

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from ...config import AcceleratorConfig
from ...isa import Isa
from ..primitives import dual_port
from ..primitives.dual_port import DualPortMemory
from ..signals import delayed, step_layout


def weight_memory(config: AcceleratorConfig) -> dict[str, Any]:
    """The weight buffer's memory: arguments of ``DualPortMemory``."""
    return {
        "part_width": config.word_bits,
        "parts": config.words_per_weight_row,
        "depth": config.weight_rows,
        "family": config.family,
    }


def parameter_memories(config: AcceleratorConfig) -> dict[str, dict[str, Any]]:
    """The memories of the records that one requantizer needs, each named as the part of a record that
    it holds: arguments of ``DualPortMemory``.

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


class WeightBuffer(wiring.Component):
    """Two halves of reduction steps: the array reads one while the sequencer fills the other.

    Timing: ``weights`` belong to the step that came in ``latency`` cycles before.

    Members
    -------
    write_en, write_restart, write_half, write_data : In
        The next word of a group; with ``write_restart``, set in any cycle before, its first.
    step : In(step_layout)
        The step whose weights are wanted.
    weights : Out(ArrayLayout(weight_shape, columns))
    """

    def __init__(self, config: AcceleratorConfig, *, simulate: bool = False):
        self.config = config
        self.memory = DualPortMemory(
            **weight_memory(config), simulate=simulate, fan_out=config.family == "ecp5"
        )
        self.latency = 1 + self.memory.latency
        super().__init__(
            {
                "write_en": In(1),
                "write_restart": In(1),
                "write_half": In(1),
                "write_data": In(config.word_bits),
                "step": In(step_layout),
                "weights": Out(
                    data.ArrayLayout(signed(config.number_format.weight_bits), config.columns)
                ),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        words, steps = config.words_per_weight_row, config.steps_per_weight_row
        m.submodules.memory = memory = self.memory
        second_half = config.weight_rows // 2

        # Filling, a word at a time
        row, word = Signal(range(config.weight_rows)), Signal(range(words))
        m.d.comb += [
            memory.write_address.eq(row),
            memory.write_data.eq(self.write_data),
            memory.write_en.eq(self.write_en << word),
        ]
        with m.If(self.write_restart):
            m.d.sync += [row.eq(Mux(self.write_half, second_half, 0)), word.eq(0)]
        with m.Elif(self.write_en):
            m.d.sync += word.eq(Mux(word == words - 1, 0, word + 1))
            with m.If(word == words - 1):
                m.d.sync += row.eq(row + 1)

        # Reading, a step at a time
        at, part = Signal(range(config.weight_rows)), Signal(range(steps))
        with m.If(self.step.first):
            m.d.sync += [at.eq(Mux(self.step.half, second_half, 0)), part.eq(0)]
        with m.Elif(self.step.valid):
            m.d.sync += part.eq(Mux(part == steps - 1, 0, part + 1))
            with m.If(part == steps - 1):
                m.d.sync += at.eq(at + 1)
        m.d.comb += memory.read_address.eq(at)
        shown = delayed(m, part, memory.latency, name="part")
        m.d.comb += self.weights.eq(memory.read_data.word_select(shown, config.step_bits))
        return m


class ParameterTable(wiring.Component):
    """The channel records of both halves, for the columns that one requantizer serves.

    Timing: ``early`` comes ``latency`` cycles after ``column`` and ``half``; ``negative`` belongs to
    the record whose ``early`` came a cycle before, and ``late`` and ``offset`` come ``latency``
    cycles after ``negative``.

    Members
    -------
    write_en, write_half, write_column, write_word, write_data : In
        A word of a column's record.
    column, half, negative : In
        The record that is wanted, and which of its offsets.
    early, late, offset : Out
        The parts of ``Isa.channel_parameters``.
    """

    def __init__(self, config: AcceleratorConfig, *, simulate: bool = False):
        self.config = config
        self.simulate = simulate
        self.isa = Isa(config)
        self.memories = parameter_memories(config)
        self.columns = config.columns // config.requantizers
        self.latency = dual_port.latency_of(config.family)
        super().__init__(
            {
                "write_en": In(1),
                "write_half": In(1),
                "write_column": In(range(self.columns)),
                "write_word": In(range(self.isa.channel_parameter_words)),
                "write_data": In(config.word_bits),
                "column": In(range(self.columns)),
                "half": In(1),
                "negative": In(1),
                **{
                    name: Out(self.isa.channel_parameters[name])
                    for name in ("early", "late", "offset")
                },
            }
        )

    def elaborate(self, platform):
        m = Module()
        address = Cat(self.column, self.half)
        writing = Cat(self.write_column, self.write_half)
        later = delayed(m, address, self.latency, name="address")
        latest = delayed(m, later, 1, name="latest")
        early = self._add_memory(m, "early", address, writing, "early")
        late = self._add_memory(m, "late", latest, writing, "late")
        if "offset_negative" in self.memories:
            # Both come at once and are read at once; the register of what comes later chooses.
            both = [
                self._add_memory(m, name, later, writing, name)
                for name in ("offset", "offset_negative")
            ]
            negative = delayed(m, self.negative, self.latency - 1, name="negative")
            offset = Signal.like(both[0], name="offset", reset_less=True)
            m.d.sync += offset.eq(Mux(negative, both[1], both[0]))
        else:
            # The offset for negative sums after the other one
            residual = self.write_word >= self._word_of("offset_negative")
            offset = self._add_memory(
                m,
                "offset",
                Cat(latest, self.negative),
                Cat(writing, residual),
                "offset",
                "offset_negative",
            )
        m.d.comb += [self.early.eq(early), self.late.eq(late), self.offset.eq(offset)]
        return m

    def _word_of(self, part):
        return self.isa.channel_parameter_layout[part].offset // self.config.word_bits

    def _add_memory(self, m, name, read, written, *parts):
        """A memory of what is written as these parts of a record, and what it reads."""
        width = self.config.word_bits
        size, place = (
            self.isa.channel_parameters[name].size,
            self.isa.channel_parameter_layout[name].offset % width,
        )
        m.submodules[name] = memory = DualPortMemory(**self.memories[name], simulate=self.simulate)
        m.d.comb += [
            memory.write_address.eq(written),
            memory.write_data.eq(self.write_data[place:]),
            memory.read_address.eq(read),
        ]
        for word in range(memory.parts):
            selected = Cat(self.write_word == self._word_of(part) + word for part in parts).any()
            m.d.comb += memory.write_en[word].eq(self.write_en & selected)
        return memory.read_data[:size]
