"""Collects codes into words, and writes each word once."""

from typing import Any

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import SUM_BYTES, AcceleratorConfig
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
    In a layer that keeps sums it keeps these instead.

    Timing: ``codes`` belong to the destination of ``write_delay - 1`` cycles before. ``address``,
    ``write_en`` and ``write_data`` hold the word in the cycle after ``writing_next``. A word of
    sums is in ``write_data`` from the cycle after ``load`` on, and the next one after each
    ``shift``.

    Members
    -------
    destination : In(destination_layout)
        Where the results of a later cycle go.
    codes : In(8 * requantizers)
        Codes to store, of neighbouring columns.
    access_next : In(1), sums_address : In
        On cores that keep sums, as the next ones: ``address`` becomes this instead.
    keep_sums, load, shift : In(1)
        In this layer ``write_data`` are sums: take them over, or move on to their next word.
    biased : In(32 * requantizers)
        The sums to store, of neighbouring columns.
    writing_next : Out(1)
        A word is written in the next cycle.
    address : Out, write_en : Out(rows), write_data : Out(word_bits)
        The word and its bytes that are written, one bit each.
    done : Out(1)
        The layer's last code has been written, or is in this cycle.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        word, sums = Isa(config).address_bits, 8 * SUM_BYTES * config.requantizers
        flags = ("access_next", "keep_sums", "load", "shift")
        super().__init__(
            {
                **({name: In(1) for name in flags} if config.keeps_sums else {}),
                **({"sums_address": In(word), "biased": In(sums)} if config.keeps_sums else {}),
                "destination": In(destination_layout(config)),
                "codes": In(8 * config.requantizers),
                "writing_next": Out(1),
                "address": Out(word),
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

        chosen = (C((1 << count) - 1, count) << at.byte)[:rows]
        self._collect(m, chosen)
        write_en_next = Signal(rows)
        m.d.comb += [
            write_en_next.eq(
                Mux(at.word_begin, 0, self.write_en) | (chosen & at.real.replicate(rows))
            ),
            self.writing_next.eq(at.word_end & write_en_next.any()),
        ]
        word = at.word
        if self.config.keeps_sums:
            word = Mux(self.access_next, self.sums_address, word)
        m.d.sync += [
            self.address.eq(word),
            self.write_en.eq(write_en_next),
            self.done.eq(at.layer_end),
        ]
        return m

    def _collect(self, m, chosen):
        """Each byte of the word: its code when it comes, or in turn its bytes of the sums."""
        config, count = self.config, self.config.requantizers
        sums = SUM_BYTES * count if config.keeps_sums else 0
        held = Signal(8 * max(config.rows, sums), name="held", reset_less=True)
        m.d.comb += self.write_data.eq(held)
        for index in range(max(config.rows, sums)):
            taken = chosen[index] if index < config.rows else 0
            code = self.codes.word_select(index % count, 8)
            if config.keeps_sums:
                taken = Mux(self.keep_sums, self.load | self.shift, taken)
                code = Mux(self.keep_sums, self._sum_byte(held, index), code)
            with m.If(taken):
                m.d.sync += held.word_select(index, 8).eq(code)

    def _sum_byte(self, held, index):
        """What a byte of the word becomes in a layer that keeps sums."""
        config = self.config
        width, sums = config.sums_in_word, SUM_BYTES * config.requantizers
        # Where several share a word, each of them has the same bytes; one is written.
        of_sums = self.biased.word_select(
            index % width if config.sum_words == 1 else index % sums, 8
        )
        if config.sum_words == 1:
            return of_sums
        following = held.word_select(index + width, 8) if index + width < sums else C(0, 8)
        return Mux(self.load, of_sums, following)
