"""The descriptor of the layer that runs."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ...isa import Isa
from ..primitives.fanout import fan_out
from ..signals import delayed

_SHIFTED_TOGETHER = 64  # bits whose enable comes from one register


class DescriptorRegister(wiring.Component):
    """Shifts in the words of a descriptor as they come from memory or flash, but for the last one,
    of which only some bits are used: it has a register of its own.

    Timing: a word that is ``taken`` comes ``memory_latency`` cycles later. ``value`` is the
    descriptor from the cycle after its last word on, ``following`` is it in the cycle of that word.

    Members
    -------
    taken : In(1)
        A word of a descriptor is asked for and granted.
    last : In(1)
        It is the last one.
    data : In(word_bits)
        The word that was asked for ``memory_latency`` cycles before.
    value, following : Out(Isa.descriptor)
        The descriptor, and what it becomes with the last word, which comes now.
    """

    def __init__(self, config: AcceleratorConfig, *, memory_latency: int, simulate: bool = False):
        self.config, self.simulate = config, simulate
        self.isa = Isa(config)
        self.memory_latency = memory_latency
        super().__init__(
            {
                "taken": In(1),
                "last": In(1),
                "data": In(config.word_bits),
                "value": Out(self.isa.descriptor),
                "following": Out(self.isa.descriptor),
            }
        )

    def elaborate(self, platform):
        m = Module()
        width, size = self.config.word_bits, self.isa.descriptor.size
        shifted = Signal((self.isa.descriptor_words - 1) * width, reset_less=True)
        rest = Signal(size - len(shifted), reset_less=True)
        m.d.comb += [
            self.value.as_value().eq(Cat(shifted, rest)),
            self.following.as_value().eq(Cat(shifted, self.data)[:size]),
        ]
        shifts = fan_out(
            m,
            self.taken & ~self.last,
            -(-len(shifted) // _SHIFTED_TOGETHER),
            family=self.config.family,
            simulate=self.simulate,
            name="shifts",
            cycles=self.memory_latency,
            init=0,
        )
        following = Cat(shifted[width:], self.data)
        for index, enable in enumerate(shifts):
            bits = slice(index * _SHIFTED_TOGETHER, (index + 1) * _SHIFTED_TOGETHER)
            with m.If(enable):
                m.d.sync += shifted[bits].eq(following[bits])
        ends = self.taken & self.last
        with m.If(delayed(m, ends, self.memory_latency, name="ends", init=0)):
            m.d.sync += rest.eq(self.data)
        return m
