"""The core's host interface: frames of bytes in, replies out."""

from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, exact_log2

from ... import protocol
from ...config import AcceleratorConfig
from ...identity import identity
from ...protocol import IDENTITY_BYTES, FlashStatus, Opcode, Status
from ..signals import delayed
from ..signatures import HostControl, HostFlash
from .framer import Framer
from .item_counter import ItemCounter


class Link(wiring.Component):
    """Serves the requests of `protocol`, one at a time.

    Timing: requests to memory and sequencer pass a register, and so does the byte that comes with
    them, so both are there in the same cycle. Data read from memory come
    ``memory_latency`` cycles after the request and stay until the next one.

    Members
    -------
    i, o : stream of bytes
        From and to the host.
    control : Out(HostControl)
        Runs the sequencer, moves its pointer, and reads its counters.
    write : Out(rows), write_byte : Out(8)
        Bytes of the word at the pointer to write, one bit each; what to write came in the cycle
        before ``control.access``.
    read_data : In(word_bits)
        The word that was read.
    flash : Out(HostFlash)
        On cores with a flash: its status and the bytes from the pointer on.
    """

    def __init__(self, config: AcceleratorConfig, *, memory_latency: int):
        self.config = config
        self.memory_latency = memory_latency
        super().__init__(
            {
                **({"flash": Out(HostFlash())} if config.flash_lanes else {}),
                "i": In(stream.Signature(8)),
                "o": Out(stream.Signature(8)),
                "control": Out(HostControl()),
                "write": Out(config.rows),
                "write_byte": Out(8),
                "read_data": In(config.word_bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        most = max(self.config.rows, protocol.INFO_BYTES, protocol.HEADER_BYTES)
        m.submodules.framer = framer = Framer(most=most)
        m.submodules.items = items = ItemCounter()
        wiring.connect(m, wiring.flipped(self.i), framer.i)
        wiring.connect(m, framer.o, wiring.flipped(self.o))
        m.d.comb += [
            self.write_byte.eq(self.i.payload),
            items.byte.eq(framer.last_byte),
            self.control.pointer_byte.eq(framer.last_byte),
            self.control.stop.eq(items.last),
        ]

        states = _States(m, self, framer, items)
        with m.FSM():
            states.header()
            states.decode()
            states.write()
            states.run()
            states.status()
            states.read()
            states.info()
            states.close()
        return m


class _States:
    """The states of the link, a method for each kind of request or part of a frame."""

    def __init__(self, m, link, framer, items):
        self.m, self.link, self.framer, self.items = m, link, framer, items
        self.opcode, self.known = Signal(Shape.cast(Opcode), name="opcode"), Signal(name="known")
        self.outcome = Signal(range(len(Status)), name="outcome")
        self.held = Signal(8, name="held", reset_less=True)  # to send
        self.from_flash = link.flash.selected if link.config.flash_lanes else C(0)
        self.word_end = framer.count == link.config.rows - 1
        self.info_end = framer.count == protocol.INFO_BYTES - 1
        self.layer_done = delayed(m, link.control.layer_done, 1, name="layer_done", init=0)
        self.load_count = self._registered(items.load, "load_count")
        # Requests to the memory and the sequencer pass registers.
        self.access = self._registered(link.control.access, "access")
        self.write_mask = self._registered(link.write, "write")
        self.advance = self._registered(link.control.advance, "advance")
        self.set_pointer = self._registered(link.control.set_pointer, "set_pointer")
        self.start_run = self._registered(link.control.run, "run")
        self.next_counter_byte = self._registered(
            link.control.next_counter_byte, "next_counter_byte"
        )
        m.d.comb += framer.data.eq(self.held)

    def _registered(self, port, name):
        """What ``port`` becomes in the next cycle, by default 0."""
        following = Signal(len(port), name=f"{name}_next")
        self.m.d.sync += port.eq(following)
        return following

    def _receive(self, when=1):
        """Take a byte; whether one is taken in this cycle."""
        self.m.d.comb += self.framer.receive.eq(when)
        return self.framer.received

    def _answer(self, status):
        self.m.d.sync += self.outcome.eq(list(Status).index(status))
        self.m.next = "Status"

    def _next_word(self):
        self.m.d.comb += [
            self.advance.eq(1),
            self.items.done.eq(1),
            self.framer.restart_count.eq(1),
        ]

    def header(self):
        """Between frames, and the bytes of a request's header."""
        m, framer, count = self.m, self.framer, self.framer.count
        first = framer.i.payload
        with m.State("Idle"):
            m.d.sync += [self.opcode.eq(first), self.known.eq(first <= max(Opcode))]
            m.d.comb += [framer.restart.eq(first == Opcode.NONE), framer.listen.eq(1)]
            with m.If(framer.i.valid & (first != Opcode.NONE)):
                m.next = "Header"
        with m.State("Header"):
            fields_end = count == protocol.HEADER_BYTES - 1
            with m.If(self._receive()):
                for index in range(protocol.LOCATION_BYTES):
                    m.d.comb += self.set_pointer[index].eq(count == 1 + index)
                m.d.comb += self.load_count.eq((count > protocol.LOCATION_BYTES) & ~fields_end)
                with m.If(fields_end):
                    m.next = "Decode"
            with m.Elif(framer.expired):
                m.next = "Forget"
        with m.State("Forget"):
            m.d.comb += framer.restart.eq(1)
            m.next = "Idle"

    def decode(self):
        """Begin what the header asks for."""
        m, framer = self.m, self.framer
        with m.State("Decode"), m.If(framer.settled & framer.ready):
            m.d.comb += framer.restart.eq(1)
            with m.If(~framer.crc_is_zero | ~self.known):
                self._answer(Status.BAD_HEADER)
            with m.Elif(self.opcode == Opcode.WRITE):
                m.next = "Receive"
            with m.Elif(self.opcode == Opcode.RUN):
                m.d.comb += self.start_run.eq(1)
                m.next = "Run"
            with m.Else():
                self._answer(Status.OK)
                if self.link.config.flash_lanes:
                    m.d.comb += self.link.flash.check.eq(self.opcode == Opcode.CHECK)

    def write(self):
        """WRITE: words and their CRC."""
        m, framer = self.m, self.framer
        with m.State("Receive"):
            with m.If(self._receive(~self.items.busy)):
                m.d.comb += [self.access.eq(1), self.write_mask.eq(1 << framer.count)]
                with m.If(self.word_end):
                    self._next_word()
                    with m.If(self.items.last):
                        m.next = "Check"
            with m.Elif(framer.expired):
                m.next = "Forget"
        with m.State("Check"):
            with m.If(self._receive()):
                m.next = "Verdict"
            with m.Elif(framer.expired):
                m.next = "Forget"
        with m.State("Verdict"), m.If(framer.settled & framer.ready):
            self._answer(Status.BAD_DATA)
            with m.If(framer.crc_is_zero):
                self._answer(Status.OK)

    def run(self):
        """RUN: until the sequencer is idle again."""
        m, control = self.m, self.link.control
        with m.State("Run"):
            m.d.comb += self.items.done.eq(self.layer_done)
            with m.If(control.idle & ~control.run):
                self._answer(Status.OK)
                with m.If(control.refused):
                    self._answer(Status.BAD_FLASH)

    def status(self):
        """The first byte of a reply."""
        m, framer = self.m, self.framer
        with m.State("Status"):
            m.d.comb += [
                framer.data.eq(Array(C(value, 8) for value in Status)[self.outcome]),
                framer.send.eq(1),
            ]
            with m.If(framer.sent):
                m.d.comb += framer.restart.eq(1)
                m.next = "Idle"
                with m.If((self.outcome == 0) & (self.opcode == Opcode.READ)):
                    m.next = "Fetch"
                with m.If((self.outcome == 0) & (self.opcode == Opcode.INFO)):
                    m.next = "Info"

    def read(self):
        """READ: words of memory, or bytes of the flash as they come."""
        m, link, framer, count = self.m, self.link, self.framer, self.framer.count
        chosen = Signal(8, reset_less=True)  # of a word, which comes from afar
        with m.State("Fetch"), m.If(framer.ready):
            arrived = self.from_flash | (count == 1 + link.memory_latency)
            m.d.comb += [
                self.access.eq((count == 0) & ~self.from_flash),
                framer.count_cycle.eq(1),
                framer.clear_count.eq(arrived),
            ]
            with m.If(arrived):
                m.next = "Choose"
            if link.config.flash_lanes:
                m.d.comb += link.flash.start.eq(self.from_flash)
        with m.State("Choose"), m.If(framer.ready):
            byte = count[: bits_for(link.config.rows - 1)]
            m.d.sync += chosen.eq(link.read_data.word_select(byte, 8))
            m.next = "Data"
        with m.State("Data"), m.If(framer.ready):
            self._hold(chosen)
        with m.State("Send data"):
            self._send_data()

    def _hold(self, chosen):
        """Keep the byte to send: of the word, or of the flash once it has come."""
        m = self.m
        m.d.sync += self.held.eq(chosen)
        m.next = "Send data"
        if self.link.config.flash_lanes:
            data = self.link.flash.data
            with m.If(self.from_flash):
                m.d.sync += [
                    self.held.eq(data.payload),
                    data.ready.eq(data.valid & ~data.ready),
                ]
                with m.If(~data.ready):
                    m.next = "Data"

    def _send_data(self):
        m, framer = self.m, self.framer
        m.d.comb += framer.send.eq(1)
        with m.If(framer.sent):
            m.next = "Choose"
            with m.If(self.word_end):
                self._next_word()
                with m.If(~self.from_flash):
                    m.next = "Fetch"
                with m.If(self.items.last):
                    m.next = "Close"

    def info(self):
        """INFO: what the core is, the counters, and what is known of the flash."""
        m, link, framer, count = self.m, self.link, self.framer, self.framer.count
        constants = Array(C(value, 8) for value in identity(link.config))
        status = link.flash.status if link.config.flash_lanes else C(FlashStatus(0))
        measured = Mux(self.info_end, status, link.control.counter_byte)
        constant = constants[count[: exact_log2(IDENTITY_BYTES)]]
        with m.State("Info"), m.If(framer.ready):
            m.d.comb += self.next_counter_byte.eq((count >= IDENTITY_BYTES) & ~self.info_end)
            m.d.sync += self.held.eq(Mux(count >= IDENTITY_BYTES, measured, constant))
            m.next = "Send info"
        with m.State("Send info"):
            m.d.comb += framer.send.eq(1)
            with m.If(framer.sent):
                m.next = "Info"
                with m.If(self.info_end):
                    m.next = "Close"

    def close(self):
        """The CRC that ends a reply with data."""
        m, framer = self.m, self.framer
        with m.State("Close"):
            m.d.comb += framer.send_crc.eq(1)
            with m.If(framer.sent):
                m.d.comb += framer.restart.eq(1)
                m.next = "Idle"
