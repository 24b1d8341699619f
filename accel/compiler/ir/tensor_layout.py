"""How a tensor lies in activation memory: positions of channels, channels packed into words."""

from dataclasses import dataclass

from .graph import Graph, Node, Tensor


@dataclass(frozen=True)
class Stored:
    """A stored tensor: ``height x width`` positions of ``channels`` bytes, rounded up to words."""

    height: int
    width: int
    channels: int
    lanes: int = 1  # channels in a byte
    origin: int = 0  # code of a value of 0, where there are several in a byte

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    def channel_words(self, rows: int) -> int:
        """Words of one position."""
        return -(-self.channels // rows)

    def words(self, rows: int) -> int:
        return self.height * self.width * self.channel_words(rows)


def stored(tensor: Tensor) -> Stored:
    """The storage of a tensor by its own shape ``[1, ..., channels]``."""
    shape = tensor.shape
    if len(shape) < 2:
        return Stored(1, 1, tensor.size)
    if len(shape) == 4:
        return Stored(shape[1], shape[2], shape[3])
    positions = 1
    for size in shape[1:-1]:
        positions *= size
    return Stored(1, positions, shape[-1])


@dataclass(frozen=True)
class View:
    """A tensor that is another one under another shape."""

    root: str
    storage: Stored


def resolve_views(graph: Graph, reshapes: tuple[Node, ...]) -> dict[str, View]:
    """For each variable tensor the one that it shares memory with, and how that one is stored."""
    views: dict[str, View] = {}
    for name, tensor in graph.tensors.items():
        if not tensor.constant:
            views[name] = View(name, stored(tensor))
    for node in reshapes:
        views[node.outputs[0]] = views[node.inputs[0]]
    return views


def same_words(a: Stored, b: Stored, rows: int) -> bool:
    """Whether two shapes put the same values into the same bytes."""
    whole = a.channels % rows == 0 and b.channels % rows == 0
    return a.channels == b.channels or whole
