"""What made a result, as part of its key: our sources, and the tools."""

import hashlib
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

from accel import __version__
from accel.flow.cache.store import identity_of
from accel.flow.tools import find_optional

_PARTS = ("accel", "accel.boards", "accel.sim")  # folders of their own in a clone
_KINDS = ("*.py", "*.json")


@cache
def sources() -> dict[str, str]:
    """Version and digest of sources and recorded data; a version alone does not identify a clone's
    state."""
    hasher = hashlib.sha256()
    for part in _PARTS:
        found = importlib.util.find_spec(part)
        if not found or not found.origin:
            continue
        root = Path(found.origin).parent
        for path in sorted(file for kind in _KINDS for file in root.rglob(kind)):
            hasher.update(f"{part} {path.relative_to(root).as_posix()}\0".encode())
            hasher.update(path.read_bytes())
    return {"version": __version__, "sources": hasher.hexdigest()}


@cache
def tools(family: str) -> list[Any]:
    """The identities of the tools that build for a family; ``None`` for one that is not installed
    here, as where a cluster's workers build."""
    names = ("yosys", "nextpnr-ecp5" if family == "ecp5" else "nextpnr-ice40")
    found = [find_optional(name) for name in names]
    return [identity_of(tool) if tool else None for tool in found]
