"""Cells of the iCE40, as the iCE Technology Library describes them."""

from collections.abc import Callable, Mapping

from ..lanes import Lanes, table
from ..netlist import Cell

HEADER = "ice40.h"
CLOCKS = {"SB_GB": "USER_SIGNAL_TO_GLOBAL_BUFFER", "SB_IO": "PACKAGE_PIN"}
GATES: Mapping[str, str] = {}
SOURCES = ("SB_PLL40_CORE", "SB_PLL40_PAD", "SB_HFOSC")

_WORDS = 256  # of block RAM, of 16 bits
_INIT_WORDS = 16  # in each of its parameters

_OUTPUT_REGISTERED = 0b01
_OUTPUT_DIRECT = 0b10
_OUTPUT_DOUBLE = 0b00


def _lut(lanes: Lanes, cell: Cell) -> None:
    inputs = [cell.bit(f"I{k}") for k in range(4)]
    value = table(cell.number("LUT_INIT"), [lanes.net(bit) for bit in inputs])
    lanes.combinational(cell, [cell.bit("O")], inputs, f"{lanes.net(cell.bit('O'))}={value};")


def _carry(lanes: Lanes, cell: Cell) -> None:
    if "CO" not in cell.ports:
        return
    inputs = [cell.bit(port) for port in ("I0", "I1", "CI")]
    a, b, carry = map(lanes.net, inputs)
    text = f"{lanes.net(cell.bit('CO'))}=({a}&{b})|(({a}|{b})&{carry});"
    lanes.combinational(cell, [cell.bit("CO")], inputs, text)


def _flip_flop(lanes: Lanes, cell: Cell) -> None:
    """``SB_DFF``, then N for a falling edge, E for an enable, S for a synchronous one, S or R."""
    form = cell.kind.removeprefix("SB_DFF")
    if "N" in form:
        raise cell.refuse("its clock's falling edge is not simulated")
    if "Q" not in cell.ports:
        return
    gate = lanes.clock(cell, "C")
    output, after = cell.bit("Q"), lanes.net(cell.bit("D"))
    enable = lanes.net(cell.bit("E", "1"))
    control = form.removeprefix("E")
    if control in ("SR", "SS"):  # an enable holds for these, too
        pin = lanes.net(cell.bit(control[1]))
        after = f"({after}&~{pin})" if control == "SR" else f"({after}|{pin})"
    if form.startswith("E"):
        after = f"choose({enable},{after},{lanes.net(output)})"
    if control in ("R", "S"):
        pin, value = lanes.net(cell.bit(control)), int(control == "S")
        after = f"({after}|{pin})" if value else f"({after}&~{pin})"
        lanes.asynchronous(output, pin, value)
    lanes.register(output, _gated(gate, after, lanes.net(output)), initial=0)


def _gated(gate: str, after: str, before: str) -> str:
    return after if gate == "ALL" else f"choose({gate},{after},{before})"


def _block_ram(lanes: Lanes, cell: Cell) -> None:
    """Memory that is configured with nothing but zeros begins undefined: after a reset it is not
    zeros either."""
    gates = {lanes.clock(cell, port) for port in ("RCLK", "WCLK")}
    if gates != {"ALL"}:
        raise cell.refuse("its clock is gated")
    words = [
        cell.number(f"INIT_{block:X}") >> 16 * word & 0xFFFF
        for block in range(_WORDS // _INIT_WORDS)
        for word in range(_INIT_WORDS)
    ]
    contents = "nullptr"
    if any(words):
        contents = f"std::array<u64,{_WORDS}>{{{','.join(map(str, words))}}}.data()"
    modes = f"{cell.number('READ_MODE')},{cell.number('WRITE_MODE')}"
    name = lanes.model("Ram40", f"{modes},{contents}")
    reads = "&".join(lanes.net(cell.bit(p, d)) for p, d in (("RE", "0"), ("RCLKE", "1")))
    writes = "&".join(lanes.net(cell.bit(p, d)) for p, d in (("WE", "0"), ("WCLKE", "1")))
    mask = cell.ports.get("MASK") or ["0"] * 16
    lanes.at_edge(
        "{"
        + lanes.vector("ra", cell.bits("RADDR", 11))
        + lanes.vector("wa", cell.bits("WADDR", 11))
        + lanes.vector("data", cell.bits("WDATA", 16))
        + lanes.vector("mask", mask)
        + f"{name}.edge({reads},ra,{writes},wa,data,mask);}}"
    )
    for pin, bit in enumerate(cell.ports["RDATA"]):
        lanes.output(bit, f"{name}.out({pin})")


def _single_port_ram(lanes: Lanes, cell: Cell) -> None:
    cell.require_tied("0", "STANDBY", "SLEEP")
    cell.require_tied("1", "POWEROFF")
    if lanes.clock(cell, "CLOCK") != "ALL":
        raise cell.refuse("its clock is gated")
    name = lanes.model("Spram", "")
    controls = ",".join(lanes.net(cell.bit(port)) for port in ("CHIPSELECT", "WREN"))
    lanes.at_edge(
        "{"
        + lanes.vector("a", cell.bits("ADDRESS", 14))
        + lanes.vector("data", cell.bits("DATAIN", 16))
        + lanes.vector("mask", cell.bits("MASKWREN", 4))
        + f"{name}.edge({controls},a,data,mask);}}"
    )
    for pin, bit in enumerate(cell.ports["DATAOUT"]):
        lanes.output(bit, f"{name}.read_data[{pin}]")


def _multiplier(lanes: Lanes, cell: Cell) -> None:
    """Two products of 8 bits, with registers before and after: the only way we use the cell."""
    cell.require(MODE_8x8=1, A_REG=1, B_REG=1, TOP_8x8_MULT_REG=1, BOT_8x8_MULT_REG=1)
    cell.require(TOPOUTPUT_SELECT=2, BOTOUTPUT_SELECT=2, NEG_TRIGGER=0)
    holds = ("AHOLD", "BHOLD", "IRSTTOP", "IRSTBOT", "ORSTTOP", "ORSTBOT")
    cell.require_tied("0", *holds)
    if lanes.clock(cell, "CLK") != "ALL":
        raise cell.refuse("its clock is gated")
    name = lanes.model("DualMultiplier", "")
    signs = ",".join(str(cell.number(f"{side}_SIGNED")) for side in "AB")
    lanes.at_edge(
        "{"
        + lanes.vector("a", cell.bits("A", 16))
        + lanes.vector("b", cell.bits("B", 16))
        + f"{name}.edge({lanes.net(cell.bit('CE', '1'))},a,b,{signs});}}"
    )
    for pin, bit in enumerate(cell.ports["O"]):
        lanes.output(bit, f"{name}.product[{pin}]")


def _pad(lanes: Lanes, cell: Cell) -> None:
    """``PIN_TYPE``: the input in its lowest two bits, the output in two, its enable in two."""
    cell.require(NEG_TRIGGER=0)
    cell.require_tied("1", "CLOCK_ENABLE")
    kind = cell.number("PIN_TYPE")
    enabled, output, direct = kind >> 4, kind >> 2 & 3, kind & 3
    pad = lanes.pad(cell, "PACKAGE_PIN")
    if "D_IN_0" in cell.ports:
        bit = cell.bit("D_IN_0")
        if direct == 1:
            lanes.combinational(cell, [bit], [], f"{lanes.net(bit)}={pad}.line;")
        elif direct == 0 and lanes.clock(cell, "INPUT_CLK") == "ALL":
            lanes.register(bit, f"{pad}.line", initial=None)
        else:
            raise cell.refuse(f"PIN_TYPE {kind:06b} has an input that is not simulated")
    if not enabled:
        return
    value, enable = lanes.net(cell.bit("D_OUT_0")), lanes.net(cell.bit("OUTPUT_ENABLE", "1"))
    if output == _OUTPUT_DIRECT:
        lanes.drive(pad, "out", value)
    elif (
        output in (_OUTPUT_REGISTERED, _OUTPUT_DOUBLE) and lanes.clock(cell, "OUTPUT_CLK") == "ALL"
    ):
        lanes.at_edge(f"{pad}.out={value};")
    else:
        raise cell.refuse(f"PIN_TYPE {kind:06b} has an output that is not simulated")
    second = lanes.net(cell.bit("D_OUT_1")) if output == _OUTPUT_DOUBLE else f"{pad}.out"
    lanes.drive(pad, "second", second)  # taken in the middle of the cycle
    if enabled == 0b11:
        lanes.at_edge(f"{pad}.enable={enable};")
    else:
        lanes.drive(pad, "enable", "ALL" if enabled == 0b01 else enable)


def _pll(lanes: Lanes, cell: Cell) -> None:
    cell.require_tied("0", "BYPASS")
    cell.require_tied("1", "RESETB")
    if "LOCK" in cell.ports:
        lock = cell.bit("LOCK")
        lanes.combinational(cell, [lock], [], f"{lanes.net(lock)}=locked;")


def _nothing(lanes: Lanes, cell: Cell) -> None:
    """A cell that a clock passes or comes from."""


MODELS: Mapping[str, Callable[[Lanes, Cell], None]] = {
    "SB_LUT4": _lut,
    "SB_CARRY": _carry,
    **{
        f"SB_DFF{form}": _flip_flop
        for edge in ("", "N")
        for form in (edge, *(f"{edge}{e}{c}" for e in ("", "E") for c in ("SR", "R", "SS", "S")))
    },
    "SB_DFFE": _flip_flop,
    "SB_DFFNE": _flip_flop,
    "SB_RAM40_4K": _block_ram,
    "SB_SPRAM256KA": _single_port_ram,
    "SB_MAC16": _multiplier,
    "SB_IO": _pad,
    "SB_PLL40_CORE": _pll,
    "SB_PLL40_PAD": _pll,
    "SB_GB": _nothing,
    "SB_HFOSC": _nothing,
}
