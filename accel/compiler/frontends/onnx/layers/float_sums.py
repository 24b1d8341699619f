"""Layers that the runtime computes in float32, though they are between quantizers.

ONNX Runtime has no operator on codes for ConvTranspose and for weights of 4 bits. It multiplies
float32 numbers, and rounds after each addition; near an exact half that decides the code. The core
adds integers up, exactly. A layer at the network's end is computed by the driver instead, in the
runtime's own order, where that can make a difference and takes no longer than a moment. Of all
others the sums are counted that the order could decide (`graph.accumulation_order`).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .....numeric.rules.float_epilogue import Coder, EpilogueStep, FloatEpilogue, direction
from ....operators import OPERATORS, Movement
from ....operators._activation import FusedActivation
from ....operators.dequantize import Dequantize
from ....operators.quantize import Quantize
from ..codes import real_values
from ..low_bit.epilogues import LayerSums, quantizer_of
from ..values import Activation, Addends, Dequantized, arranged
from . import biases, sum_orders

MOST_PRODUCTS = 2**20  # of a layer that the driver computes: milliseconds


@dataclass(frozen=True, eq=False)
class FloatForm:
    """A layer in float32: our operator, its attributes, and weights in its order of dimensions.

    ``products`` is how many it takes. ``begins`` says that the runtime begins its sums with the
    bias that is the first step after them. ``codes_of_bias`` says that it makes codes of a bias.
    """

    operator: str
    attributes: Any
    weights: Dequantized
    products: int
    begins: bool = False
    codes_of_bias: bool = True


@dataclass(frozen=True, eq=False)
class FloatSums(LayerSums):
    """Sums of which the driver can compute the codes; ``float_form`` is None where it cannot."""

    float_form: FloatForm | None = None

    def begun_with(self, added: Addends) -> "FloatSums":
        """The sums where ``added`` are biases: the runtime begins with none of many dimensions."""
        if self.float_form is None or all(len(bias.shape) <= 2 for bias in added[:1]):
            return self
        return replace(self, float_form=replace(self.float_form, begins=False))

    def order_sensitive(
        self, bias: np.ndarray | None, activation: FusedActivation, coder: Coder
    ) -> tuple[int, int]:
        """The sums with int32 biases that are sensitive to the runtime's order, and all of them."""
        offset = np.zeros(self.channels, np.int64) if bias is None else bias.astype(np.int64)
        least, greatest = self.reach()
        steps = biases.steps((), 1.0, activation, self.channels)
        reach = least + offset, greatest + offset
        return sum_orders.counted(reach, self.unit(), self.error(), steps, coder)

    def coded(self, coder: Coder, steps: tuple[EpilogueStep, ...]) -> Activation:
        form = self.float_form
        if form is None or not self._by_driver(form, coder, steps):
            return super().coded(coder, steps)
        b, name = self.b, self.b.node.outputs[0]
        inputs = [
            b.add_node(
                "dequantize",
                Dequantize(),
                (self.x.tensor,),
                b.tensors[self.x.tensor].shape,
                "float32",
                name=f"{name}_numbers",
            ),
            b.add_constant(f"{name}_weights", real_values(form.weights)),
        ]
        if form.begins and steps and steps[0].kind == "add":
            bias = np.broadcast_to(steps[0].values[0], (self.channels,))
            inputs.append(b.add_constant(f"{name}_bias", bias.astype(np.float32)))
            steps = steps[1:]
        output = arranged(self.shape, self.layout)
        sums = b.add_node(
            form.operator, form.attributes, tuple(inputs), output, "float32", name=f"{name}_sums"
        )
        epilogue = FloatEpilogue(
            np.ones(self.channels), direction(steps, self.channels), steps, coder
        )
        tensor = b.add_node("quantize", Quantize(epilogue=epilogue), (sums,), output, name=name)
        b.set_quantizer(tensor, quantizer_of(coder))
        b.set_code_range(tensor, epilogue.low, epilogue.high)
        unsigned = coder.offset != 0
        return Activation(tensor, self.shape, self.layout, real=True, unsigned=unsigned)

    def _by_driver(self, form: FloatForm, coder: Coder, steps: tuple[EpilogueStep, ...]) -> bool:
        ends = self.b.ends_network() and self._after_core(self.x.tensor)
        if not ends or form.products > MOST_PRODUCTS:
            return False
        sensitive = self.epilogue(coder, steps).order_sensitive
        return sensitive is not None and bool(sensitive.any())

    def _after_core(self, tensor: str) -> bool:
        """Whether the core computes something that a tensor depends on."""
        makers = {name: node for node in self.b.nodes for name in node.outputs}
        waiting = [tensor]
        while waiting:
            node = makers.get(waiting.pop())
            if node is None:
                continue
            operator = OPERATORS[node.operator]
            if not operator.host and not isinstance(operator, Movement):
                return True
            waiting.extend(node.inputs)
        return False
