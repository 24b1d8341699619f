# amaranth: UnusedElaboratable=no
"""An element that is not what it states is found out, and the message shows the operands."""

import re
from dataclasses import replace
from types import MappingProxyType

import pytest
from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.data import ArrayLayout
from amaranth.lib.wiring import In, Out

from accel.config import AcceleratorConfig
from accel.core.pe import ELEMENTS
from accel.datapath import (
    Element,
    InvalidFormat,
    NotConforming,
    NumberFormat,
    ProcessingElement,
    _layers,
    assert_conforms,
    check,
    each,
)
from accel.sim.cycles.cycle_model import predict

FORM = "int8_ternary"


class Right(ProcessingElement):
    """A product, and what may go wrong with it."""

    format = FORM

    def elaborate(self, platform):
        m = Module()
        product = Signal.like(self.p)
        m.d.sync += product.eq(self.wrong(m, self.a * self.b))
        m.d.comb += self.p.eq(product)
        return m

    def wrong(self, m, product):
        return product


class WrongOnce(Right):
    def wrong(self, m, product):
        return product + ((self.a == -128) & (self.b == -1))


class Late(Right):
    def wrong(self, m, product):
        later = Signal.like(self.p)
        m.d.sync += later.eq(product)
        return later


class Remembering(Right):
    """Wrong where the same operands come three times in a row, which no order of all pairs has."""

    def wrong(self, m, product):
        a, b, again = Signal.like(self.a), Signal.like(self.b), Signal()
        same = (a == self.a) & (b == self.b)
        m.d.sync += [a.eq(self.a), b.eq(self.b), again.eq(same)]
        return Mux(again & same & (self.a == 5), ~product, product)


class Raising(Right):
    def wrong(self, m, product):
        raise RuntimeError("not written yet")


class OtherPorts(wiring.Component):
    """One product where the array has many."""

    def __init__(self, config, simulate):
        number = config.number_format
        super().__init__(
            {"a": In(signed(8)), "b": In(signed(number.weight_bits)), "q": Out(signed(10))}
        )

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.q.eq(self.a * self.b)
        return m


class NarrowProducts(OtherPorts):
    """As many as the array has, but less wide."""

    def __init__(self, config, simulate):
        count = config.rows * config.columns
        ports = {"a": In(signed(8)), "b": In(signed(2)), "q": Out(signed(8))}
        shapes = {name: ArrayLayout(port.shape, count) for name, port in ports.items()}
        wiring.Component.__init__(
            self, {"a": In(shapes["a"]), "b": In(shapes["b"]), "p": Out(shapes["q"])}
        )

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.p.eq(self.a.as_value() ^ self.b.as_value())
        return m


def of_ports(create):
    return Element(title=create.__name__, create=create, latency=lambda config: 1, format=FORM)


PORTS, NARROW = of_ports(OtherPorts), of_ports(NarrowProducts)
NO_TIME = Element(
    title="in no time", create=each(Right).create, latency=lambda config: 0, format=FORM
)


@pytest.fixture
def element(monkeypatch):
    """Return a function that gives an element a name."""

    def named(found):
        found = found if isinstance(found, Element) else each(found)
        builtin = MappingProxyType({**ELEMENTS.builtin, "mine": found})
        monkeypatch.setattr(ELEMENTS, "builtin", builtin)

    return named


WRONG = {
    WrongOnce: r"an activation of -128 and the weight -1 give 129, not 128, in row \d, column \d "
    r"of 4x8 \(and \d more\)",
    Late: "products come 2 cycles after their operands, not the stated 1",
    Remembering: r"the products of these activations and weight codes can be wrong, after others: "
    r".*\b5 and -?[012]\b",
    Raising: "it cannot be made: RuntimeError: not written yet",
    PORTS: "port 'a' must be an ArrayLayout of 2 activations, not signed(8)",
    NARROW: "port 'p' must have products of signed(10), not signed(8)",
    NO_TIME: "the latency is 0; the array can take products after 1 cycle or more",
}


@pytest.mark.parametrize(
    "found", WRONG, ids=lambda found: getattr(found, "__name__", "") or found.title
)
def test_what_is_wrong_is_found_and_shown(element, found):
    element(found)
    with pytest.raises(NotConforming) as caught:
        assert_conforms("mine", layers=False)
    said = str(caught.value)
    assert said.startswith("mine is not what it states:\n  ")
    why = WRONG[found]
    plain = why.replace("(8)", r"\(8\)").replace("(10)", r"\(10\)")
    assert re.search(plain, said), said


def test_what_is_right_is_proved_whatever_came_before(element):
    element(Right)
    claims = check("mine", layers=False)
    assert all(claim.holds for claim in claims)
    assert claims[-1].what == "no operands have another product, whatever came before"
    assert claims[-1].how.startswith("proved by SAT")


def test_whole_layers_are_examined_with_their_cycles(element, monkeypatch):
    """A latency that the model takes for granted is held to RTL."""

    def wrong(code):
        return [replace(layer, cycles=layer.cycles + 1) for layer in predict(code)]

    monkeypatch.setattr(_layers, "predict", wrong)
    element(Right)
    config = AcceleratorConfig(
        rows=2, columns=2, format=FORM, element="mine", bank_words=1024, weight_steps=1024
    )
    problems = {claim.what: claim.problem for claim in _layers.claims(config)}
    assert problems.pop("layers in RTL are those of the machine") == ""
    assert problems.pop("layers are those of the network") == ""
    match = re.match(
        r"\w+ takes (\d+) cycles, the model says (\d+)$", problems["all cycles are the model's"]
    )
    assert int(match[2]) == int(match[1]) + 1


REFUSED = {
    "3 bits or fewer": {"weight_bits": 2, "weights": (0, 1, 2, 3, 4)},
    "has no weight of 0": {"weight_bits": 1, "weights": (1, -1)},
    "has no weight of 1": {"weight_bits": 2, "weights": (0, 2, 3)},
    "use 1 to 8": {"weight_bits": 9},
    "activations have 4 bits": {"weight_bits": 4, "activation_bits": 4},
    "an activation of -128 give 3, not 0": {"weight_bits": 4, "product": lambda a, b: a * b + 3},
    "raised TypeError": {"weight_bits": 4, "product": lambda a, b: a.no + b if False else None + a},
    "gave float64": {"weight_bits": 4, "product": lambda a, b: a * (b / 1)},
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_format_that_contradicts_itself_is_refused(why):
    with pytest.raises(InvalidFormat, match=f"^Number format 'mine': .*{re.escape(why)}"):
        NumberFormat(title="mine", **REFUSED[why])
