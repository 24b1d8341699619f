"""Collects codes into words, and writes each word once."""

from typing import Any

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ...isa import Isa
from ..primitives import memory
from ..primitives.delay_line import DelayLine
from . import post_op
from .result_address import destination_layout


def read_lead(config: AcceleratorConfig) -> int:
    """Cycles from the destination of a result to its residual operand, ready for the post-op."""
    return memory.latency_of(config.family) + 1


def write_delay(config: AcceleratorConfig) -> int:
    """Cycles from the destination of a word's last result to the write of the word."""
    return read_lead(config) + post_op.latency_of(config) + 1


def destinations_of(config: AcceleratorConfig) -> dict[str, Any]:
    """What keeps the destinations of results until their codes come: arguments of ``DelayLine``."""
    return {
        "width": destination_layout(config).size,
        "cycles": write_delay(config) - 1,
        "family": config.family,
    }


class WordCollector(wiring.Component):
    """Keeps the destination of each result until its code is there, and the word until it is whole.

    Timing: ``codes`` belong to the destination of ``write_delay - 1`` cycles before. ``address``,
    ``write_en`` and ``write_data`` hold the word in the cycle after ``writing_next``.

    Members
    -------
    destination : In(destination_layout)
        Where the results of a later cycle go.
    codes : In(8 * requantizers)
        Codes to store, of neighbouring columns.
    writing_next : Out(1)
        A word is written in the next cycle.
    address : Out, write_en : Out(rows), write_data : Out(word_bits)
        The word and its bytes that are written, one bit each.
    done : Out(1)
        The layer's last code has been written, or is in this cycle.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__(
            {
                "destination": In(destination_layout(config)),
                "codes": In(8 * config.requantizers),
                "writing_next": Out(1),
                "address": Out(Isa(config).address_bits),
                "write_en": Out(config.rows),
                "write_data": Out(config.word_bits),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        rows, count = self.config.rows, self.config.requantizers
        m.submodules.destinations = destinations = DelayLine(**destinations_of(self.config))
        at = Signal(self.destination.shape(), name="at")
        m.d.comb += [
            destinations.i.eq(self.destination),
            at.as_value().eq(destinations.o),
        ]

        chosen = C((1 << count) - 1, count) << at.byte
        for index in range(rows):
            with m.If(chosen[index]):
                m.d.sync += self.write_data.word_select(index, 8).eq(
                    self.codes.word_select(index % count, 8)
                )
        write_en_next = Signal(rows)
        m.d.comb += [
            write_en_next.eq(
                Mux(at.word_begin, 0, self.write_en) | (chosen[:rows] & at.real.replicate(rows))
            ),
            self.writing_next.eq(at.word_end & write_en_next.any()),
        ]
        m.d.sync += [
            self.address.eq(at.word),
            self.write_en.eq(write_en_next),
            self.done.eq(at.layer_end),
        ]
        return m
