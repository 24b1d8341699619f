"""Adds copies where the tensors cannot be divided between the two banks without them.

A layer reads one bank and writes the other; its residual operand lies in the bank that it writes.
"""

from collections.abc import Collection, Sequence
from math import prod

from ..ir.layer import Convolution, copy_layer


class _Sides:
    """Which tensors must share a bank, and which must not: union-find with parity."""

    def __init__(self) -> None:
        self.parent: dict[str, tuple[str, int]] = {}

    def find(self, name: str) -> tuple[str, int]:
        """The representative of a tensor's set, and 1 if the two are in different banks."""
        parent, side = self.parent.setdefault(name, (name, 0))
        if parent == name:
            return name, 0
        root, above = self.find(parent)
        self.parent[name] = root, side ^ above
        return self.parent[name]

    def join(self, a: str, b: str, differ: int) -> bool:
        """Require two tensors to be in different banks, or in the same; False if they cannot be."""
        (root_a, side_a), (root_b, side_b) = self.find(a), self.find(b)
        if root_a == root_b:
            return side_a ^ side_b == differ
        self.parent[root_b] = root_a, side_a ^ side_b ^ differ
        return True


def add_bank_copies(
    convolutions: Sequence[Convolution], outputs: Collection[str]
) -> list[Convolution]:
    """The same layers, with a copy of each tensor that is in the wrong bank.

    A residual operand is overwritten by the output, so one that is read later is copied, too. What
    goes home is in its home's bank.
    ``outputs`` are the tensors that are read after the last layer.
    """
    last_use = {c.source: i for i, c in enumerate(convolutions)}
    for i, c in enumerate(convolutions):
        if c.residual:
            last_use[c.residual] = max(last_use.get(c.residual, 0), i)
    last_use |= dict.fromkeys(outputs, len(convolutions))

    sides, done = _Sides(), []
    for c in convolutions:
        if c.home:
            sides.join(c.home, c.output, 0)
    for index, c in enumerate(convolutions):
        residual = c.residual
        if residual and residual != c.output and last_use[residual] > index:
            copy = _copy(residual, c.output_shape, f"{c.name}_operand")
            sides.join(copy.source, copy.output, 1)
            done.append(copy)
            residual = copy.output
            c = c.combined_with(residual)
        target = residual or c.output
        sides.join(target, c.output, 0)
        if not sides.join(c.source, target, 1):
            smaller = prod(c.output_shape) < prod(c.input_shape)
            if residual and residual != c.output and smaller and not c.home:
                copy = _copy(residual, c.output_shape, f"{c.name}_operand_copy")
                c = c.combined_with(copy.output)
                # Nothing else is known of the output yet: it goes with the copy instead.
                sides.parent.pop(c.output, None)
                sides.join(copy.output, c.output, 0)
            else:
                copy = _copy(c.source, c.input_shape, f"{c.name}_input")
                c = c.replace(source=copy.output)
            sides.join(copy.source, copy.output, 1)
            sides.join(c.source, c.output, 1)
            done.append(copy)
        done.append(c)
    return done


def _copy(tensor: str, shape: tuple[int, int, int], name: str) -> Convolution:
    return copy_layer(name, name, tensor, f"{tensor} ({name})", shape)
