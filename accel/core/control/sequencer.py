"""Reads the chunks of a program and keeps the array supplied with weights."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from ...config import AcceleratorConfig
from ...isa import Isa
from ...protocol import COUNTER_BITS, COUNTERS
from ..primitives.fanout import fan_out
from ..signals import advanced, delayed

_SHIFTED_TOGETHER = 64  # bits of the descriptor


class Sequencer(wiring.Component):
    """Fetches a layer's descriptor, starts it, and streams its records and weights after the work.

    Also keeps the one pointer into memory that is not the array's or the write-back's; while no
    program runs the link uses it.

    Members
    -------
    run, stop : In(1)
        Begin with the chunk at the pointer; end with the layer that runs.
    idle : Out(1), layer_done : Out(1)
        Nothing runs; a layer ends in this cycle.
    set_pointer : In(3), pointer_byte : In(8)
        Write a byte of the pointer.
    link_en, link_advance : In(1)
        The link accesses the word at the pointer; the pointer moves on.
    access_en, pointer : Out, granted : In, data : In
        Access to the memory or the flash and what it reads, ``memory_latency`` cycles later.
    flash_start, flash_stop : Out(1), flash_valid : In(1)
        On cores with a flash: read it from the pointer on; read no more; it holds a valid image.
    copy, quiet : Out(1), copying : In(1)
        On cores with a flash: the descriptor is that of a copy, whose words come now; while words
        are missing, no access takes place in the next cycle; words are missing.
    refused : Out(1)
        The last run came to a chunk in a flash that is not valid, and ended there.
    descriptor, start : Out
        The layer; it begins in this cycle.
    write_data : Out, table_en, parameter_en, parameter_column, parameter_word, weight_en, restart, half : Out
        Filling of the tables, the records and the weight buffer.
    ready : Out(2)
        Which halves hold a whole group.
    release, release_half : In
        A half is used up.
    finished : In(1)
        The layer's last result is in memory.
    busy, waiting_weights, waiting_drain : In(1)
        What the counters count.
    counters : Out
        Of the last run, in the order of ``protocol.COUNTERS``, ``COUNTER_BITS`` each.
    turn_counters : In(1)
        They all move down by a byte, the lowest one to the other end.
    """

    def __init__(self, config: AcceleratorConfig, *, memory_latency: int, simulate: bool = False):
        self.config, self.simulate = config, simulate
        self.isa = isa = Isa(config)
        self.memory_latency = memory_latency
        flash = {
            "flash_start": Out(1),
            "flash_stop": Out(1),
            "flash_valid": In(1),
            "copy": Out(1),
            "quiet": Out(1),
            "copying": In(1),
        }
        super().__init__(
            {
                **(flash if config.flash_lanes else {}),
                "refused": Out(1),
                "run": In(1),
                "stop": In(1),
                "idle": Out(1),
                "layer_done": Out(1),
                "set_pointer": In(3),
                "pointer_byte": In(8),
                "link_en": In(1),
                "link_advance": In(1),
                "access_en": Out(1),
                "pointer": Out(isa.pointer),
                "granted": In(1),
                "data": In(config.word_bits),
                "descriptor": Out(isa.descriptor),
                "start": Out(1),
                "write_data": Out(config.word_bits),
                "table_en": Out(1),
                "parameter_en": Out(1),
                "parameter_column": Out(range(config.columns)),
                "parameter_word": Out(range(isa.channel_parameter_words)),
                "weight_en": Out(1),
                "restart": Out(1),
                "half": Out(1),
                "ready": Out(2),
                "release": In(1),
                "release_half": In(1),
                "finished": In(1),
                "busy": In(1),
                "waiting_weights": In(1),
                "waiting_drain": In(1),
                "counters": Out(len(COUNTERS) * COUNTER_BITS),
                "turn_counters": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        isa, d = self.isa, self.descriptor

        # Fetching: a word is asked for in each cycle of the states Descriptor, Tables,
        # Records and Weights.
        remaining = Signal(self._length_bits, reset_less=True)
        group = Signal.like(d.groups_less_one)
        fetching = {
            name: Signal(name=f"fetching_{name}")
            for name in ("words", "lookup_tables", "records", "weights")
        }
        asking = Cat(fetching.values()).any()
        taken, segment_end, last = Signal(), Signal(), Signal(reset_less=True)
        loading, length = Signal(), Signal.like(remaining)
        m.d.comb += [
            self.access_en.eq(asking | self.link_en),
            taken.eq(asking & self.granted),
            segment_end.eq(taken & last),
        ]
        # Whether a word is the last one is not asked after whether it is taken. ``remaining`` is minus
        # the words that are left, this one included.
        with m.If(taken | (loading & ~asking)):
            m.d.sync += [
                remaining.eq(advanced(remaining, C(1, 1), load=loading, loaded=~length)),
                last.eq(Mux(loading, length == 0, ~remaining == 1)),
            ]

        def fetch(words_less_one, when=1):
            """The next segment is this long; its first word is asked for in the next cycle or, while
            words are asked for, in the cycle after that in which this one is taken."""
            m.d.comb += [length.eq(words_less_one), loading.eq(when)]

        def next_chunk(pointer):
            """Read the chunk from where it is."""
            m.next = "Descriptor"
            if self.config.flash_lanes:
                with m.If(data.View(isa.pointer, pointer).flash):
                    m.next = "Seek"

        def say_quiet(value):
            if self.config.flash_lanes:
                m.d.comb += self.quiet.eq(value)

        # Words that come from flash are the layer's own until it has all of them.
        streaming = self.pointer.flash if self.config.flash_lanes else 0

        load_next = Signal()
        self._add_pointer(m, load_next, taken | self.link_advance)
        arrives = {
            name: delayed(m, taken & signal, self.memory_latency, name=f"arrives_{name}", init=0)
            for name, signal in fetching.items()
            if name != "words"
        }
        complete = delayed(m, segment_end, self.memory_latency, name="complete", init=0)
        coming = self._add_descriptor(m, taken & fetching["words"])
        self._add_filling(m, arrives)

        # Which halves are full
        loaded = complete & arrives["weights"]
        with m.If(self.start):
            m.d.sync += [self.ready.eq(0), self.half.eq(0)]
        with m.Else():
            released = (self.release & ~d.shared) << self.release_half
            m.d.sync += self.ready.eq((self.ready & ~released) | (loaded << self.half))
            m.d.sync += self.half.eq(self.half ^ loaded)

        lookup_tables = [isa.table_words(residual) for residual in (False, True)]
        m.d.sync += self.start.eq(0)
        if self.config.flash_lanes:
            copying = delayed(m, self.copying, 1, name="copying", init=0)
        with m.FSM():
            with m.State("Idle"):
                m.d.comb += self.idle.eq(1)
                fetch(isa.descriptor_words - 1)
                with m.If(self.run):
                    m.d.sync += self.refused.eq(0)
                    next_chunk(self.pointer.as_value())
            if self.config.flash_lanes:
                with m.State("Seek"):
                    m.d.comb += self.flash_start.eq(self.flash_valid)
                    m.d.sync += self.refused.eq(~self.flash_valid)
                    m.next = "Idle"
                    with m.If(self.flash_valid):
                        m.next = "Descriptor"
            with m.State("Descriptor"):
                m.d.comb += fetching["words"].eq(1)
                with m.If(segment_end):
                    m.next = "Decode"
            with m.State("Decode"), m.If(complete):
                m.d.sync += self.start.eq(1)
                m.next = "Start"
                if self.config.flash_lanes:
                    with m.If(coming.copy):
                        m.d.sync += self.start.eq(0)
                        m.next = "Copy"
            if self.config.flash_lanes:
                with m.State("Copy"):
                    m.d.comb += [self.copy.eq(1), load_next.eq(1)]
                    fetch(isa.descriptor_words - 1)
                    m.next = "Descriptor"
            with m.State("Start"):
                m.d.sync += group.eq(0)
                fetch(Mux(d.residual, lookup_tables[1], lookup_tables[0]) - 1)
                m.next = "Group"
                with m.If(d.lookup_tables):
                    m.next = "Tables"
            with m.State("Tables"):
                m.d.comb += fetching["lookup_tables"].eq(1)
                with m.If(segment_end):
                    m.next = "Group"
            with m.State("Group"):
                m.d.comb += self.restart.eq(1)
                fetch((d.columns_less_one + 1) * isa.channel_parameter_words - 1)
                full = self.ready.bit_select(self.half, 1)
                say_quiet(full & ~streaming)
                with m.If(~full):
                    m.next = "Records"
            with m.State("Records"):
                m.d.comb += fetching["records"].eq(1)
                fetch(d.weight_words_less_one, when=last)
                with m.If(segment_end):
                    m.next = "Weights"
            with m.State("Weights"):
                m.d.comb += fetching["weights"].eq(1)
                with m.If(segment_end):
                    m.d.sync += group.eq(group + 1)
                    m.next = "Loading"
            with m.State("Loading"):
                say_quiet(~streaming)
                with m.If(loaded):
                    m.next = "Group"
                    with m.If((group > d.groups_less_one) | d.shared):
                        m.next = "Finish"
            with m.State("Finish"):
                fetch(isa.descriptor_words - 1)
                say_quiet(1)
                ended = self.finished
                if self.config.flash_lanes:
                    # While words are copied nothing else begins.
                    worked = Signal()
                    m.d.comb += self.flash_stop.eq(~copying)
                    m.d.sync += worked.eq((self.finished | worked) & copying)
                    ended = (self.finished | worked) & ~copying
                with m.If(ended):
                    m.d.comb += [self.layer_done.eq(1), load_next.eq(1)]
                    next_chunk(d.next)
                    with m.If(d.last | self.stop):
                        m.next = "Idle"

        self._add_counters(m)
        return m

    @property
    def _length_bits(self) -> int:
        """Of the number of words of the longest segment, less one."""
        isa = self.isa
        lookup_tables = isa.table_words(residual=True)
        words = max(
            isa.descriptor_words, lookup_tables, self.config.columns * isa.channel_parameter_words
        )
        return max(bits_for(words - 1), len(self.descriptor.weight_words_less_one))

    def _add_pointer(self, m, load_next, advance):
        # A chunk may run across the end of bank 0. Flash is read in one go from where it begins.
        value = Signal(self.isa.pointer.size)
        location = value[: self.isa.location.size]
        m.d.comb += self.pointer.eq(value)
        load = Signal()
        m.d.comb += load.eq(load_next | self.set_pointer.any())
        byte = self.pointer_byte.replicate(-(-len(value) // 8))[: len(value)]
        loaded = Mux(load_next, self.descriptor.next, byte)
        following = Cat(
            advanced(location, C(1, 1), load=load, loaded=loaded[: len(location)]),
            loaded[len(location) :],
        )
        for bit in range(len(value)):
            enable = load_next | self.set_pointer[bit // 8]
            if bit < len(location):
                enable |= advance
            with m.If(enable):
                m.d.sync += value[bit].eq(following[bit])

    def _add_descriptor(self, m, asked):
        """The descriptor, as it is and as it will be with the word that comes; its parts know from
        registers of their own that one does."""
        descriptor = Signal(self.isa.descriptor_words * self.config.word_bits, reset_less=True)
        coming = Cat(descriptor[self.config.word_bits :], self.data)
        m.d.comb += self.descriptor.eq(descriptor)
        arrives = fan_out(
            m,
            asked,
            -(-len(descriptor) // _SHIFTED_TOGETHER),
            family=self.config.family,
            simulate=self.simulate,
            name="arrives_words",
            cycles=self.memory_latency,
            init=0,
        )
        for index, enable in enumerate(arrives):
            bits = slice(index * _SHIFTED_TOGETHER, (index + 1) * _SHIFTED_TOGETHER)
            with m.If(enable):
                m.d.sync += descriptor[bits].eq(coming[bits])
        return data.View(self.isa.descriptor, coming[: self.isa.descriptor.size])

    def _add_filling(self, m, arrives):
        parameter_end = Signal()
        m.d.comb += [
            self.write_data.eq(self.data),
            self.table_en.eq(arrives["lookup_tables"]),
            self.parameter_en.eq(arrives["records"]),
            self.weight_en.eq(arrives["weights"]),
            parameter_end.eq(self.parameter_word == self.isa.channel_parameter_words - 1),
        ]
        with m.If(self.restart):
            m.d.sync += [self.parameter_word.eq(0), self.parameter_column.eq(0)]
        with m.Elif(self.parameter_en):
            m.d.sync += self.parameter_word.eq(Mux(parameter_end, 0, self.parameter_word + 1))
            with m.If(parameter_end):
                m.d.sync += self.parameter_column.eq(self.parameter_column + 1)

    def _add_counters(self, m):
        events = {
            "cycles": ~self.idle,
            "busy": self.busy,
            "waiting_weights": self.waiting_weights,
            "waiting_drain": self.waiting_drain,
        }
        clear = fan_out(
            m,
            self.run,
            len(COUNTERS),
            family=self.config.family,
            simulate=self.simulate,
            name="clear",
            init=0,
        )
        turn = self.turn_counters
        turned = Cat(self.counters[8:], self.counters[:8])
        for index, name in enumerate(COUNTERS):
            event = delayed(m, events[name], 1, name=f"count_{name}", init=0)
            bits = slice(index * COUNTER_BITS, (index + 1) * COUNTER_BITS)
            counter = self.counters[bits]
            with m.If(clear[index]):
                m.d.sync += counter.eq(0)
            with m.Elif(event | turn):
                m.d.sync += counter.eq(advanced(counter, C(1, 1), load=turn, loaded=turned[bits]))
