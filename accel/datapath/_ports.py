"""The claim about a processing element's ports, and whether it can be elaborated."""

from typing import Any, Protocol, cast

from amaranth.back.rtlil import convert
from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import data, wiring

from accel.config import AcceleratorConfig
from accel.core.pe import element_of

from ._claim import Claim, smallest


class ElementComponent(Protocol):
    """The ports of a component that an element creates, and what every component has.

    ``carry`` and ``sub_byte`` are there where ``signature`` has them.
    """

    a: data.View
    b: data.View
    p: data.View
    carry: data.View
    sub_byte: Signal
    signature: wiring.Signature

    def elaborate(self, platform: Any) -> Module: ...


def created(config: AcceleratorConfig) -> ElementComponent:
    """The element of a configuration, as the array connects it in a simulation."""
    return cast("ElementComponent", element_of(config).create(config, True))


def claim(config: AcceleratorConfig) -> Claim:
    """The array can connect the configuration's element, in simulation and in synthesis."""
    return Claim(
        what="the ports a, b and p are those that the array connects",
        how=f"widths and elaboration, family {config.family}",
        problem=_problem(config),
    )


def _problem(config: AcceleratorConfig) -> str:
    config = smallest(config)
    element, number = element_of(config), config.number_format
    latency = element.latency(config)
    if isinstance(latency, bool) or not isinstance(latency, int) or latency < 1:
        return f"the latency is {latency!r}; the array can take products after 1 cycle or more"
    widths = {
        "a": (number.activation_bits, "activations"),
        "b": (number.weight_bits, "weight codes"),
        "p": (number.product_bits, "products"),
    }
    for simulate in (True, False):
        try:
            component = element.create(config, simulate)
            if not isinstance(component, wiring.Component):
                return f"create gave a {type(component).__name__}, not a wiring.Component"
            # Elaborated in any case: what is never used is reported by Amaranth.
            convert(component, emit_src=False)
        except Exception as problem:  # noqa: BLE001 -- a user's own code
            return f"it cannot be made: {type(problem).__name__}: {problem}"
        count = config.rows * config.columns
        for port, (width, what) in widths.items():
            wrong = _port_problem(component, port, width, what, count)
            if wrong:
                return wrong
        if "carry" in component.signature.members:
            wrong = _port_problem(component, "carry", 1, "bits", count, kind="unsigned")
            if wrong:
                return wrong
        if number.sub_byte and "sub_byte" not in component.signature.members:
            return "there is no port 'sub_byte', which this number format needs"
    return ""


def _port_problem(
    component: wiring.Component,
    port: str,
    width: int,
    what: str,
    count: int,
    kind: str = "signed",
) -> str:
    members = component.signature.members
    if port not in members:
        return f"there is no port {port!r}; it has {', '.join(members)}"
    flow = wiring.In if port in ("a", "b") else wiring.Out
    if members[port].flow != flow:
        return f"port {port!r} must be an {flow.name}, not an {members[port].flow.name}"
    shape = members[port].shape
    if not isinstance(shape, data.ArrayLayout) or shape.length != count:
        return f"port {port!r} must be an ArrayLayout of {count} {what}, not {shape!r}"
    found = Shape.cast(shape.elem_shape)
    if (found.width, found.signed) != (width, kind == "signed"):
        return f"port {port!r} must have {what} of {kind}({width}), not {found!r}"
    return ""
