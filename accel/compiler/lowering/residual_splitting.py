"""Splits layers in parts of K that combine their codes with what the output holds.

The core adds to kept sums, or combines codes with a residual operand, but does not do both in one
layer. Such a layer writes its codes to a tensor of their own; a copy combines them.
"""

from collections.abc import Sequence

from ...config import AcceleratorConfig
from ..ir.layer import Convolution, Region, copy_layer
from ..schedule.select import is_parted


def split_residuals(
    convolutions: Sequence[Convolution], config: AcceleratorConfig
) -> list[Convolution]:
    """The same layers, those that have to be split in two."""
    done: list[Convolution] = []
    for c in convolutions:
        post_op = c.post_op
        combines = post_op and (post_op.residual or post_op.maximum or post_op.pack)
        done += _split(c) if combines and is_parted(c, config) else [c]
    return done


def _split(c: Convolution) -> list[Convolution]:
    region, codes = c.region, f"{c.output} ({c.name} codes)"
    shape = region.height, region.width, c.channels
    firsts = zip(c.padding, (region.top, region.left), c.stride, strict=True)
    top, left = (padding - first * stride for padding, first, stride in firsts)
    whole = c.replace(
        output=codes,
        output_shape=shape,
        region=Region(0, 0, region.height, region.width),
        padding=(top, left),
        output_stride=(1, 1),
        first_channel=0,
        transposed=False,
        post_op=None,
    )
    copy = copy_layer(f"{c.name}_combined", c.node, codes, c.output, shape)
    combined = copy.replace(
        output_shape=c.output_shape,
        region=region,
        padding=(region.top, region.left),
        output_stride=c.output_stride,
        first_channel=c.first_channel,
        transposed=c.transposed,
        post_op=c.post_op,
    )
    return [whole, combined]
