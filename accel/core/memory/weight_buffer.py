"""The weight buffer: filled by words, read by reduction steps."""

from typing import Any

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ..primitives.dual_port import DualPortMemory
from ..signals import delayed, idle_high, step_layout
from ..signatures import FillBus


def weight_memory(config: AcceleratorConfig) -> dict[str, Any]:
    """The weight buffer's memory: arguments of ``DualPortMemory``."""
    return {
        "part_width": config.word_bits,
        "parts": config.words_per_weight_row,
        "depth": config.weight_rows,
        "family": config.family,
    }


class WeightBuffer(wiring.Component):
    """Two halves of reduction steps: the array reads one while the sequencer fills the other.

    Timing: ``weights`` belong to the step of ``latency`` cycles before.

    Members
    -------
    fill : In(FillBus)
        The next word of a group's weights.
    awake : In(1)
        1 unless connected. While it is 0 there are no steps, and nothing is read.
    step : In(step_layout)
        The step whose weights are needed.
    weights : Out(ArrayLayout(weight_shape, columns))
        Its weights.
    """

    def __init__(self, config: AcceleratorConfig, *, simulate: bool = False):
        self.config = config
        self.memory = DualPortMemory(
            **weight_memory(config), simulate=simulate, fan_out=config.family == "ecp5"
        )
        self.latency = 1 + self.memory.latency
        super().__init__(
            {
                "fill": In(FillBus(config)),
                "awake": idle_high(In),
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
            memory.write_data.eq(self.fill.data),
            memory.write_en.eq(self.fill.weight_en << word),
        ]
        with m.If(self.fill.restart):
            m.d.sync += [row.eq(Mux(self.fill.half, second_half, 0)), word.eq(0)]
        with m.Elif(self.fill.weight_en):
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
        m.d.comb += [memory.read_en.eq(self.awake), memory.read_address.eq(at)]
        shown = delayed(m, part, memory.latency, name="part")
        m.d.comb += self.weights.eq(memory.read_data.word_select(shown, config.step_bits))
        return m
