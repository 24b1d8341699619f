"""A LiteX SoC with an exported core as a peripheral, and a master outside on its bus."""

from litex.build.generic_platform import GenericPlatform, Pins
from litex.gen import LiteXModule
from litex.soc.integration.builder import Builder
from litex.soc.integration.soc import SoCRegion
from litex.soc.integration.soc_core import SoCMini
from litex.soc.interconnect import wishbone
from migen import Cat, ClockDomain, ClockSignal, Constant, Instance, ResetSignal, Signal

CORE = 0x3000_0000  # where the core's registers are on the bus


class AccelCore(LiteXModule):
    """The core of ``accel export verilog --bus wishbone``, as a slave of four words.

    ``irq`` is high while a byte waits, and ``running`` while a program runs. Of a core with a flash
    connect its pins, too.
    """

    def __init__(self, platform, source):
        self.bus = bus = wishbone.Interface(data_width=32, adr_width=30, addressing="word")
        self.irq, self.running = Signal(), Signal()
        platform.add_source(str(source))
        self.specials += Instance(
            "accel_core_wishbone",
            i_clk=ClockSignal("sys"),
            i_rst=ResetSignal("sys"),
            i_wb_cyc=bus.cyc,
            i_wb_stb=bus.stb,
            i_wb_we=bus.we,
            i_wb_adr=Cat(Constant(0, 2), bus.adr[:2]),  # LiteX counts words, the core bytes
            i_wb_sel=bus.sel,
            i_wb_dat_w=bus.dat_w,
            o_wb_dat_r=bus.dat_r,
            o_wb_ack=bus.ack,
            o_irq=self.irq,
            o_running=self.running,
        )


def add_accel(soc, source):
    """Give a SoC the core; a SoC of your own needs no more than this."""
    soc.accel = AccelCore(soc.platform, source)
    soc.bus.add_slave("accel", soc.accel.bus, SoCRegion(origin=CORE, size=16, cached=False))


class Platform(GenericPlatform):
    """No FPGA, but wires to a testbench."""

    def __init__(self):
        wires = [(name, 0, Pins(1)) for name in ("clk", "rst", "irq")]
        super().__init__("none", wires + wishbone.Interface().get_ios("master"), name="soc")

    def build(self, fragment, build_dir, build_name, **_):
        """Write the SoC's Verilog, and synthesize nothing."""
        self.get_verilog(fragment, name=build_name).write(f"{build_dir}/{build_name}.v")


class Soc(SoCMini):
    """A SoC without a processor: on its bus are the core, LiteX's own registers and the master."""

    def __init__(self, source):
        platform = Platform()
        super().__init__(platform, clk_freq=int(50e6), ident="")
        self.cd_sys = ClockDomain()
        master = wishbone.Interface()
        self.comb += [
            self.cd_sys.clk.eq(platform.request("clk")),
            self.cd_sys.rst.eq(platform.request("rst")),
            *master.connect_to_pads(platform.request("master"), mode="slave"),
        ]
        self.bus.add_master("outside", master)
        add_accel(self, source)
        self.comb += platform.request("irq").eq(self.accel.irq)


def write_soc(source, folder):
    """Have LiteX write ``soc.v``, with the core of the Verilog file ``source``, into a folder."""
    folders = {"output_dir": str(folder), "gateware_dir": str(folder)}
    Builder(Soc(source), compile_software=False, **folders).build(build_name="soc")
    return folder / "soc.v"
