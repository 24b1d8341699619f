"""The tables of the link's protocol."""

from collections.abc import Mapping

from accel import protocol
from accel.export.verilog.register_map import register_map
from accel.protocol import FlashStatus, Opcode, Outcome, Status

from .markdown import table

_OPCODES = {
    Opcode.WRITE: (
        "lanes, number, count, location",
        "the words",
        "writes words",
        "`OK`; `EARLY`",
    ),
    Opcode.RUN: (
        "number, location, count",
        "an extension",
        "runs the chunk at the location and what follows",
        "`OK`, then `RESULT`",
    ),
    Opcode.READ: (
        "number",
        "an extension",
        "reads words",
        "`DATA`: the words",
    ),
    Opcode.INFO: ("number", "none", "asks what the core is", "`INFO`"),
    Opcode.HELLO: ("number", "none", "as `INFO`, and this number is expected next", "`INFO`"),
    Opcode.CHECK: ("", "none", "begins the check of the flash anew", "`OK`"),
    Opcode.ABORT: ("", "none", "ends the run; what waits is dropped", "`OK`"),
    Opcode.RATE: ("count", "none", "sets the rate of a serial line", "`OK` at the old rate"),
}
_DATA = {
    Status.RESULT: f"counters ({protocol.COUNTERS_BYTES}), state (1), words",
    Status.DATA: "words",
    Status.INFO: (
        f"identity ({protocol.IDENTITY_BYTES}), counters ({protocol.COUNTERS_BYTES}), state (1)"
    ),
}
_ACKNOWLEDGED = {
    Status.OK: "a good frame",
    Status.SPOILT: "a wrong CRC; the core is deaf now",
    Status.UNKNOWN: "an unknown opcode; the core is deaf now",
    Status.EARLY: "a `WRITE` that came too early, and was not executed",
}
_OUTCOMES = {
    Outcome.DONE: "the last layer was done",
    Outcome.LAYERS: "the limit of layers",
    Outcome.CYCLES: "the limit of cycles",
    Outcome.ABORTED: "`ABORT`",
    Outcome.BAD_FLASH: "a chunk in a flash without a valid image; it was not run",
}
_FLASH = {
    FlashStatus.CHECKING: "it is being checked",
    FlashStatus.OK: "a whole image for this core",
    FlashStatus.NO_CHIP: "no chip",
    FlashStatus.WRONG_HEADER: "no image for this core",
    FlashStatus.WRONG_CRC: "a damaged image",
}


def headers() -> str:
    """The bits of a header and of an extension."""
    rows = []
    for name, layout in (("header", protocol.HEADER), ("extension", protocol.EXTENSION)):
        start = 0
        for field, bits in [*layout.items(), ("CRC", 8 * protocol.CRC_BYTES)]:
            byte, last = start // 8, (start + bits - 1) // 8
            where = str(byte) if byte == last else f"{byte} to {last}"
            rows.append([name, where, f"{start} to {start + bits - 1}", field])
            start += bits
    return table(["of", "bytes", "bits, the lowest first", "field"], rows)


def opcodes() -> str:
    """What a frame asks for."""
    rows = [
        [f"`{opcode.name}`", str(int(opcode)), *_OPCODES[opcode]]
        for opcode in Opcode
        if opcode != Opcode.NONE
    ]
    heading = ["opcode", "", "fields of the header", "payload", "what it does", "answer"]
    return table(heading, rows)


def statuses() -> str:
    """How answers look."""
    rows = [[f"`{s.name}`", f"`{s:02x}`", "the frame's number, data, CRC", _DATA[s]] for s in _DATA]
    rows += [
        [f"`{s.name}`", f"`{s:02x}`", "the expected number, CRC", f"none: acknowledges {text}"]
        for s, text in _ACKNOWLEDGED.items()
    ]
    return table(["status", "first byte", "then", "data"], rows)


def states() -> str:
    """What the byte of a core's state tells."""
    rows = [*_rows("how a run ended", _OUTCOMES), *_rows("flash", _FLASH)]
    return table(["of", "value", "", "meaning"], rows)


def _rows(kind: str, meanings: Mapping) -> list[list[str]]:
    return [[kind, str(int(value)), f"`{value.name}`", text] for value, text in meanings.items()]


def registers() -> str:
    return table(["address", "register", "use", "bits"], [list(row) for row in register_map()])
