"""The registers of a core on Wishbone or AXI4-Lite, for documents."""

from collections.abc import Iterator

from accel.core.buses.registers import RECEIVE_VALID, Register, StatusBit
from accel.protocol import MAGIC

_USE = {
    Register.TRANSMIT: "write",
    Register.RECEIVE: "read",
    Register.STATUS: "read, write",
    Register.IDENTITY: "read",
}
_STATUS = {
    StatusBit.TRANSMIT_READY: "may transmit",
    StatusBit.RECEIVE_VALID: "a byte waits",
    StatusBit.RUNNING: "a program runs",
    StatusBit.OVERRUN: "a byte was lost (1 clears)",
}


def register_map() -> Iterator[tuple[str, str, str, str]]:
    """Address, name, use and bits of each register."""
    status = "; ".join(f"{bit:d}: {_STATUS[bit]}" for bit in StatusBit)
    identity = f"0x{int.from_bytes(MAGIC, 'little'):08x}"
    bits = {
        Register.TRANSMIT: "7 to 0: a byte to the core",
        Register.RECEIVE: f"{RECEIVE_VALID}: there is a byte; 7 to 0: the byte, which a read takes",
        Register.STATUS: status,
        Register.IDENTITY: f"{identity}: `{MAGIC.decode()}`, the lowest byte first",
    }
    for register in Register:
        yield f"`0x{register:x}`", f"`{register.name}`", _USE[register], bits[register]
