"""The multipliers that the family has: DSP cells, or whatever synthesis makes of a product."""

from amaranth.hdl import signed

from ...config import AcceleratorConfig
from ..primitives.multiplier import Multiplier, cells_of, latency_of
from ._element import Element


def _create(config: AcceleratorConfig, simulate: bool) -> Multiplier:
    number = config.number_format
    return Multiplier(
        count=config.rows * config.columns,
        activation_shape=signed(number.activation_bits),
        weight_shape=signed(number.weight_bits),
        family=config.family,
        simulate=simulate,
    )


ELEMENT = Element(
    title="the family's multipliers",
    create=_create,
    latency=lambda config: latency_of(config.family),
    dsps=lambda config: cells_of(config.family, config.rows * config.columns),
)
