"""int8 activations times ternary weights, -1, 0 and 1: a quarter of the memory, no multiplication.

A weight takes 2 bits in two's complement, of which 10 means nothing.
"""

from ._format import NumberFormat

FORMAT = NumberFormat(title="int8 x ternary", weight_bits=2, weights=(0, 1, None, -1))
