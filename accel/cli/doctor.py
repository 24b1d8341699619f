"""``accel doctor``"""

import os
import platform
import shutil
from importlib import metadata

import typer

from accel.cli._output import say, show, table

_PACKAGES = ("amaranth", "amaranth-boards", "numpy", "tflite", "typer", "rich")
_OPTIONAL_PACKAGES = {
    "pyserial": "optional: the link to a board, pip install 'accel[serial]'",
    "onnxruntime": "optional: for accel quantize, pip install 'accel[quantize]'",
}
_OPTIONAL_TOOLS = ("icetime",)
_PROGRAMMERS = ("iceprog", "openFPGALoader", "fujprog")


def doctor() -> None:
    """Say what is installed, in which version, and what to install.

    Ends with 1 if something is missing that `accel build` or `accel run` needs.
    """
    from accel import __version__

    listing = table("what", "version", "where or why")
    listing.add_row("accel", __version__, "")
    listing.add_row("Python", platform.python_version(), platform.platform())
    missing = _packages(listing) + _tools(listing) + _compiler(listing)
    _cache(listing)
    for name in _PROGRAMMERS:
        found = shutil.which(name)
        listing.add_row(name, "", found or "not installed; only to load a bitstream into a board")
    show(listing)
    for remedy in missing:
        say(f"To do: {remedy}")
    if missing:
        raise typer.Exit(1)
    say("All that is needed is here.")


def _packages(listing) -> list[str]:
    missing = []
    for name in _PACKAGES:
        try:
            listing.add_row(name, metadata.version(name), "Python package")
        except metadata.PackageNotFoundError:
            listing.add_row(name, "missing", "Python package")
            missing.append(f"pip install {name}")
    for name, purpose in _OPTIONAL_PACKAGES.items():
        try:
            listing.add_row(name, metadata.version(name), "Python package")
        except metadata.PackageNotFoundError:
            listing.add_row(name, "missing", purpose)
    return missing


def _tools(listing) -> list[str]:
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


def _compiler(listing) -> list[str]:
    from accel.flow.tools import ToolMisnamed
    from accel.sim.compiled import CannotCompileRtl, find_compiler

    try:
        compiler = find_compiler()
    except (CannotCompileRtl, ToolMisnamed) as problem:
        listing.add_row("C++ compiler", "missing", "for --executor rtl")
        return [str(problem)]
    listing.add_row("C++ compiler", compiler.version, " ".join(compiler.command))
    return []


def _cache(listing) -> None:
    from accel.sim.compiled import cache_folder

    folder = cache_folder()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    files = list(folder.glob("*.so"))
    size = sum(file.stat().st_size for file in files) / 2**20
    state = f"{len(files)} simulators, {size:.1f} MiB"
    if not os.access(nearest, os.W_OK):
        state = "not writable; set ACCEL_CACHE to a folder that is"
    listing.add_row("cache", state, str(folder))
