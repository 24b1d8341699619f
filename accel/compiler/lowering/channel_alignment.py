"""Aligns copies whose channels begin or end within a word of memory.

A tensor may be written in parts, one layer for some of its channels each. Where the array's results
fill whole words, the core cannot write less than a word, so parts that share a word are copied as
whole words: the first one to write a word puts -128 into the byte lanes that are not its own, and
each later one stores the maximum of its codes and those that are there.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ...config import AcceleratorConfig
from ...numeric.rules.rules import Mean
from ..ir.layer import Convolution, PostOp


def lane_step(config: AcceleratorConfig) -> int:
    """The core can write parts that begin and end at multiples of so many channels."""
    return config.rows if config.columns % config.rows == 0 else config.requantizers


def is_aligned(c: Convolution, step: int) -> bool:
    """Whether a part begins and ends at multiples of ``step`` channels, or ends with the tensor."""
    end = c.first_channel + c.channels
    return c.first_channel % step == 0 and (end % step == 0 or end == c.output_shape[2])


def align_channels(
    convolutions: Sequence[Convolution], config: AcceleratorConfig
) -> list[Convolution]:
    """The same layers, in which every copy begins and ends where the core can write.

    Parts that are no copies are left as they are: the schedule refuses them.
    """
    step = lane_step(config)
    unaligned = {c.output for c in convolutions if not is_aligned(c, step)}
    begun: dict[str, set[int]] = defaultdict(set)
    done: list[Convolution] = []
    for c in convolutions:
        if c.output not in unaligned or not _takes_codes(c) or is_aligned(c, config.rows):
            done.append(c)
            continue
        words = range(
            c.first_channel // config.rows, -(-(c.first_channel + c.channels) // config.rows)
        )
        for index, run in enumerate(_runs(words, begun[c.output])):
            copy = _widened(c, run, config.rows)
            if run[0] in begun[c.output]:
                copy = copy.replace(post_op=PostOp(residual=c.output, maximum=True))
            done.append(copy.replace(name=f"{c.name}_words{index}") if index else copy)
        begun[c.output].update(words)
    return done


def _takes_codes(c: Convolution) -> bool:
    """Whether each output code is an input code of the same position, or a clamped one."""
    return c.takes_codes and c.post_op is None and c.kernel == (1, 1)


def _runs(words: range, begun: set[int]) -> Iterator[range]:
    """Words in a row, all of which some part has written before, or none of which."""
    first = words.start
    for word in words:
        if word + 1 == words.stop or (word in begun) != (word + 1 in begun):
            yield range(first, word + 1)
            first = word + 1


def _widened(c: Convolution, words: range, rows: int) -> Convolution:
    """The copy to some whole words of each position, with -128 in channels that are not its own."""
    first, end = words.start * rows, min(words.stop * rows, c.output_shape[2])
    own = np.arange(first, end) - c.first_channel
    is_own = (own >= 0) & (own < c.channels)
    dense, rule = c.as_dense(), c.rule
    assert isinstance(rule, Mean), "it takes codes"
    weights = np.where(is_own[:, None, None, None], dense.weights[own.clip(0, c.channels - 1)], 0)
    return c.replace(
        weights=weights,
        bias=np.where(is_own, dense.bias[own.clip(0, c.channels - 1)], -128),
        rule=replace(rule, channels=end - first),
        first_channel=first,
        uniform=False,
    )
