"""The work on one point; these functions run in other processes, maybe on other machines.

Results are plain dictionaries. A problem that a user can have caused is reported in ``problem`` and
kept like any other result, unless it ``passes``, as a full disk does; anything else is raised.
"""

import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import accel
from accel.errors import ToolError, UserError, plain
from accel.estimate import estimate
from accel.explore.network import Network
from accel.explore.point import Point
from accel.flow.output import OutputUnusable
from accel.flow.tools import ToolFailed, ToolMisnamed, ToolNotFound
from accel.target import resources
from accel.target.bitstream import build

PASSES = "passes"
"""In a result: the problem is not the point's, another time there may be none."""


def estimated(point: Point, networks: Sequence[Network]) -> dict[str, Any]:
    """Resources, clock, and for each network cycles and accuracy, without synthesis."""
    try:
        config, board = point.config(), point.found_board()
        resources.check_fits(config, board)
        guess = estimate(config, board)
        result = {"configuration": config.as_dict(), **guess.as_dict()}
        if not guess.fits:
            short = [
                f"{n} {name} of {guess.available[name]}"
                for name, n in guess.used.items()
                if n > guess.available[name]
            ]
            return {**result, "problem": f"does not fit: about {', '.join(short)}"}
        programs = {n.name: accel.compile(n.graph(), board=board, config=config) for n in networks}
    except UserError as problem:
        return {"problem": plain(problem)}
    result["networks"] = {
        network.name: {
            "cycles": programs[network.name].report().cycles,
            "macs": programs[network.name].report().macs,
            "timing": programs[network.name].timing(board, clock_mhz=guess.fmax_mhz).as_dict(),
            "accuracy": _accuracy(network, programs[network.name]),
        }
        for network in networks
    }
    return {**result, "problem": None}


def timed(point: Point, networks: Sequence[Network], clock_mhz: float) -> dict[str, Any]:
    """What an inference of each network takes with the board's link, at a clock."""
    config, board = point.config(), point.found_board()
    found = {}
    for network in networks:
        program = accel.compile(network.graph(), board=board, config=config)
        found[network.name] = program.timing(board, clock_mhz=clock_mhz).as_dict()
    return {"timing": found, "problem": None}


def described(point: Point, networks: Sequence[Network]) -> dict[str, Any]:
    """Cycles of networks on a point's core, each by itself; nothing is estimated."""
    try:
        config, board = point.config(), point.found_board()
        resources.check_fits(config, board)
    except UserError as problem:
        return {"problem": plain(problem), "networks": {}}
    found: dict[str, dict[str, Any]] = {}
    for network in networks:
        try:
            program = accel.compile(network.graph(), board=board, config=config)
            found[network.name] = {
                "cycles": program.report().cycles,
                "program_bytes": program.code.size_bytes,
                "accuracy": _accuracy(network, program),
                "problem": None,
            }
        except UserError as problem:
            found[network.name] = {"problem": plain(problem)}
    return {"configuration": config.as_dict(), "networks": found, "problem": None}


def routed(point: Point, seeds: Sequence[int]) -> dict[str, Any]:
    """Place and route of a point's core: cells, Fmax of all seeds, critical path.

    Raises ``ToolNotFound``, ``ToolMisnamed`` and ``OutputUnusable``.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="accel-explore-") as folder:
            board, config = point.found_board(), point.config()
            report = build(
                board, Path(folder) / "build", config=config, seeds=seeds, cores=1
            ).report
    except (OutputUnusable, ToolMisnamed, ToolNotFound):
        raise  # of this machine and not of the point, of which it would be kept
    except ToolFailed as problem:
        # Its log goes with the folder.
        return {"problem": problem.reason, **({} if problem.lasting else {PASSES: True})}
    except (UserError, ToolError) as problem:
        return {"problem": plain(problem)}
    return {
        "used": {name: use["used"] for name, use in report["utilization"].items()},
        "fmax_mhz": report["fmax_mhz"],
        "critical_path": report["critical_path"]["words"] if report["critical_path"] else None,
        "tools": report["tools"],
        "problem": None,
    }


def _accuracy(network: Network, program: "accel.Program") -> float | None:
    """Share of the labelled data that a network answers rightly; the array's size changes nothing
    of it, so it is worked out once for each number format and processing element."""
    if network.data is None:
        return None
    config = program.config
    return _measured(network, config.format, config.element)


@lru_cache(maxsize=64)
def _measured(network: Network, form: str, element: str) -> float:
    x, y = network.samples()
    config = accel.AcceleratorConfig(format=form, element=element)
    program = accel.compile(network.graph(), config=config)
    answers = program.run(x, "machine").output.reshape(len(x), -1)
    return float(np.mean(answers.argmax(axis=1) == y))
