"""Multipliers of logic, for FPGAs without DSP cells, or with more logic than those are worth."""

from ...config import AcceleratorConfig
from ..primitives.booth import BoothMultipliers, latency_of
from ._element import Element


def _create(config: AcceleratorConfig, simulate: bool) -> BoothMultipliers:
    """There are no vendor cells that a simulation would have to do without."""
    number = config.number_format
    return BoothMultipliers(
        rows=config.rows,
        columns=config.columns,
        activation_bits=number.activation_bits,
        weight_bits=number.weight_bits,
        family=config.family,
    )


ELEMENT = Element(
    title="radix-4 multipliers made of logic",
    create=_create,
    latency=lambda config: latency_of(config.number_format.weight_bits, config.family),
    serves=lambda number: (
        number.multiplies and not number.sub_byte and number.weight_bits in (4, 8)
    ),
)
