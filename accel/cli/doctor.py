"""``accel doctor``"""

import os
import platform
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import typer

from accel.advice import DISTRIBUTION, EXTRAS, how_to_install, how_to_install_package, requirements
from accel.cli._boards_found import boards_found
from accel.cli._json import write_json
from accel.cli._output import say, show
from accel.cli.options import groups
from accel.cli.tables.listing import name as name_of
from accel.cli.tables.listing import table

_OPTIONAL_TOOLS = ("icetime",)


@dataclass
class _Parts:
    """What was looked for, each with its version and where it is or why it is wanted."""

    rows: list[dict[str, str]] = field(default_factory=list)

    def add_row(self, what: str, version: str, where: str) -> None:
        self.rows.append({"name": what, "version": version, "where": where})


def doctor(json_file: groups.Json = None) -> None:
    """Say what is installed and connected, in which version, and what to install.

    Of optional parts that are missing it says what they are for. Boards that are
    connected are listed with their ports; several share a USB chip, and then all
    are named that it may be. Ends with 1 if something is missing that `accel
    build` or `accel run` needs. FILE has "parts", "boards", "optional", "to_do"
    and whether that is "complete".

    \b
    accel doctor
    accel doctor --json -
    """
    from accel import __version__

    listing = _Parts()
    listing.add_row("accel", __version__, "")
    listing.add_row("Python", platform.python_version(), platform.platform())
    missing = _packages(listing)
    optional = _optional_packages(listing)
    missing += _tools(listing) + _compiler(listing)
    _cache(listing)
    _programmers(listing)
    here = boards_found()
    _boards(listing, here)
    shown = table("what", "version", "where or why")
    for row in listing.rows:
        path = os.path.isabs(row["where"])
        shown.add_row(row["name"], row["version"], name_of(row["where"]) if path else row["where"])
    show(shown)
    for remedy in optional:
        say(f"Optional: {remedy}")
    for remedy in missing:
        say(f"To do: {remedy}")
    if not missing:
        say("All that is needed is here.")
    answer = {"parts": listing.rows, "boards": here, "optional": optional, "to_do": missing}
    write_json(json_file, answer | {"complete": not missing})
    if missing:
        raise typer.Exit(1)


def _packages(listing: _Parts) -> list[str]:
    """What to do about packages that are always needed."""
    needed = requirements()
    if not needed:
        return [f"{DISTRIBUTION} is not installed; where you have its sources: {how_to_install()}"]
    absent = [name for name in needed if not _has(listing, name, "Python package")]
    return [how_to_install_package(name) for name in absent]


def _optional_packages(listing: _Parts) -> list[str]:
    """What to do about those that only some commands need."""
    remedies = []
    for extra, purpose in EXTRAS.items():
        found = [_has(listing, name, f"optional: {purpose}") for name in requirements(extra)]
        if not all(found):
            remedies.append(f"for {purpose}: {how_to_install(extra)}")
    return remedies


def _has(listing: _Parts, package: str, what: str) -> bool:
    """Whether a package is installed; its row says so."""
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        version = ""
    listing.add_row(package, version or "missing", what)
    return bool(version)


def _tools(listing: _Parts) -> list[str]:
    from accel.flow.tools import REQUIREMENTS, ToolMisnamed, ToolNotFound, find_tool

    missing = []
    for name in REQUIREMENTS:
        try:
            tool = find_tool(name)
            listing.add_row(name, tool.version, tool.executable)
        except ToolNotFound as problem:
            needed = name not in _OPTIONAL_TOOLS
            listing.add_row(name, "missing", "" if needed else "optional: a second opinion on Fmax")
            missing += [str(problem)] if needed else []
        except ToolMisnamed as problem:
            listing.add_row(name, "missing", "the environment names one that is not there")
            missing.append(str(problem))
    return missing


def _compiler(listing: _Parts) -> list[str]:
    from accel.flow.tools import ToolMisnamed
    from accel.sim.rtl.compiled import CannotCompileRtl, find_compiler

    try:
        compiler = find_compiler()
    except (CannotCompileRtl, ToolMisnamed) as problem:
        listing.add_row("C++ compiler", "missing", "for --executor rtl")
        return [str(problem)]
    listing.add_row("C++ compiler", compiler.version, " ".join(compiler.command))
    return []


def _programmers(listing: _Parts) -> None:
    """What loads bitstreams, and into which boards."""
    from accel.boards import BOARDS
    from accel.flow.tools import ToolMisnamed
    from accel.target.programming import find_tool

    loads: dict[Any, list[str]] = {}
    for board in BOARDS.values():
        for one in board.programmers:
            loads.setdefault(one.tool, []).append(board.name)
    for tool, names in loads.items():
        try:
            path = find_tool(tool)
        except ToolMisnamed as problem:
            listing.add_row(tool.name, "missing", str(problem))
            continue
        use = f"optional, for {', '.join(names)}: {tool.how_to_install()}"
        listing.add_row(tool.name, "" if path else "missing", path or use)


def _boards(listing: _Parts, found: list[dict[str, Any]]) -> None:
    """What is on USB that may be a board."""
    for one in found:
        where = ", ".join(one["ports"]) or "no serial port"
        if one["usable"] is False:
            where += "; this user may not program it, accel program says how"
        listing.add_row(f"USB {one['usb']}", one["product"] or "", f"{where}: {_either(one)}")
    if not found:
        listing.add_row("boards on USB", "none", "")


def _either(found: dict[str, Any]) -> str:
    return " or ".join(found["boards"])


def _cache(listing: _Parts) -> None:
    from accel.flow.cache.entries import make_private
    from accel.sim.rtl.compiled import cache_folder

    folder = cache_folder()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    files = list(folder.glob("*.entry"))
    size = sum(file.stat().st_size for file in files) / 2**20
    state = f"{len(files)} simulators, {size:.1f} MiB"
    if not os.access(nearest, os.W_OK):
        state = "not writable; set ACCEL_CACHE to a folder that is"
    elif folder.exists() and not make_private(folder):
        state = "not this user's, and not used; set ACCEL_CACHE to a folder that is"
    listing.add_row("cache", state, str(folder))
