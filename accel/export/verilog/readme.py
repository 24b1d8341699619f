"""The page that lies beside an exported core."""

from collections.abc import Iterable

from amaranth.hdl import Shape
from amaranth.lib import wiring

import accel
from accel.core.buses import BUSES
from accel.export.verilog import licence
from accel.export.verilog.convert import port_name
from accel.export.verilog.facts import Facts
from accel.export.verilog.header import CELLS
from accel.export.verilog.recording import Recording
from accel.export.verilog.register_map import register_map
from accel.export.verilog.testbench import ANSWERED, SENT, STEPS, TESTBENCH

_PROTOCOL = "accel/core/host_link/README.md"
_PAGE = "accel/export/verilog/README.md"
_PORTS = {
    "s_axis_tdata": "a byte to the core",
    "s_axis_tvalid": "there is one",
    "s_axis_tready": "the core takes it with this clock edge",
    "m_axis_tdata": "a byte from the core",
    "m_axis_tvalid": "there is one; it stays until it is taken",
    "m_axis_tready": "it is taken with this clock edge",
    "wb_adr": "address of a byte; the lowest two bits do not matter",
    "s_axi_awaddr": "address of a byte; the lowest two bits do not matter",
    "s_axi_araddr": "address of a byte; the lowest two bits do not matter",
    "irq": "1 while a byte waits in RECEIVE",
    "running": "1 while a program runs; may stay open",
}
_GROUPS = {"wb": "Wishbone B4", "s_axi": "AXI4-Lite", "flash": "an SPI flash, see below"}


def readme(facts: Facts, recording: Recording | None) -> str:
    """The page: files, ports, how to connect, simulate and constrain the core, what it takes."""
    sections = [
        _what(facts),
        _files(facts, recording),
        _ports(facts),
        _registers(facts),
        _programs(facts),
        _simulate(facts, recording),
        _constraints(facts),
        _resources(facts),
        _licence(facts),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _what(facts: Facts) -> str:
    config = facts.config
    size = f"A {config.rows}x{config.columns} {config.format}"
    return f"""\
# {facts.module}

{size} core for quantized neural networks, made by accel {accel.__version__} of
{CELLS[config.family]}.

Bytes go in and bytes come out: frames and answers are described in accel's page of its protocol,
`{_PROTOCOL}`, which suffices to write a driver from. Its page for integrators,
`{_PAGE}`, has the registers of Wishbone and AXI4-Lite."""


def _files(facts: Facts, recording: Recording | None) -> str:
    rows = [
        (f"`{facts.module}.v`", "the core; one file, Verilog-2001"),
        ("`core.json`", "its configuration and what is known of it, for programs"),
    ]
    if recording:
        rows += [
            (f"`{TESTBENCH}`", f"loads and runs the network {recording.network}, checks itself"),
            (f"`{SENT}`", "the bytes that it sends: accel's driver's own frames"),
            (f"`{ANSWERED}`", "the bytes that accel's own RTL simulation answered"),
            (f"`{STEPS}`", "a line for each frame: bytes sent and answered up to its end"),
        ]
    return "## Files\n\n" + _table(("file", "what it is"), rows)


def _ports(facts: Facts) -> str:
    ports = list(_all_ports(facts))
    connections = ",\n".join(f"  .{name}({name})" for name, *_ in ports)
    rows = [(f"`{name}`", *rest) for name, *rest in ports]
    text = "## Ports\n\n" + _table(("port", "direction", "bits", "what it is"), rows)
    text += f"\n\n```verilog\n{facts.module} core (\n{connections}\n);\n```"
    if facts.config.flash_lanes:
        text += f"""

`flash_sck` is 1 in each cycle of `clk` that has a pulse of the flash's clock, so its pad needs a
double-data-rate register (or, on an ECP5, half the rate: pulses are two cycles apart there).
`flash_dq_o` and `flash_dq_oe` are registered at the pads, and so is `flash_dq_i`: from a pulse to
its bit are two cycles. accel's `accel/core/flash/phy.py` has such pads. Without a flash, tie
`flash_dq_i` to 0; with `--set flash_lanes=0` the core has none of these ports. The program's image
begins at byte {facts.flash_offset} of the flash."""
    return text


def _all_ports(facts: Facts) -> Iterable[tuple[str, str, str, str]]:
    """Name, direction, width and meaning of each port."""
    yield "clk", "in", "1", "the clock; rising edge"
    yield "rst", "in", "1", "synchronous reset, active-high"
    for path, member in BUSES[facts.bus].signature_of(facts.config).members.flatten():
        if member.is_port:
            name = port_name(path)
            direction = "in" if member.flow == wiring.In else "out"
            meaning = _PORTS.get(name) or _GROUPS[str(path[0])]
            yield name, direction, str(Shape.cast(member.shape).width), meaning


def _registers(facts: Facts) -> str:
    if facts.bus == "axis":
        return ""
    return f"""\
## Registers

Each is a word of 32 bits. No access waits for the core, and only lowest bytes are ever written.

{_table(("address", "register", "use", "bits"), register_map())}"""


def _programs(facts: Facts) -> str:
    values = "\n".join(f"    {name}={value!r}," for name, value in facts.config.as_dict().items())
    return f"""\
## Programs

A program must be compiled for exactly this core, from Python:

```
import accel

config = accel.AcceleratorConfig(
{values}
)
program = accel.compile("model.tflite", config=config)
```

`accel export c` then makes a driver in C99 of it that has this core's frames. A core tells what it
is when it is asked with `INFO`, and a driver refuses another one."""


def _simulate(facts: Facts, recording: Recording | None) -> str:
    if not recording:
        return ""
    models = {
        "generic": "",
        "ice40up": " CELLS/ice40/cells_sim.v",
        "ice40hx": " CELLS/ice40/cells_sim.v",
        "ecp5": " CELLS",
    }[facts.config.family]
    note = ""
    if models:
        note = (
            "\n\n`CELLS` are models of the vendor's cells: Yosys brings those of the iCE40 in its "
            "folder `share`, and of\nthe ECP5's LUTs and registers; those of MULT18X18D and DP16KD "
            "come with Lattice Diamond."
        )
    return f"""\
## Simulate

```console
$ iverilog -g2012 -o testbench.vvp {TESTBENCH} {facts.module}.v{models}
$ vvp testbench.vvp
PASS: {sum(len(s.answered) for s in recording.steps)} bytes of answers are equal; the run took \
{recording.counters["cycles"]} cycles
```

Run it in this folder: the data are read from here. It ends with `$finish` after PASS and with
`$fatal` after FAIL.{note}"""


def _constraints(facts: Facts) -> str:
    mhz = facts.board.clock.made_mhz if facts.board else None
    period = f"{1e3 / mhz:.3f}" if mhz else "PERIOD_NS"
    at = f"{mhz:g} MHz, the clock of {facts.board.name}" if facts.board else "a clock of yours"
    return f"""\
## Constraints

The clock's, and no others: there are no false or multi-cycle paths. For {at}:

```tcl
create_clock -name clk -period {period} [get_ports clk]
```

`tready`, `ack` and the like may be slow to leave the FPGA: keep the bus inside, or register it."""


def _resources(facts: Facts) -> str:
    lines = []
    if facts.measured:
        assert facts.board is not None
        fmax, used = facts.measured["fmax_mhz"], facts.measured["used"]
        lines.append(
            f"Measured after place and route, of {facts.board.name}'s own bitstream, this core and "
            f"its link:\n{_cells(used)}; Fmax {fmax['median']:.1f} MHz in the median of "
            f"{facts.measured['seeds']} seeds, {fmax['min']:.1f} to {fmax['max']:.1f}."
        )
    if facts.estimated:
        lines.append(
            f"Estimated from recorded builds, not measured: {_cells(facts.estimated['used'])}."
        )
    if not lines:
        lines.append("Not known: no board was named, and nothing of this core was measured.")
    return "## Resources\n\n" + "\n\n".join(lines)


def _licence(facts: Facts) -> str:
    return f"""\
## Licence

{licence.NAME}; the whole text stands at the top of `{facts.module}.v`. You may use the hardware in
products of your own, as the licence says."""


def _cells(used: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in used.items() if count)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
