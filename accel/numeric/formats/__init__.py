"""Number formats, one file each: what an activation and a weight are, and how weights are packed.

A format is a value. Array, packing, compiler and flow take it from ``AcceleratorConfig.format``.
"""

import sys

from ...discovery import discover
from ._format import NumberFormat

FORMATS = discover(sys.modules[__name__], "FORMAT")

__all__ = ["FORMATS", "NumberFormat"]
