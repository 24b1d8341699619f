"""int4 activations times int4 weights, two of each in a byte and two products a cycle; int8 times
int8 in layers whose activations are bytes."""

from ._format import NumberFormat, SubByte

FORMAT = NumberFormat(title="int8 x int8, int4 x int4", weight_bits=8, sub_byte=SubByte(bits=4))
