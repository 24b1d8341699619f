"""int8 activations times int8 weights: TFLite's and ONNX's usual 8-bit networks."""

from ._format import NumberFormat

FORMAT = NumberFormat(title="int8 x int8", activation_bits=8, weight_bits=8)
