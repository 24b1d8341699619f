"""The programs that put bitstreams into boards: how each is called, and where it comes from.

Checked against IceStorm's iceprog.c (-S, -o, -Q, and that it ends with 0 although ``cdone`` stays
low), openFPGALoader's guide and list of boards (-b, -m, -f, -o, --unprotect-flash), dfu-util(1) and
its source (-d, -a by number or name, -R, -D, and the status that it cannot read from a device that
has begun anew), fujprog's README (-j, -f, -T), tinyprog's source (-p, -u; it leaves the bootloader
after either), icesprog.c (-o, and that it ends with 0 although a transfer has failed) and
amaranth-boards 0.0.21 (openocd).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from accel.advice import how_to_install_package


@dataclass(frozen=True, kw_only=True)
class ProgrammerTool:
    """A program, Debian's and Python's packages that have it, and its home."""

    name: str
    home: str
    package: str | None = None
    python_package: str | None = None

    def how_to_install(self) -> str:
        """What to type, or where to look."""
        if self.package:
            return f"install it with: sudo apt install {self.package} (or see {self.home})"
        if self.python_package:
            return f"install it with: {how_to_install_package(self.python_package)}"
        return f"get it from {self.home}"


@dataclass(frozen=True, kw_only=True)
class Programmer:
    """How a board is programmed with a tool.

    Words of arguments may have ``{bitstream}``, ``{stem}`` (the bitstream's path without its
    suffix), ``{file}`` (a program file) and ``{offset}``.

    Attributes
    ----------
    tool : ProgrammerTool
        What is called.
    sram : tuple of str or None
        Arguments that load a bitstream until power is off.
    flash : tuple of str or None
        Arguments that write it into the flash that the board starts from.
    program : tuple of str or None
        Arguments that write a program file into the flash.
    together : bool
        Whether bitstream and program must be written by one call, with both arguments.
    quad_enable : tuple of str or None
        Arguments that set the flash's quad-enable bit.
    reads : tuple of str
        What the tool reads instead of the bitstream: files of its stem with these ends.
    failed, done : str or None
        Regular expressions that find in what the tool prints that it has failed although its exit
        code is 0, or not although the code is another.
    before, after : str
        What hands have to do at the board before, and what is to be known after.
    """

    tool: ProgrammerTool
    sram: tuple[str, ...] | None = None
    flash: tuple[str, ...] | None = None
    program: tuple[str, ...] | None = None
    together: bool = False
    quad_enable: tuple[str, ...] | None = None
    reads: tuple[str, ...] = ()
    failed: str | None = None
    done: str | None = None
    before: str = ""
    after: str = ""

    def command(self, arguments: Sequence[str], **values: object) -> tuple[str, ...]:
        """The tool's name and its arguments, filled in."""
        return (self.tool.name, *(word.format(**values) for word in arguments))

    def succeeded(self, code: int, printed: str) -> bool:
        """Whether the tool has done its work, by its exit code and what it printed."""
        if code:
            return bool(self.done and re.search(self.done, printed))
        return not (self.failed and re.search(self.failed, printed))


ICEPROG = ProgrammerTool(
    name="iceprog", package="fpga-icestorm", home="https://github.com/YosysHQ/icestorm"
)
OPEN_FPGA_LOADER = ProgrammerTool(
    name="openFPGALoader",
    package="openfpgaloader",
    home="https://github.com/trabucayre/openFPGALoader",
)
DFU_UTIL = ProgrammerTool(
    name="dfu-util", package="dfu-util", home="https://dfu-util.sourceforge.net"
)
FUJPROG = ProgrammerTool(name="fujprog", home="https://github.com/kost/fujprog/releases")
TINYPROG = ProgrammerTool(
    name="tinyprog",
    python_package="tinyprog",
    home="https://github.com/tinyfpga/TinyFPGA-Bootloader",
)
ICESPROG = ProgrammerTool(
    name="icesprog", home="https://github.com/wuxx/icesugar/tree/master/tools"
)
OPENOCD = ProgrammerTool(name="openocd", package="openocd", home="https://openocd.org")


def iceprog(*, sram: bool = False, before: str = "") -> Programmer:
    """Of boards with an FTDI chip at the iCE40's SPI pins.

    Most have it at the flash's side of them, where the FPGA itself cannot be loaded; ``sram`` is
    for those where it can.
    """
    return Programmer(
        tool=ICEPROG,
        sram=("-S", "{bitstream}") if sram else None,
        flash=("{bitstream}",),
        program=("-o", "{offset}", "{file}"),
        quad_enable=("-Q",),
        failed=r"cdone: low\s+(Bye\.\s*)?\Z",
        before=before,
    )


def open_fpga_loader(board: str, *, protected: bool = False) -> Programmer:
    """Of boards that openFPGALoader knows, each by its own name for it; ``protected`` are those
    whose flash does not let itself be written as it comes."""
    write = ("-b", board, *["--unprotect-flash"] * protected, "-f")
    return Programmer(
        tool=OPEN_FPGA_LOADER,
        sram=("-b", board, "-m", "{bitstream}"),
        flash=(*write, "{bitstream}"),
        program=(*write, "-o", "{offset}", "{file}"),
        quad_enable=("-b", board, "--enable-quad"),
    )


def dfu_util(
    device: str, *, before: str, after: str = "", alternate: str = "0", restart: bool = False
) -> Programmer:
    """Of boards whose bootloader takes bitstreams over USB, by default as its first alternate
    setting. It writes them into the flash, to one place; ``restart`` tells it to leave then."""
    return Programmer(
        tool=DFU_UTIL,
        flash=("-d", device, "-a", alternate, *["-R"] * restart, "-D", "{bitstream}"),
        done=r"Download done\.[\s\S]*unable to read DFU status after completion",
        before=before,
        after=after,
    )


def fujprog() -> Programmer:
    """Of the ULX3S alone, by its makers."""
    return Programmer(
        tool=FUJPROG,
        sram=("{bitstream}",),
        flash=("-j", "flash", "{bitstream}"),
        program=("-j", "flash", "-f", "{offset}", "-T", "img", "{file}"),
    )


def tinyprog() -> Programmer:
    """Of TinyFPGA's bootloader, which knows where user data lies."""
    return Programmer(
        tool=TINYPROG,
        flash=("-p", "{bitstream}"),
        program=("-u", "{file}"),
        together=True,
        before="press the board's button, so that its bootloader runs and its light pulses",
    )


def icesprog() -> Programmer:
    """Of Muse Lab's boards. It writes to the flash, from which the FPGA is then started."""
    return Programmer(
        tool=ICESPROG,
        flash=("{bitstream}",),
        program=("-o", "{offset}", "{file}"),
        failed=r"\bfail(ed)?\b",
    )


def openocd() -> Programmer:
    """With the configuration that a platform of amaranth-boards writes beside the bitstream."""
    svf = "transport select jtag; init; svf -quiet {{{stem}.svf}}; exit"  # in Tcl's quotation marks
    return Programmer(
        tool=OPENOCD,
        sram=("-f", "{stem}-openocd.cfg", "-c", svf),
        reads=("-openocd.cfg", ".svf"),
    )
