"""What float32 operators between conversions leave: a result that is quantized, or stays real."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ....operators.dequantize import Dequantize
from ....operators.quantize import Quantize
from ..builder import Builder, Quantizer
from ..values import Activation, Addends, Pending

Finish = Callable[[Quantizer, str, Addends], Activation]


def in_numbers(
    b: Builder,
    x: Activation,
    operator: str,
    attributes: Any,
    more: Callable[[], tuple[str, ...]] = tuple,
    on_codes: Finish | None = None,
) -> Pending:
    """The pending result of an operator that computes on real numbers, of the node that is read.

    Codes of ``x`` are dequantized for it, and its numbers quantized after it, unless ``on_codes``
    computes codes from codes. ``more`` adds the other inputs to the graph and gives their names.
    """
    record = b.node

    def to_real() -> Activation:
        with b.at(record):
            name, shape = record.outputs[0], b.tensors[x.tensor].shape
            codes = (x.tensor,)
            numbers = b.add_node(
                "dequantize", Dequantize(), codes, shape, "float32", name=f"{name}_numbers"
            )
            output = b.add_node(operator, attributes, (numbers, *more()), shape, "float32")
            return replace(x, tensor=output, real=True, unsigned=False)

    def finish(wanted: Quantizer, activation: str, bias: Addends) -> Activation:
        name = b.node.outputs[0]
        with b.at(record):
            shape, real = b.tensors[x.tensor].shape, to_real()
            tensor = b.add_node("quantize", Quantize(), (real.tensor,), shape, name=name)
        b.set_quantizer(tensor, wanted)
        return replace(real, tensor=tensor, real=False, unsigned=wanted.unsigned)

    return Pending(record.place, x.shape, on_codes or finish, to_real=to_real)
