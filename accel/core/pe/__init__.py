"""Processing elements, one file each: how a product of an activation and a weight is made.

An element is a value. The array takes it by name from ``AcceleratorConfig.element``; the cycle model
takes its latency. All elements of one number format give the same products.
"""

import sys
from collections.abc import Mapping

from ...config import AcceleratorConfig, InvalidConfiguration
from ...discovery import discover
from ._element import Element

ELEMENTS: Mapping[str, Element] = discover(sys.modules[__name__], "ELEMENT")


def element_of(config: AcceleratorConfig) -> Element:
    """The element of a configuration. Raises ``InvalidConfiguration``."""
    if config.element not in ELEMENTS:
        raise InvalidConfiguration(
            f"Processing element must be one of {', '.join(ELEMENTS)}, not {config.element!r}"
        )
    return ELEMENTS[config.element]


__all__ = ["ELEMENTS", "Element", "element_of"]
