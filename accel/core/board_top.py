"""A core on a board: its clock, its reset, its link and a light."""

from dataclasses import dataclass

from amaranth.hdl import *
from amaranth.lib import io, wiring

from .clocking import ClockGenerator, ClockPlan
from .flash.phy import FlashPhy
from .host_link.spi import SpiTarget
from .host_link.uart import Uart

Pin = tuple[str, int] | tuple[str, int, str]
"""Name and number of a resource of the platform, and of its member if it has several."""


@dataclass(frozen=True, kw_only=True)
class FlashPins:
    """A flash: its resource, of number 0, and how it is clocked."""

    resource: str
    divider: int
    family: str


class BoardTop(Elaboratable):
    """The top of a design.

    Everything is in the ``sync`` domain, whose clock and reset are made here, but for a shift
    register in that of an SPI host. Signals from outside come in at the link's pins alone.

    Parameters
    ----------
    core : wiring.Component
        Has streams of bytes ``i`` and ``o``, ``rate`` as `Core` has it, and ``running``, which is 1
        while it is at work.
    clock : ClockPlan
        The clock.
    uart : Pin
        The serial link's resource, with ``rx`` and ``tx``.
    baud : float
        Its rate.
    spi : Pin or None
        An SPI target's resource, with ``sck``, ``copi``, ``cipo`` and ``cs``: the link, in place of
        the UART.
    led : Pin or None
        Lit when the board is ready, dark while the core is at work.
    flash : FlashPins or None
        The flash, for a core that has ``flash``.
    usb : Pin or None
        A USB port whose pull-up is kept off, so that no host sees a device there.
    held_high : tuple of Pin
        Outputs that are high from the configuration on.

    Raises
    ------
    ValueError
        If the clock cannot make the rate.
    """

    def __init__(
        self,
        core: wiring.Component,
        *,
        clock: ClockPlan,
        uart: Pin,
        baud: float,
        spi: Pin | None = None,
        led: Pin | None = None,
        flash: FlashPins | None = None,
        usb: Pin | None = None,
        held_high: tuple[Pin, ...] = (),
    ):
        self.core = core
        self.clock = clock
        self.uart = uart
        self.led = led
        self.flash = flash
        self.usb = usb
        self.held_high = held_high
        self.spi = spi
        self.link: Uart | SpiTarget
        self.link = SpiTarget() if spi else Uart(clock_hz=clock.made_mhz * 1e6, baud=baud)

    def elaborate(self, platform):
        m = Module()
        m.submodules.clocking = clocking = ClockGenerator(self.clock)
        m.domains.sync = ClockDomain(reset_less=not clocking.resets)
        m.d.comb += ClockSignal().eq(clocking.clk)
        if clocking.resets:
            m.d.comb += ResetSignal().eq(clocking.rst)

        m.submodules.core = core = self.core
        m.submodules.link = link = self.link
        wiring.connect(m, core.i, link.o)
        wiring.connect(m, link.i, core.o)
        if self.spi is not None:
            self._add_spi(m, _request(platform, self.spi))
        else:
            wiring.connect(m, link.rate, core.rate)
            self._add_uart(m, platform.request(*self.uart, dir="-"), clocking)

        if self.led is not None:
            m.submodules.led = led = io.FFBuffer("o", _request(platform, self.led))
            m.d.comb += led.o.eq(~(clocking.rst | core.running))
        if self.usb is not None:
            pins = _request(platform, self.usb)
            m.submodules.usb_pullup = pullup = io.Buffer("o", pins.pullup)
            m.d.comb += pullup.o.eq(0)
        for pin in self.held_high:
            m.submodules[f"{pin[0]}_{pin[1]}"] = high = io.Buffer("o", _request(platform, pin))
            m.d.comb += high.o.eq(1)
        if self.flash is not None:
            self._add_flash(m, platform)
        return m

    def _add_uart(self, m, pins, clocking):
        m.submodules.rx = rx = io.Buffer("i", pins.rx)
        # A register at the pad is low until the clock runs. Where the clock begins late, a host
        # would take that for a byte; there the pad is driven by the link's own register, which is
        # high.
        buffer = io.FFBuffer if clocking.resets else io.Buffer
        m.submodules.tx = tx = buffer("o", pins.tx)
        m.d.comb += [self.link.rx.eq(rx.i), tx.o.eq(self.link.tx)]

    def _add_spi(self, m, pins):
        link = self.link
        for name, port in (("sck", link.sck), ("copi", link.copi), ("cs", link.select)):
            m.submodules[name] = buffer = io.Buffer("i", getattr(pins, name))
            m.d.comb += port.eq(buffer.i)
        # Other targets may share the line.
        m.submodules.cipo = cipo = io.Buffer("o", pins.cipo)
        m.d.comb += [cipo.o.eq(link.cipo), cipo.oe.eq(link.select)]

    def _add_flash(self, m, platform):
        pins = self.flash
        port = platform.request(pins.resource, dir="-")
        m.submodules.flash = phy = FlashPhy(port, divider=pins.divider, family=pins.family)
        wiring.connect(m, self.core.flash, phy.pins)


def _request(platform, pin: Pin):
    name, number, *members = pin
    resource = platform.lookup(name, number)
    inner = [subsignal.name for subsignal in resource.ios if hasattr(subsignal, "name")]
    port = platform.request(name, number, dir=dict.fromkeys(inner, "-") if inner else "-")
    return getattr(port, *members) if members else port
