"""Makes what a front end has read a graph of one sample, with a sample axis in front.

This is where the rule of `accel.compiler.ir.graph` comes from: front ends read shapes and axes as
their file has them.
"""

from collections.abc import Iterator

from ..diagnostics import Reason
from ..ir.graph import Graph
from ..operators import place_of
from .batches import REMEDY, divided
from .sample_axis import with_sample_axis


def along_open_batch(graph: Graph) -> Iterator[Reason]:
    """Why samples cannot run one by one, of a graph that was read for 1 of an open batch.

    An operator along another dimension that is first is none: only sizes of 1 are the batch's.
    """
    for node in graph:
        axes = (getattr(node.attributes, "axis", 1), *getattr(node.attributes, "axes", ()))
        if 0 in axes and graph.tensor(node.inputs[0]).shape[:1] == (1,):
            what = "works along the batch, whose size the file leaves open"
            yield Reason(place=place_of(node), what=what, remedy=REMEDY)


def per_sample(graph: Graph) -> tuple[Graph, tuple[Reason, ...]]:
    """Return the graph of one sample, and why a fixed batch could not be divided into samples.

    Where it could not, the whole batch is the sample: the reasons only matter if the graph has an
    operator that cannot be computed like that. A graph that keeps no rule of its operators is
    returned so that their checks still find what is wrong.
    """
    one, reasons = divided(graph)
    mixing = "; ".join(f"{reason.place} {reason.what}" for reason in reasons)
    return with_sample_axis(one.replace(mixing=mixing)), reasons
