"""The tables of number formats and of processing elements."""

from accel.config import AcceleratorConfig
from accel.core.pe import ELEMENTS, serving
from accel.numeric.formats import FORMATS

from .markdown import table as markdown


def formats() -> str:
    rows = [
        [
            f"`{name}`",
            f"{form.activation_bits} bits",
            f"{form.weight_bits} bits",
            f"{form.weight_range[0]} to {form.weight_range[1]}",
            f"{form.product_bits} bits",
            f"{form.sub_byte.packing_factor} of {form.sub_byte.bits} "
            f"bit{'s' * (form.sub_byte.bits > 1)}"
            if form.sub_byte
            else "",
        ]
        for name, form in FORMATS.items()
    ]
    heading = ["number format", "activations", "weights", "range", "product", "or in a byte"]
    return markdown(heading, rows)


def elements() -> str:
    """Which formats each element makes the products of."""
    of = {
        element: [name for name in FORMATS if element in serving(AcceleratorConfig(format=name))]
        for element in ELEMENTS
    }
    rows = [[f"`{name}`", ", ".join(f"`{form}`" for form in forms)] for name, forms in of.items()]
    return markdown(["processing element", "number formats"], rows)
