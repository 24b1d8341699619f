"""Which bank each tensor goes to, and the copies without which there is no such choice.

A layer reads one bank and writes the other; what it combines its codes with lies where they go.
"""

from collections.abc import Collection, Sequence

import numpy as np

from ..ir.layer import Convolution, copy_layer


class _Sides:
    """Tensors of which is known whether two of them are in the same bank: sets with a parity."""

    def __init__(self) -> None:
        self.parent: dict[str, tuple[str, int]] = {}

    def find(self, name: str) -> tuple[str, int]:
        """The set's representative, and whether ``name`` is in the other bank than it."""
        parent, side = self.parent.setdefault(name, (name, 0))
        if parent == name:
            return name, 0
        root, above = self.find(parent)
        self.parent[name] = root, side ^ above
        return self.parent[name]

    def join(self, a: str, b: str, differ: int) -> bool:
        """Put two tensors into different banks, or the same one; False where they cannot be."""
        (root_a, side_a), (root_b, side_b) = self.find(a), self.find(b)
        if root_a == root_b:
            return side_a ^ side_b == differ
        self.parent[root_b] = root_a, side_a ^ side_b ^ differ
        return True


def with_copies(convolutions: Sequence[Convolution], outputs: Collection[str]) -> list[Convolution]:
    """The same work, with a copy of each tensor that is in the wrong bank or is needed later on.

    ``outputs`` are the tensors that are read when all is done.
    """
    last_use = {c.source: i for i, c in enumerate(convolutions)}
    for i, c in enumerate(convolutions):
        if c.residual:
            last_use[c.residual] = max(last_use.get(c.residual, 0), i)
    last_use |= dict.fromkeys(outputs, len(convolutions))

    sides, done = _Sides(), []
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
            if (
                residual
                and residual != c.output
                and np.prod(c.output_shape) < np.prod(c.input_shape)
            ):
                copy = _copy(residual, c.output_shape, f"{c.name}_operand_copy")
                c = c.combined_with(copy.output)
                # The output has not been used: it goes with the copy instead.
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
