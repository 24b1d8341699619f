"""What a datapath of your own is made of, and what holds it to what it states.

A `NumberFormat` says what weights are and what a product is, an `Element` or a `ProcessingElement`
how products are made. Either is one file, here or in a package of yours, which names them by entry
points of the groups ``accel.formats`` and ``accel.elements``::

    [project.entry-points."accel.formats"]
    int8_int3 = "my_package:FORMAT"

    [project.entry-points."accel.elements"]
    int3_adders = "my_package:Int3Element"
"""

from accel.core.pe import ELEMENTS, Element, ProcessingElement, each
from accel.numeric.formats import FORMATS, InvalidFormat, NumberFormat

from ._claim import Claim
from ._layers import network
from .conformance import NotConforming, assert_conforms, check

__all__ = [
    "ELEMENTS",
    "FORMATS",
    "Claim",
    "Element",
    "InvalidFormat",
    "NotConforming",
    "NumberFormat",
    "ProcessingElement",
    "assert_conforms",
    "check",
    "each",
    "network",
]
