"""Processing elements, one file each: how a product of an activation and a weight is made.

The array takes an element by its name, ``AcceleratorConfig.element``; the cycle model takes its
latency. All elements of one number format give the same products, which are the format's.
Installed packages add theirs by entry points of the group ``accel.elements``, and
`accel datapath check` holds an element to what it states.
"""

import sys
from typing import Any

from ...config import AcceleratorConfig, InvalidConfiguration
from ...discovery import BrokenExtension, Registry, discover
from ._element import Element, ProcessingElement, each


def _accept(found: Any) -> Element:
    if isinstance(found, type) and issubclass(found, ProcessingElement):
        return each(found)
    if not isinstance(found, Element):
        raise TypeError(f"it holds a {type(found).__name__}, not an Element or ProcessingElement")
    return found


ELEMENTS = Registry(
    "processing element", discover(sys.modules[__name__], "ELEMENT"), "accel.elements", _accept
)


def named(name: str) -> Element:
    """The element of that name. Raises ``InvalidConfiguration`` and ``BrokenExtension``."""
    if name not in ELEMENTS:
        raise InvalidConfiguration(
            f"Processing element must be one of {', '.join(ELEMENTS)}, not {name!r}"
        )
    return ELEMENTS[name]


def element_of(config: AcceleratorConfig) -> Element:
    """The element of a configuration. Raises ``InvalidConfiguration``, also where it does not serve
    the number format or the size, and ``BrokenExtension``."""
    element = named(config.element)
    if not serves(element, config):
        others = ", ".join(serving(config)) or "none"
        raise InvalidConfiguration(
            f"Processing element {config.element!r} does not make the products of the number "
            f"format {config.format!r}; those that do: {others}"
        )
    obstacle = element.obstacle(config)
    if obstacle:
        raise InvalidConfiguration(f"Processing element {config.element!r}: {obstacle}")
    return element


def serving(config: AcceleratorConfig) -> list[str]:
    """Names of the elements that make the products of a configuration's number format, those that
    are made for it first. What is broken is left out."""
    names = []
    for name in ELEMENTS:
        try:
            if serves(ELEMENTS[name], config):
                names.append(name)
        except BrokenExtension:
            continue
    return sorted(names, key=lambda name: (ELEMENTS[name].format is None, name != "multiplier"))


def serves(element: Element, config: AcceleratorConfig) -> bool:
    """Whether an element makes the products of a configuration's number format."""
    if element.format is not None:
        return element.format == config.format
    return element.serves(config.number_format)


__all__ = [
    "ELEMENTS",
    "Element",
    "ProcessingElement",
    "each",
    "element_of",
    "named",
    "serves",
    "serving",
]
