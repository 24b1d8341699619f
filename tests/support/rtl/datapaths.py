"""Every number format with every processing element that makes its products."""

from accel.config import AcceleratorConfig
from accel.core.pe import serving
from accel.datapath.conformance import configurations
from accel.numeric.formats import FORMATS

PAIRS = [(e, form) for form in FORMATS for e in sorted(serving(AcceleratorConfig(format=form)))]


def cores(**changes) -> list[AcceleratorConfig]:
    """A core of each pair in each family that it differs in, of a size that it serves.

    Formats of narrow values multiply bytes as int8 does: one family is enough.
    """
    found = []
    for element, form in PAIRS:
        every = configurations(element, form)
        found += every[:1] if FORMATS[form].sub_byte else every
    return [config.replace(**changes) for config in found]


def name(config: AcceleratorConfig) -> str:
    return f"{config.element}-{config.format}-{config.family}"
