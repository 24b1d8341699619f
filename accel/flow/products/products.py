"""Whether a tool's products are whole: tools end without an error where the disk was full."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from accel.flow.output import REPORT
from accel.flow.plan import STATISTICS, BuildPlan
from accel.flow.products import bitstreams
from accel.flow.timing.delays import read_sdf
from accel.flow.timing.lut_inputs import read_lut_inputs
from accel.flow.timing.reports import cells_used, read_nextpnr, read_statistics

NEXTPNR_REPORT = "nextpnr.json"
SDF = "delays.sdf"
ROUTED = "routed.json"

_END_BYTES = 1 << 16  # of a log: the end comes soon after
_WRONG = (KeyError, IndexError, TypeError, AttributeError, ValueError, RecursionError)


class NotWhole(Exception):
    """A product of a tool is missing, damaged or cut off; says which, and what is wrong."""

    def __init__(self, path: Path, why: object):
        super().__init__(f"{path.name} is not whole: {why}")


def check_synthesized(plan: BuildPlan, folder: Path) -> None:
    """What Yosys made: netlist, statistics, log. Raises ``NotWhole``."""
    check_netlist(folder / f"{plan.name}.json")
    _check(folder / STATISTICS, read_statistics)
    _check_log(folder, plan.synthesis, "-l", "End of script")


def check_routed(plan: BuildPlan, command: Sequence[str], folder: Path) -> None:
    """What nextpnr made in ``folder`` by a ``command``. Raises ``NotWhole``."""
    report = folder / NEXTPNR_REPORT
    _check(report, read_nextpnr)
    used = cells_used(report)
    for name in _named(command, "--asc"):
        _check(folder / name, lambda path: bitstreams.check_asc(path.read_text(), used))
    for name in _named(command, "--textcfg"):
        _check(folder / name, lambda path: bitstreams.check_config(path.read_text(), used))
    for name in _named(command, "--sdf"):
        _check(folder / name, lambda path: read_sdf(path.read_text()))
    for name in _named(command, "--write"):
        check_netlist(folder / name)
        _check(folder / name, lambda path: read_lut_inputs(path.read_text()))
    _check_log(folder, command, "--log", "Program finished normally")


def check_packed(plan: BuildPlan, folder: Path) -> None:
    """The bitstream, in all forms that the packer writes. Raises ``NotWhole``."""
    checks: dict[str, Callable[[bytes], None]] = {
        ".bin": bitstreams.check_bin,
        ".bit": bitstreams.check_bit,
    }
    words = [word for word in plan.pack if Path(word).suffix in checks]
    for word in words:
        _check(folder / word, lambda path: checks[path.suffix](path.read_bytes()))
    least = min((folder / word).stat().st_size for word in words)
    for name in _named(plan.pack, "--svf"):
        _check(folder / name, lambda path: bitstreams.check_svf(path.read_text(), least))


def check_built(plan: BuildPlan, folder: Path) -> None:
    """All products of a build: sources, bitstream and report. Raises ``NotWhole``."""
    check_packed(plan, folder)
    for name, content in plan.files.items():
        _check(folder / name, partial(_check_same, content=content))
    _check(folder / REPORT, lambda path: json.loads(path.read_text())["fmax_mhz"]["seeds"])


def check_netlist(path: Path) -> None:
    """A netlist as Yosys and nextpnr write it in JSON. Raises ``NotWhole``."""

    def check(path: Path) -> None:
        modules = json.loads(path.read_text())["modules"]
        if not any(module["cells"] and module["netnames"] for module in modules.values()):
            raise ValueError("it has no module with cells")

    _check(path, check)


def _check(path: Path, check: Callable[[Path], Any]) -> None:
    try:
        if not path.stat().st_size:
            raise NotWhole(path, "it is empty")
        check(path)
    except FileNotFoundError:
        raise NotWhole(path, "it is missing") from None
    except _WRONG as problem:
        raise NotWhole(path, f"{type(problem).__name__}: {problem}") from problem


def _check_log(folder: Path, command: Sequence[str], option: str, end: str) -> None:
    """Check that a log ends as that of a tool that ran to its end."""
    for name in _named(command, option):

        def check(path: Path) -> None:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - _END_BYTES))
                if end.encode() not in file.read():
                    raise ValueError(f"its end {end!r} is missing")

        _check(folder / name, check)


def _check_same(path: Path, content: str) -> None:
    if path.read_text() != content:
        raise ValueError("it has other content")


def _named(command: Sequence[str], option: str) -> list[str]:
    """The files that an option of a command names."""
    return [name for word, name in pairwise(command) if word == option]
