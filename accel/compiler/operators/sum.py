"""The sum along some axes, in the output's own quantization."""

from dataclasses import dataclass
from typing import ClassVar

from ._kinds import Linear
from .mean import ReduceMean, check, lower, output_rule, reference, sum_bounds


@dataclass(frozen=True, kw_only=True)
class ReduceSum(ReduceMean):
    """``axes`` and ``keep`` are as in `ReduceMean`."""

    divides: ClassVar[bool] = False


OPERATOR = Linear(
    attributes=ReduceSum,
    check=check,
    reference=reference,
    output_rule=output_rule,
    sum_bounds=sum_bounds,
    lower=lower,
)
