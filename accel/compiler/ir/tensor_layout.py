"""How a tensor lies in activation memory: positions of channels, channels packed into words."""

from dataclasses import dataclass

from .graph import Graph, Node, Tensor


@dataclass(frozen=True)
class TensorLayout:
    """A stored tensor: ``height x width`` positions of ``channels`` bytes, rounded up to words."""

    height: int
    width: int
    channels: int
    packing_factor: int = 1  # channels in a byte
    origin: int = 0  # code of a value of 0, where there are several in a byte

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    def channel_words(self, rows: int) -> int:
        """Words of one position."""
        return -(-self.channels // rows)

    def words(self, rows: int) -> int:
        return self.height * self.width * self.channel_words(rows)


def layout_of(tensor: Tensor) -> TensorLayout:
    """The storage of a tensor by its own shape ``[1, ..., channels]``."""
    shape = tensor.shape
    if len(shape) < 2:
        return TensorLayout(1, 1, tensor.size)
    if len(shape) == 4:
        return TensorLayout(shape[1], shape[2], shape[3])
    positions = 1
    for size in shape[1:-1]:
        positions *= size
    return TensorLayout(1, positions, shape[-1])


@dataclass(frozen=True)
class Alias:
    """A tensor that is another one under another shape."""

    root: str
    layout: TensorLayout


def resolve_aliases(graph: Graph, reshapes: tuple[Node, ...]) -> dict[str, Alias]:
    """For each variable tensor the one that it shares memory with, and how that one is stored."""
    aliases: dict[str, Alias] = {}
    for name, tensor in graph.tensors.items():
        if not tensor.constant:
            aliases[name] = Alias(name, layout_of(tensor))
    for node in reshapes:
        aliases[node.outputs[0]] = aliases[node.inputs[0]]
    return aliases


def same_words(a: TensorLayout, b: TensorLayout, rows: int) -> bool:
    """Whether two shapes put the same values into the same bytes."""
    whole = a.channels % rows == 0 and b.channels % rows == 0
    return a.channels == b.channels or whole
