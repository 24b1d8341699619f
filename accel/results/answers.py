"""What a run answers, in Python and in notebooks: `Result` of a batch, `Answer` of a sample.

Two things are called layers. A `Result` has the outputs of the network's *nodes*, as its file names
them; a `Report` has the *layers of the core*, which are what the compiler has made of them: several
for some nodes, none for those that are fused, moved to the host or only reshape a tensor.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from accel.text import escaped, html_table

from .report import Report


@dataclass(frozen=True, kw_only=True)
class TensorInfo:
    """What enters or leaves a network.

    Members
    -------
    name, dtype
        Its name in the network's file, and the type of its values.
    shape
        Of one sample, without a batch dimension.
    scale, zero_point
        What a code means: ``scale * (code - zero_point)``; ``None`` of values that are no codes.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None
    zero_point: int | None


@dataclass(frozen=True, kw_only=True)
class StateInfo(TensorInfo):
    """What outlives an inference. ``bytes`` are those of memory that it keeps, of the core or of
    the driver."""

    bytes: int
    kept_by: Literal["core", "driver"]

    def as_dict(self) -> dict[str, Any]:
        """Its entry in ``states`` of `Report.as_dict`."""
        return {
            "name": self.name,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "bytes": self.bytes,
            "kept_by": self.kept_by,
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What one sample of a stream got, and what that took.

    Members
    -------
    outputs
        The network's outputs by tensor name, ``[1, ...]``.
    cycles, measured
        Cycles of the core: as it counted them where ``measured``, else by the model.
    seconds
        On this computer, from the sample to its answer: a board's core and link, or a simulation.
    """

    outputs: Mapping[str, np.ndarray]
    cycles: int
    measured: bool
    seconds: float

    @property
    def output(self) -> np.ndarray:
        """The network's first output, ``[1, ...]``."""
        return next(iter(self.outputs.values()))


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """The answer of a run.

    Members
    -------
    outputs
        The network's outputs by tensor name, ``[N, ...]``.
    layers
        If asked for, every *node's* output by node name, ``[N, ...]``; not to be taken for
        ``report.layers``, which are the core's and have no values.
    report
        Cycles of one inference and of each layer of the core, see `Report`.
    """

    outputs: Mapping[str, np.ndarray]
    layers: Mapping[str, np.ndarray]
    report: Report

    def __repr__(self) -> str:
        shown = ", ".join(_array_text(*item) for item in self.outputs.items())
        count = self.report.samples
        samples = f"{count} sample{'s' * (count != 1)}"
        return f"<Result of {samples}: {shown}; {self.report.summary}>"

    def _repr_html_(self) -> str:
        rows = [(name, x.dtype, list(x.shape)) for name, x in self.outputs.items()]
        return html_table(("output", "type", "shape"), rows) + self.report._repr_html_()

    @property
    def output(self) -> np.ndarray:
        """The network's first output, ``[N, ...]``."""
        return next(iter(self.outputs.values()))


def _array_text(name: str, array: np.ndarray) -> str:
    return f"{escaped(name)} {array.dtype} {list(array.shape)}"
