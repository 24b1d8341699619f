"""What a processing element has to say of itself."""

from collections.abc import Callable
from dataclasses import dataclass

from amaranth.hdl import Module, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ...numeric.formats import NumberFormat


@dataclass(frozen=True, kw_only=True)
class Element:
    """A kind of circuit that makes products.

    The array hands a component all operands of a cycle and takes all products ``latency`` cycles
    later; it has the accumulators itself, and adds a product only where its operands were marked
    valid. So registers need no reset, any operands may come in between, and the component never has
    to wait: a set of products in every cycle.

    Parameters
    ----------
    title
        A few words for people.
    create
        Called with a configuration and ``simulate``: makes a component for all products of the
        array. Its ports ``a``, ``b`` and ``p`` are an `ArrayLayout` each, row-major, of
        activations, weights' codes and the format's products, all signed, of ``activation_bits``,
        ``weight_bits`` and ``product_bits``. For number formats with sub-byte values it has a port
        ``sub_byte``, too, which is set in layers whose bytes hold several values; then ``p`` are
        the sums of the products of these. If it has a port ``carry``, an `ArrayLayout` of bits, the
        products are ``p + carry``. Operands repeat: in a row, column ``c`` always has the
        activation of column ``c + rows``; in a column, row ``r`` always has the weight that row ``r
        - 1`` had one cycle before. With ``simulate`` it has no vendor cells.
    latency
        Cycles from operands to product in a configuration; one set of products a cycle.
    dsps
        DSP cells that all products of a configuration take.
    serves
        Whether it makes the products of a number format; without it, those of any that multiplies.
    format
        Name of the only number format that it serves, if it is one.
    obstacle
        Why it cannot serve a configuration of its number format, for people, or None.
    """

    title: str
    create: Callable[[AcceleratorConfig, bool], wiring.Component]
    latency: Callable[[AcceleratorConfig], int]
    dsps: Callable[[AcceleratorConfig], int] = lambda config: 0
    serves: Callable[[NumberFormat], bool] = lambda number: (
        number.multiplies and not number.sub_byte
    )
    format: str | None = None
    obstacle: Callable[[AcceleratorConfig], str | None] = lambda config: None


class ProcessingElement(wiring.Component):
    """A circuit for one product, to be subclassed: write ``elaborate``, and the rest is made.

    ``p`` is the format's ``product(a, b)`` of ``latency`` cycles ago. An entry point of the group
    ``accel.elements`` may name the class.

    Members
    -------
    a : In(signed(activation_bits)), b : In(signed(weight_bits))
        An activation and a weight's code.
    p : Out(signed(product_bits))
        Their product.
    """

    title: str = ""
    latency: int = 1
    format: str | None = None

    def __init__(self, number: NumberFormat):
        super().__init__(
            {
                "a": In(signed(number.activation_bits)),
                "b": In(signed(number.weight_bits)),
                "p": Out(signed(number.product_bits)),
            }
        )
        self.number = number


class Products(wiring.Component):
    """One processing element of a kind for each product of the array."""

    def __init__(self, config: AcceleratorConfig, kind: type[ProcessingElement]):
        number, count = config.number_format, config.rows * config.columns
        self.elements = [kind(number) for _ in range(count)]
        super().__init__(
            {
                "a": In(data.ArrayLayout(signed(number.activation_bits), count)),
                "b": In(data.ArrayLayout(signed(number.weight_bits), count)),
                "p": Out(data.ArrayLayout(signed(number.product_bits), count)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        for k, element in enumerate(self.elements):
            m.submodules[f"element_{k}"] = element
            m.d.comb += [
                element.a.eq(self.a[k]),
                element.b.eq(self.b[k]),
                self.p[k].eq(element.p),
            ]
        return m


def each(kind: type[ProcessingElement]) -> Element:
    """The element that makes each product by a component of its own."""
    return Element(
        title=kind.title or (kind.__doc__ or kind.__name__).splitlines()[0],
        create=lambda config, simulate: Products(config, kind),
        latency=lambda config: kind.latency,
        format=kind.format,
    )
