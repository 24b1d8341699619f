"""Neighbouring outputs of a convolution as the channels of one position."""

import numpy as np

from ..ir.layer import Convolution, Region


def neighbours(c: Convolution, count: int, rows: int) -> Convolution | None:
    """The same convolution with ``count`` neighbouring positions as the channels of one.

    None where the output would lie differently in memory: its channels must be whole words of
    ``rows`` bytes.
    """
    if count == 1:
        return c
    height, width, channels = c.output_shape
    plain = not (c.depthwise or c.uniform or c.transposed)
    whole = channels % rows == 0 and c.channels == channels and width % count == 0
    region = c.region == Region(0, 0, height, width) and c.output_stride == (1, 1)
    if not (plain and whole and region) or (c.post_op and c.post_op.residual):
        return None
    kernel_h, kernel_w = c.kernel
    stride = c.stride[1]
    reach = kernel_w + (count - 1) * stride
    weights = np.zeros((count, channels, kernel_h, reach, c.input_shape[2]), np.int64)
    for index in range(count):
        weights[index, :, :, index * stride : index * stride + kernel_w] = c.weights
    every = np.tile(np.arange(channels), count)
    return c.replace(
        output_shape=(height, width // count, count * channels),
        weights=weights.reshape(-1, kernel_h, reach, c.input_shape[2]),
        bias=c.bias[every],
        rule=c.rule.take(every),
        stride=(c.stride[0], count * stride),
        region=Region(0, 0, height, width // count),
        neighbours=count * c.neighbours,
    )
