"""Multipliers of logic, for FPGAs without DSP cells, or with more logic than those are worth."""

from ...config import AcceleratorConfig
from ..primitives.booth import BoothMultipliers, latency_of
from ._element import Element


def _create(config: AcceleratorConfig, simulate: bool) -> BoothMultipliers:
    """There are no vendor cells that a simulation would have to do without."""
    number = config.number_format
    return BoothMultipliers(
        count=config.rows * config.columns,
        activation_bits=number.activation_bits,
        weight_bits=number.weight_bits,
    )


ELEMENT = Element(
    title="radix-4 multipliers made of logic",
    create=_create,
    latency=lambda config: latency_of(config.number_format.weight_bits),
    serves=lambda number: number.multiplies and number.weight_bits in (4, 8),
)
