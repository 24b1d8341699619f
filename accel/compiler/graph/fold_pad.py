"""Turns padding by the zero point before a convolution into the convolution's own padding."""

from dataclasses import replace

from ..ir.graph import Graph, Node

_WINDOWED = ("conv2d", "depthwise_conv2d")


def fold_pad(graph: Graph) -> Graph:
    """Remove each ``pad`` whose only consumer is a convolution that can pad by itself."""
    nodes = list(graph.nodes)
    for pad in graph.nodes:
        if pad.operator == "pad" and (consumer := _foldable(graph, pad)) is not None:
            (_, top, left, _) = pad.attributes.amounts
            own = consumer.attributes.padding
            padding = tuple(
                (a[0] + b[0], a[1] + b[1]) for a, b in zip(own, (top, left), strict=True)
            )
            folded = replace(
                consumer,
                inputs=(pad.inputs[0], *consumer.inputs[1:]),
                attributes=replace(consumer.attributes, padding=padding),
            )
            nodes[nodes.index(consumer)] = folded
            nodes.remove(pad)
            graph = graph.replace(nodes=tuple(nodes))
    used = {name for node in nodes for name in (*node.inputs, *node.outputs)}
    used.update((*graph.given, *graph.wanted))
    tensors = {name: tensor for name, tensor in graph.tensors.items() if name in used}
    return graph.replace(tensors=tensors)


def _foldable(graph: Graph, pad: Node) -> Node | None:
    """The convolution that can do the padding of a ``pad``, if there is one."""
    output = pad.outputs[0]
    consumers = graph.consumers(output)
    if output in graph.wanted or len(consumers) != 1 or consumers[0].operator not in _WINDOWED:
        return None
    consumer, amounts = consumers[0], pad.attributes.amounts
    q = graph.tensor(output).quantization
    if q is None or graph.tensor(pad.inputs[0]).quantization != q:  # codes differ in meaning
        return None
    if pad.attributes.value != q.zero_point[0] or len(amounts) != 4 or any(amounts[3]):
        return None
    kernel = graph.tensor(consumer.inputs[1]).shape[1:3]
    for axis in (0, 1):
        reach = (kernel[axis] - 1) * consumer.attributes.dilation[axis] + 1
        own = consumer.attributes.padding[axis]
        # A window must not lie in the padding altogether.
        if any(a + b >= reach for a, b in zip(own, amounts[1 + axis], strict=True)):
            return None
    return consumer
