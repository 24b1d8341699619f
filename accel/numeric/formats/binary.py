"""binary activations times binary weights, 1 and -1, eight of each in a byte and eight products a
cycle, by XNOR and a population count; int8 times int8 in layers whose activations are bytes."""

from ._format import NumberFormat, SubByte

FORMAT = NumberFormat(title="int8 x int8, binary x binary", weight_bits=8, sub_byte=SubByte(bits=1))
