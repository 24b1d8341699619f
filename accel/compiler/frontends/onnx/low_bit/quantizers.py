"""How the tensors of an ONNX file are quantized: collected while its operators are read.

Tensors with the same codes, such as before and after a reshape, share one quantization. In files
of operators on codes, only some operators state it; so tensors are grouped, and one statement is
enough.
"""

from dataclasses import dataclass, replace

from ....ir.graph import Quantization, Tensor


class Unreadable(Exception):
    """An operator in a form that cannot be read: what, why and the remedy."""

    def __init__(self, what: str, why: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.remedy = what, why, remedy


@dataclass(frozen=True)
class Quantizer:
    """Scale and zero point of our codes of a tensor, and whether the file's codes are uint8."""

    scale: float
    zero_point: int
    unsigned: bool

    def quantization(self) -> Quantization:
        return Quantization(
            scale=(self.scale,), zero_point=(self.zero_point,), offset=128 * self.unsigned
        )


class Quantizers:
    """What is known so far of groups of tensors that share a quantization."""

    def __init__(self) -> None:
        self._groups: dict[str, str] = {}  # by tensor, another one of its group
        self._quantizers: dict[str, Quantizer] = {}  # by the group's representative
        self._ranges: dict[str, tuple[int, int]] = {}

    def group(self, tensor: str) -> str:
        while tensor in self._groups:
            tensor = self._groups[tensor]
        return tensor

    def share_quantization(self, first: str, second: str) -> None:
        """Join the groups of two tensors, whose codes stand for the same numbers."""
        first, second = self.group(first), self.group(second)
        if first == second:
            return
        known = self._quantizers.pop(second, None)
        self._groups[second] = first
        if known is not None:
            self.set_quantizer(first, known)

    def set_quantizer(self, tensor: str, quantizer: Quantizer) -> None:
        """Set the quantization of a tensor's group; raises ``Unreadable`` where it has another."""
        group = self.group(tensor)
        known = self._quantizers.setdefault(group, quantizer)
        if known != quantizer:
            first, second = ((q.scale, q.zero_point) for q in (known, quantizer))
            what = f"tensor {tensor!r} has two quantizations"
            remedy = "quantize the model anew"
            raise Unreadable(what, f"scale and zero point are {first} and {second}", remedy)

    def quantizer(self, tensor: str) -> Quantizer | None:
        return self._quantizers.get(self.group(tensor))

    def known_quantizer(self, tensor: str) -> Quantizer:
        """As ``quantizer``; raises ``Unreadable`` where no operator has stated it yet."""
        quantizer = self.quantizer(tensor)
        if quantizer is None:
            raise Unreadable(f"has codes of tensor {tensor!r}, whose scale is not given")
        return quantizer

    def set_code_range(self, tensor: str, low: int, high: int) -> None:
        """Set the least and the greatest of our codes that a tensor has."""
        self._ranges[tensor] = low, high

    def code_range(self, tensor: str) -> tuple[int, int]:
        """The least and the greatest of our codes that a tensor can have."""
        group = self.group(tensor)
        known = [ends for name, ends in self._ranges.items() if self.group(name) == group]
        return known[0] if len(known) == 1 else (-128, 127)

    def is_unsigned(self, tensor: str, otherwise: bool) -> bool:
        quantizer = self.quantizer(tensor)
        return otherwise if quantizer is None else quantizer.unsigned

    def quantized(self, tensor: Tensor) -> Tensor:
        """The tensor with its quantization, if it is of codes and not constant."""
        if tensor.constant or tensor.dtype not in ("int8", "uint8"):
            return tensor
        # Where no operator states it, as between two maximum poolings, any quantization will do.
        quantizer = self.quantizer(tensor.name) or Quantizer(1.0, 0, False)
        if tensor.dtype == "uint8":
            zero_point = quantizer.zero_point + 128
            q = Quantization(scale=(quantizer.scale,), zero_point=(zero_point,))
            return replace(tensor, quantization=q)
        return replace(tensor, quantization=quantizer.quantization())
