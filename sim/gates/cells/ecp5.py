"""Cells of the ECP5, as Yosys' models and Lattice's guides describe them."""

from collections.abc import Callable, Mapping

from ..lanes import Lanes, table
from ..netlist import Cell

HEADER = "ecp5.h"
CLOCKS = {"DCCA": "CLKI", "TRELLIS_IO": "B"}
GATES = {"DCCA": "CE"}
SOURCES = ("EHXPLLL", "OSCG")

_WIDTHS = (1, 2, 4, 9, 18)  # of a block RAM's words
_WRITE_MODES = ("NORMAL", "READBEFOREWRITE")


def _lut(lanes: Lanes, cell: Cell) -> None:
    inputs = [cell.bit(port) for port in "ABCD"]
    value = table(cell.number("INIT"), [lanes.net(bit) for bit in inputs])
    lanes.combinational(cell, [cell.bit("Z")], inputs, f"{lanes.net(cell.bit('Z'))}={value};")


def _choice(which: str, one: str, zero: str) -> Callable[[Lanes, Cell], None]:
    def add(lanes: Lanes, cell: Cell) -> None:
        inputs = [cell.bit(port) for port in (which, one, zero)]
        value = f"choose({','.join(map(lanes.net, inputs))})"
        lanes.combinational(cell, [cell.bit("Z")], inputs, f"{lanes.net(cell.bit('Z'))}={value};")

    return add


def _carry(lanes: Lanes, cell: Cell) -> None:
    """Two bits of a sum, each with a LUT whose lower half makes the carry."""
    carry, read = lanes.net(cell.bit("CIN")), [cell.bit("CIN")]
    lines, outputs = [], []
    for half in "01":
        inputs = [cell.bit(f"{port}{half}") for port in "ABCD"]
        read += inputs
        init, words = cell.number(f"INIT{half}"), [lanes.net(bit) for bit in inputs]
        four, two = table(init, words), table(init & 15, words[:2])
        injects = cell.text(f"INJECT1_{half}", "YES") == "YES"
        lines.append(f"const W sum{half}={four};")
        if f"S{half}" in cell.ports:
            outputs.append(cell.bit(f"S{half}"))
            lines.append(f"{lanes.net(outputs[-1])}=sum{half}^{'(W)0' if injects else carry};")
        made = "(W)0" if injects else two
        lines.append(f"const W carry{half}=choose(sum{half},{carry},{made});")
        carry = f"carry{half}"
    if "COUT" in cell.ports:
        outputs.append(cell.bit("COUT"))
        lines.append(f"{lanes.net(outputs[-1])}=carry1;")
    lanes.combinational(cell, outputs, read, "{" + "".join(lines) + "}")


def _flip_flop(lanes: Lanes, cell: Cell) -> None:
    cell.require(CLKMUX="CLK", LSRMUX="LSR")
    cell.require_tied("0", "M")
    if "Q" not in cell.ports:
        return
    gate, output = lanes.clock(cell, "CLK"), cell.bit("Q")
    before, after = lanes.net(output), lanes.net(cell.bit("DI"))
    high = cell.text("REGSET", "RESET") == "SET"
    enable = {"1": "ALL", "0": "(W)0", "INV": f"~{lanes.net(cell.bit('CE', '1'))}"}.get(
        cell.text("CEMUX", "CE"), lanes.net(cell.bit("CE", "1"))
    )
    reset, mode = lanes.net(cell.bit("LSR")), cell.text("SRMODE", "LSR_OVER_CE")
    resets = reset != "(W)0"
    put = f"({{}}|{reset})" if high else f"({{}}&~{reset})"
    if resets and mode == "CE_OVER_LSR":
        after = put.format(after)
    if enable != "ALL":
        after = f"choose({enable},{after},{before})"
    if resets and mode != "CE_OVER_LSR":
        after = put.format(after)
    if gate != "ALL":
        after = f"choose({gate},{after},{before})"
    if resets and mode == "ASYNC":
        after = put.format(after)
        lanes.asynchronous(output, reset, int(high))
    lanes.register(output, after, initial=int(high))


def _block_ram(lanes: Lanes, cell: Cell) -> None:
    """Both ports on the core's clock, without resets; contents begin undefined."""
    width = cell.number("DATA_WIDTH_A", 18)
    if width not in _WIDTHS or cell.number("DATA_WIDTH_B", 18) != width:
        raise cell.refuse("its ports must have one width, of 1, 2, 4, 9 or 18 bits")
    if any(cell.number(name) for name in cell.parameters if name.startswith("INITVAL")):
        raise cell.refuse("contents from the configuration are not simulated")
    for port in "AB":
        cell.require_tied("0", f"RST{port}", *(f"CS{port}{k}" for k in range(3)))
        cell.require(**{f"CSDECODE_{port}": "0b000"})
        if cell.text(f"WRITEMODE_{port}", "NORMAL") not in _WRITE_MODES:
            raise cell.refuse(f"WRITEMODE_{port} must be one of {', '.join(_WRITE_MODES)}")
    used = [port for port in "AB" if cell.bit(f"CLK{port}") != "0"]
    gates = {lanes.clock(cell, f"CLK{port}") for port in used}
    if len(gates) != 1:
        raise cell.refuse("its ports must have one clock")
    modes = [cell.text(f"WRITEMODE_{port}", "NORMAL") == _WRITE_MODES[1] for port in "AB"]
    name = lanes.model("BlockRam", ",".join(str(int(value)) for value in (width, *modes)))
    ports = []
    vectors = ""
    for port in "AB":
        vectors += lanes.vector(f"address{port}", cell.numbered(f"AD{port}", 14))
        vectors += lanes.vector(f"data{port}", cell.numbered(f"DI{port}", 18))
        enable, passes = (cell.bit(f"{pin}{port}", "1") for pin in ("CE", "OCE"))
        controls = [enable, cell.bit(f"WE{port}"), passes] if port in used else ["0"] * 3
        ports.append(
            f"BlockRam::Port{{{','.join(map(lanes.net, controls))},address{port},data{port}}}"
        )
    lanes.at_edge(f"{{{vectors}{name}.edge({gates.pop()},{','.join(ports)});}}")
    for index, port in enumerate("AB"):
        member = "out" if cell.text(f"REGMODE_{port}", "NOREG") == "OUTREG" else "read"
        for pin in range(18):
            if f"DO{port}{pin}" in cell.ports:
                lanes.output(cell.bit(f"DO{port}{pin}"), f"{name}.{member}[{index}][{pin}]")


def _multiplier(lanes: Lanes, cell: Cell) -> None:
    """A signed product with all three registers on one clock: the only way we use the cell."""
    for register in ("INPUTA", "INPUTB", "PIPELINE", "OUTPUT"):
        cell.require(**{f"REG_{register}_CLK": "CLK0", f"REG_{register}_CE": "CE0"})
        if f"REG_{register}_CLK" not in cell.parameters:
            raise cell.refuse(f"it must have a register at {register}")
    cell.require_tied("0", "RST0", "SOURCEA", "SOURCEB")
    cell.require_tied("1", "SIGNEDA", "SIGNEDB")
    gate = lanes.clock(cell, "CLK0")
    name = lanes.model("Multiplier", "")
    enable = f"{gate}&{lanes.net(cell.bit('CE0', '1'))}"
    lanes.at_edge(
        "{"
        + lanes.vector("a", cell.numbered("A", 18))
        + lanes.vector("b", cell.numbered("B", 18))
        + f"{name}.edge({enable},a,b);}}"
    )
    for pin in range(36):
        if f"P{pin}" in cell.ports:
            lanes.output(cell.bit(f"P{pin}"), f"{name}.product[{pin}]")


def _lut_ram(lanes: Lanes, cell: Cell) -> None:
    cell.require(WCKMUX="WCK", WREMUX="WRE")
    gate = lanes.clock(cell, "WCK")
    init = cell.number("INITVAL")
    contents = f"std::array<u64,1>{{{init}ull}}.data()" if init else "nullptr"
    name = lanes.model("LutRam", contents)
    outputs = cell.ports["DO"]
    sets = "".join(
        f"{lanes.net(bit)}=data[{index}];"
        for index, bit in enumerate(outputs)
        if isinstance(bit, int)
    )
    address = cell.bits("RAD", 4)
    text = f"{{{lanes.vector('a', address)}W data[4];{name}.read(a,data);{sets}}}"
    lanes.combinational(cell, outputs, address, text)
    lanes.at_edge(
        "{"
        + lanes.vector("a", cell.bits("WAD", 4))
        + lanes.vector("data", cell.bits("DI", 4))
        + f"{name}.edge({gate}&{lanes.net(cell.bit('WRE'))},a,data);}}"
    )


def _pad(lanes: Lanes, cell: Cell) -> None:
    pad = lanes.pad(cell, "B")
    if "O" in cell.ports:
        bit = cell.bit("O")
        lanes.combinational(cell, [bit], [], f"{lanes.net(bit)}={pad}.line;")
    if cell.text("DIR") in ("OUTPUT", "BIDIR"):
        value = lanes.net(cell.bit("I", "x"))
        lanes.drive(pad, "out", value)
        lanes.drive(pad, "second", value)
        lanes.drive(pad, "enable", f"~{lanes.net(cell.bit('T'))}")


def _pll(lanes: Lanes, cell: Cell) -> None:
    cell.require_tied("0", "RST", "STDBY")
    if "LOCK" in cell.ports:
        lock = cell.bit("LOCK")
        lanes.combinational(cell, [lock], [], f"{lanes.net(lock)}=locked;")


def _configuration_clock(lanes: Lanes, cell: Cell) -> None:
    """Drives the pin of the flash's clock, which is no other pin of the design."""
    pad, value = lanes.pin(f"{cell.kind}__clk__io"), lanes.net(cell.bit("USRMCLKI"))
    lanes.drive(pad, "out", value)
    lanes.drive(pad, "second", value)
    lanes.drive(pad, "enable", f"~{lanes.net(cell.bit('USRMCLKTS'))}")


def _nothing(lanes: Lanes, cell: Cell) -> None:
    """A cell that a clock passes or comes from."""


MODELS: Mapping[str, Callable[[Lanes, Cell], None]] = {
    "LUT4": _lut,
    "PFUMX": _choice("C0", "ALUT", "BLUT"),
    "L6MUX21": _choice("SD", "D1", "D0"),
    "CCU2C": _carry,
    "TRELLIS_FF": _flip_flop,
    "TRELLIS_DPR16X4": _lut_ram,
    "DP16KD": _block_ram,
    "MULT18X18D": _multiplier,
    "TRELLIS_IO": _pad,
    "EHXPLLL": _pll,
    "DCCA": _nothing,
    "OSCG": _nothing,
    "USRMCLK": _configuration_clock,
}
