"""int8 activations times int4 weights: TFLite's INT4 weight tensors, half the memory."""

from ._format import NumberFormat

FORMAT = NumberFormat(title="int8 x int4", activation_bits=8, weight_bits=4)
