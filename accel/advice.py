"""Commands that install what is missing, as they can be typed, from a clone and from a wheel."""

import re
import sys
from collections.abc import Mapping
from importlib import metadata
from types import MappingProxyType

DISTRIBUTION = "accel-fpga"
"""Our name on the package index. The one that we are imported by is another project's there."""

EXTRAS: Mapping[str, str] = MappingProxyType(
    {
        "serial": "the link to a board: accel load, accel run --executor board",
        "quantize": "accel quantize",
        "explore": "accel explore: spaces too large to try all, and --dask",
        "wake-word": "the audio front end of examples/wake_word",
        "compiler": "a C++ compiler for --executor rtl where the system has none",
    }
)
"""What users may add, and what for; pyproject.toml says which packages that takes."""


def requirements(extra: str | None = None) -> Mapping[str, str]:
    """The packages of an extra, or those that are always needed: requirements for pip, by name.

    Empty where this package is not installed.
    """
    try:
        stated = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return {}
    wanted = f'extra == "{extra}"' if extra else None
    found = {}
    for line in stated:
        specification, _, marker = line.partition(";")
        if (marker.strip().replace("'", '"') or None) == wanted:
            specification = specification.replace(" ", "")
            found[re.split(r"[^\w.-]", specification)[0]] = specification
    return found


def how_to_install(extra: str | None = None) -> str:
    """The command that installs an extra's packages, or those that are always needed.

    Where this package is not installed, it is for the folder of its sources.
    """
    packages = requirements(extra).values()
    return _pip(*packages) if packages else _pip("-e", f".[{extra}]" if extra else ".")


def how_to_install_package(name: str) -> str:
    """The command that installs one package, in the version that we require, if any."""
    known: dict[str, str] = {}
    for extra in (*EXTRAS, None):
        known |= requirements(extra)
    return _pip(known.get(name, name))


def _pip(*arguments: str) -> str:
    """A line for a shell, of any system: pip of the Python that runs now, not of the first on the
    path."""
    words = [sys.executable or "python", "-m", "pip", "install", *arguments]
    return " ".join(f'"{word}"' if re.search(r"[^\w@%+:,./\\-]", word) else word for word in words)
