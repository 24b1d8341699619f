"""Which core answers: the one that is meant, or one that differs in what can be named."""

from collections.abc import Iterator
from dataclasses import replace

from accel import boards
from accel.config import FLASH_LANES, AcceleratorConfig, InvalidConfiguration
from accel.host.driver import Driver
from accel.identity import identity
from accel.numeric.formats import FORMATS
from accel.protocol import IDENTITY_BYTES, MAGIC, PROTOCOL_VERSION

from .steps import Finding, Step, failed, passed

NAME = "identity"
_LOOK = (
    "which bitstream is loaded, and the options of this command: --board, --rows, --cols, --format "
    "and --set must be those of `accel build`"
)
_VERSION = "load a bitstream that `accel build` of this version made"


def check_identity(driver: Driver) -> Step:
    """Compare what the core says it is with the configuration. Raises ``LinkError``."""
    config = driver.config
    found = driver.exchange.begin()[:IDENTITY_BYTES]
    if found == identity(config):
        return passed(NAME, f"{_core(config)}, protocol {PROTOCOL_VERSION}, as it should be")
    if found[: len(MAGIC)] != MAGIC:
        said = f"it says {found.hex(' ')}, which no core of ours does"
        return failed(NAME, [Finding(said=said, look=_LOOK, place={"differs": "magic"})])
    version = found[len(MAGIC)]
    if version != PROTOCOL_VERSION:
        said = f"it speaks version {version} of the protocol, not {PROTOCOL_VERSION}"
        return failed(NAME, [Finding(said=said, look=_VERSION, place={"differs": "protocol"})])
    return failed(NAME, _differences(found, config))


def _core(config: AcceleratorConfig) -> str:
    return f"a {config.rows}x{config.columns} {config.format} core"


def _differences(found: bytes, config: AcceleratorConfig) -> list[Finding]:
    rows, columns, weight_bits = found[len(MAGIC) + 1 :][:3]
    names = [board.name for board in boards.BOARDS.values() if _default(board) == found]
    also = f"; it is the core of board {' or '.join(names)}" if names else ""
    known = {
        "rows": (rows, config.rows),
        "columns": (columns, config.columns),
        "weight bits": (weight_bits, config.number_format.weight_bits),
    }
    findings = [
        Finding(
            said=f"it has {is_} {name}, not {wanted}{also}", look=_LOOK, place={"differs": name}
        )
        for name, (is_, wanted) in known.items()
        if is_ != wanted
    ]
    if findings:
        return [replace(findings[0], said=findings[0].said + also), *findings[1:]]
    for name, value in _values(config):
        try:
            other = config.replace(**{name: value})
        except InvalidConfiguration:
            continue
        if identity(other) == found:
            said = f"it was built with {name}={value}, not {getattr(config, name)}{also}"
            return [Finding(said=said, look=_LOOK, place={"differs": name, "is": value})]
    said = f"it differs in several values of its configuration{also or ', which it does not tell'}"
    return [Finding(said=said, look=_LOOK, place={"differs": "configuration"})]


def _default(board: "boards.Board") -> bytes:
    return identity(AcceleratorConfig(**board.configuration))


def _values(config: AcceleratorConfig) -> Iterator[tuple[str, int | str]]:
    """Single values in which another core may differ."""
    yield from (("flash_lanes", lanes) for lanes in FLASH_LANES)
    yield from (("wide_sums", sums) for sums in (0, 1))
    yield from (("sum_bits", bits) for bits in range(16, 33))
    yield from (("requantizers", count) for count in range(1, 33))
    yield from (("format", name) for name in FORMATS)
    yield from (("bank_words", 1 << bits) for bits in range(8, 21))
    yield from (("bank_words", config.bank_words * k // 4) for k in (2, 3, 6, 8))
    yield from (("weight_steps", steps) for steps in range(64, 8192 + 1, 64))
