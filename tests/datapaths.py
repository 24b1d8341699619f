"""Every number format with every processing element that makes its products."""

from accel.config import AcceleratorConfig
from accel.core.pe import serving
from accel.datapath.conformance import configurations
from accel.numeric.formats import FORMATS

PAIRS = [(e, form) for form in FORMATS for e in sorted(serving(AcceleratorConfig(format=form)))]


def cores(**changes) -> list[AcceleratorConfig]:
    """A core of each pair in each family that it differs in, of a size that it serves."""
    return [config.replace(**changes) for pair in PAIRS for config in configurations(*pair)]


def name(config: AcceleratorConfig) -> str:
    return f"{config.element}-{config.format}-{config.family}"
