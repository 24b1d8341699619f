"""Parts of a tensor whose channels begin or end within a word.

Where results fill whole words the core writes no less than one. A part that shares words with other
parts is copied in runs of whole words then: the first part that comes to a word puts -128 into the
lanes that are not its own, and whoever comes later keeps the greater codes.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ...config import AcceleratorConfig
from ...numeric.rules.rules import Mean
from ..ir.layer import Convolution, PostOp


def lane_step(config: AcceleratorConfig) -> int:
    """Parts of a tensor may begin and end at multiples of so many channels."""
    return config.rows if config.columns % config.rows == 0 else config.requantizers


def is_aligned(c: Convolution, step: int) -> bool:
    """Whether a part begins at a multiple of ``step`` channels, and ends at one or with the tensor."""
    end = c.first_channel + c.channels
    return c.first_channel % step == 0 and (end % step == 0 or end == c.output_shape[2])


def in_whole_words(
    convolutions: Sequence[Convolution], config: AcceleratorConfig
) -> list[Convolution]:
    """The same work, in which no copy begins or ends where the core cannot.

    Parts other than copies are left alone: the schedule refuses them.
    """
    step = lane_step(config)
    apart = {c.output for c in convolutions if not is_aligned(c, step)}
    begun: dict[str, set[int]] = defaultdict(set)
    done: list[Convolution] = []
    for c in convolutions:
        if c.output not in apart or not _takes_codes(c) or is_aligned(c, config.rows):
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
    """Words in a row that others have begun, or that none has."""
    first = words.start
    for word in words:
        if word + 1 == words.stop or (word in begun) != (word + 1 in begun):
            yield range(first, word + 1)
            first = word + 1


def _widened(c: Convolution, words: range, rows: int) -> Convolution:
    """What a copy writes to some words of each position, with -128 around its channels."""
    first, end = words.start * rows, min(words.stop * rows, c.output_shape[2])
    own = np.arange(first, end) - c.first_channel
    mine = (own >= 0) & (own < c.channels)
    dense, rule = c.as_dense(), c.rule
    assert isinstance(rule, Mean), "it takes codes"
    weights = np.where(mine[:, None, None, None], dense.weights[own.clip(0, c.channels - 1)], 0)
    return c.replace(
        weights=weights,
        bias=np.where(mine, dense.bias[own.clip(0, c.channels - 1)], -128),
        rule=replace(rule, channels=end - first),
        first_channel=first,
        uniform=False,
    )
