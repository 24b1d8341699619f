"""Means and products whose exact halves go up or down without order, in two layers.

Where no division gives such a rule, one layer rounds all halves up, and one, with the first one's
codes as its residual operand, rounds them down and chooses: see `numeric.rules.tied`.
"""

import numpy as np

from ...config import AcceleratorConfig
from ...numeric.division.solver import solve
from ...numeric.elementwise.lookup_tables import FRACTION_BITS
from ...numeric.rules.tied import two_roundings
from ..ir.layer import Convolution, PostOp
from ..schedule.select import accepted


def split_ties(c: Convolution, config: AcceleratorConfig, exact: bool) -> list[Convolution]:
    """The convolution, or two layers in place of one that could only be refused.

    ``exact`` is as in `schedule.select.schedule`.
    """
    possible = c.uniform and c.post_op is None and c.output_stride == (1, 1) and not c.transposed
    if not possible or not config.number_format.exact:
        return [c]
    least, greatest = (int(end[0] + c.bias[0]) for end in c.sum_range)
    found = two_roundings(c.rule, least, greatest)
    if found is None or accepted(c, config, exact):
        return [c]
    low, high = (end[:1] for end in c.sum_range)
    roundings = found.up, found.down
    if not all(solve(r.take([0]), c.bias[:1], low, high, True).proved.all() for r in roundings):
        return [c]
    up, down = found.counts << FRACTION_BITS
    base = np.int64(c.rule.low + 128) << FRACTION_BITS
    post_op = PostOp(
        residual=c.output, lookup_tables=(down + base, up), low=c.rule.low, high=c.rule.high
    )
    return [
        c.replace(name=f"{c.name}_up", rule=found.up),
        c.replace(rule=found.down, post_op=post_op, macs=0),
    ]
