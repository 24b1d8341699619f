"""ArgMax and ArgMin in ONNX files, of numbers or of their codes, which have the same order."""

from collections.abc import Callable

from ....operators.arg_max import ArgMax
from ..builder import Builder, Unreadable
from ..values import Activation, Value, arranged


def _index_of(smallest: bool) -> Callable[[Builder], list[Value]]:
    def read(b: Builder) -> list[Value]:
        value = b.required(0)
        coded = isinstance(value, Activation) and not value.real
        x = b.codes(0) if coded else b.numbers(0)
        x = b.plain(x) if x.flat is not None else x
        rank, axis = len(x.shape), b.attribute("axis", 0)
        if b.attribute("select_last_index", 0):
            raise Unreadable("takes the last of equal elements", "", "use select_last_index 0")
        if not -rank <= axis < rank:
            raise Unreadable(f"has axis {axis} for {rank} dimensions")
        axis %= rank
        shape = tuple(n for other, n in enumerate(x.shape) if other != axis)
        layout = tuple(other - (other > axis) for other in x.layout if other != axis)
        attributes = ArgMax(axis=x.layout.index(axis), smallest=smallest)
        name = b.node.outputs[0]
        tensor = b.add_node(
            "arg_max", attributes, (x.tensor,), arranged(shape, layout), "int64", name=name
        )
        found = Activation(tensor, shape, layout, real=False)
        kept = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
        return [b.reshaped(found, kept) if b.is_one("keepdims", 1) else found]

    return read


READERS = {
    "ArgMax": ("arg_max", _index_of(smallest=False)),
    "ArgMin": ("arg_max", _index_of(smallest=True)),
}
