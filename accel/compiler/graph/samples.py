"""Makes what a front end has read a graph of one sample, with a sample axis in front.

This is where the rule of `accel.compiler.ir.graph` comes from: front ends read shapes and axes as
their file has them.
"""

from ..diagnostics import Reason
from ..ir.graph import Graph
from .batches import divided
from .sample_axis import with_sample_axis


def per_sample(graph: Graph) -> tuple[Graph, tuple[Reason, ...]]:
    """Return the graph of one sample, and why a fixed batch could not be divided into samples.

    Where it could not, the whole batch is the sample: the reasons only matter if the graph has an
    operator that cannot be computed like that. A graph that keeps no rule of its operators is
    returned so that their checks still find what is wrong.
    """
    one, reasons = divided(graph)
    return with_sample_axis(one), reasons
