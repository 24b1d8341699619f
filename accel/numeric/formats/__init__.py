"""Number formats, one file each: what an activation and a weight are, and how weights are packed.

A format is a value. Array, packing, compiler and flow take it from ``AcceleratorConfig.format``.
Installed packages add theirs by entry points of the group ``accel.formats``.
"""

import sys
from typing import Any

from ...discovery import Registry, discover
from ._format import InvalidFormat, NumberFormat, SubByte


def _accept(found: Any) -> NumberFormat:
    if not isinstance(found, NumberFormat):
        raise TypeError(f"it holds a {type(found).__name__}, not a NumberFormat")
    return found


FORMATS = Registry(
    "number format", discover(sys.modules[__name__], "FORMAT"), "accel.formats", _accept
)

__all__ = ["FORMATS", "InvalidFormat", "SubByte", "NumberFormat"]
