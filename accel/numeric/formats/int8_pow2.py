"""int8 activations times powers of two: half the memory, and a shift instead of a multiplication.

A weight of 4 bits has a sign and below it 0, or 1 more than the exponent.
"""

from typing import Any

from ._format import NumberFormat

_MAGNITUDES = (0, *(1 << exponent for exponent in range(7)))


def _product(activation: Any, code: Any) -> Any:
    """Of integers, arrays and Amaranth values; `core.pe.shifter` makes it without a product."""
    return activation * ((1 << (code % 8)) >> 1) * (1 - 2 * (code < 0))


FORMAT = NumberFormat(
    title="int8 x power of two",
    weight_bits=4,
    weights=(*_MAGNITUDES, None, *(-magnitude for magnitude in _MAGNITUDES[1:])),
    product=_product,
)
