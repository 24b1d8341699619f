"""How a tensor lies in activation memory: position by position, channels packed into words."""

from dataclasses import dataclass

from .graph import Graph, Node, Tensor


@dataclass(frozen=True)
class TensorLayout:
    """``height x width`` positions of ``channels`` bytes each, rounded up to whole words.

    Its first word is at a multiple of ``alignment``.
    Tensors of few bits have ``packing_factor`` channels in a byte; ``origin`` is then the code that
    a value of 0 has in the network. ``head`` are words before the first position that belong to it:
    of a chunk whose weights it is, see `ComputedWeights`.
    """

    height: int
    width: int
    channels: int
    packing_factor: int = 1
    origin: int = 0
    alignment: int = 1
    head: int = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    def channel_words(self, rows: int) -> int:
        """Words of one position, on an array of so many rows."""
        return -(-self.channels // rows)

    def words(self, rows: int) -> int:
        return self.head + self.height * self.width * self.channel_words(rows)

    def aligned(self, address: int) -> int:
        """The first address from this one on at which it may begin."""
        return -(-address // self.alignment) * self.alignment

    def lanes(self, rows: int) -> int:
        """Bytes of each word that hold values somewhere, the lowest of it."""
        return min(self.channels, rows)


def layout_of(tensor: Tensor) -> TensorLayout:
    """The layout that a tensor's own shape ``[1, ..., channels]`` gives."""
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
    """A tensor that shares the memory of another one, its ``root``, under another shape.

    ``layout`` is the root's. A tensor with memory of its own is its own root.
    """

    root: str
    layout: TensorLayout


def resolve_aliases(graph: Graph, reshapes: tuple[Node, ...]) -> dict[str, Alias]:
    """The alias of each variable tensor, where these reshapes change nothing in memory."""
    aliases: dict[str, Alias] = {}
    for name, tensor in graph.tensors.items():
        if not tensor.constant:
            aliases[name] = Alias(name, layout_of(tensor))
    for node in reshapes:
        aliases[node.outputs[0]] = aliases[node.inputs[0]]
    return aliases


def same_words(a: TensorLayout, b: TensorLayout, rows: int) -> bool:
    """Whether two layouts put the same values into the same bytes."""
    whole = a.channels % rows == 0 and b.channels % rows == 0
    return a.channels == b.channels or whole
