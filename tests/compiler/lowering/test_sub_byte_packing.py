"""Tensors of few bits are several channels to a byte: the same answers in fewer cycles and
words."""

from dataclasses import asdict

import numpy as np
import pytest

import accel
from accel.config import AcceleratorConfig
from accel.numeric.formats import FORMATS, SubByte
from accel.sim.compare import assert_same
from accel.sim.cycles.cycle_model import predict
from tests.support.networks.tflite.sub_byte import INPUT, of_4_bits, of_signs, with_signs

SAMPLES = 20
NETWORKS = {
    "codes of -8..7": ("int4", of_4_bits, ["first", "second"]),
    "codes of 0..15": ("int4", lambda: of_4_bits(15), ["first", "second"]),
    "signs": ("binary", of_signs, ["sign_first"]),
    "signs and ones": ("binary", lambda: of_signs((1,)), ["sign_first"]),
}
SIZES = {"4x4": {}, "4x8": {"columns": 8, "family": "ecp5"}, "3x3": {"rows": 3, "columns": 3}}


@pytest.fixture(autouse=True)
def signs(monkeypatch):
    with_signs(monkeypatch)


def compiled(graph, form, **changes):
    config = AcceleratorConfig(bank_words=8192).replace(format=form, **changes)
    return accel.compile(graph, config=config)


def answers(program, executor, samples=SAMPLES):
    """Of all layers, those of few bits included."""
    x = np.random.default_rng(3).integers(-128, 128, (samples, *INPUT[1:])).astype(np.int8)
    keep = tuple(node.outputs[0] for node in program.code.graph)
    return program.session.execute(executor, x, keep)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NETWORKS)
def test_layers_are_those_of_the_network_in_fewer_cycles_and_words(name, size):
    form, network, sub_byte = NETWORKS[name]
    graph = network()
    program, bytes_ = compiled(graph, form, **SIZES[size]), compiled(graph, "int8", **SIZES[size])
    expected = answers(program, "reference").tensors
    assert_same(answers(program, "machine").tensors, expected)
    assert all(len(np.unique(array)) > (1 if "sign" in n else 6) for n, array in expected.items())
    tensors = program.code.memory.tensors
    lanes = {name: placement.layout.packing_factor for name, placement in tensors.items()}
    # Of others no cycles would be saved.
    assert set(sub_byte) <= {name for name in lanes if lanes[name] > 1}
    assert program.report().cycles < bytes_.report().cycles
    words = [sum(p.code.memory.activation_words) for p in (program, bytes_)]
    assert words[0] < words[1]


@pytest.mark.parametrize("name", ["codes of 0..15", "signs"])
def test_rtl_answers_alike_in_the_cycles_of_the_model(name):
    form, network, _ = NETWORKS[name]
    program = compiled(network(), form)
    expected = answers(program, "machine", 1)
    found = answers(program, "rtl", 1)
    assert_same(found.tensors, expected.tensors)
    modelled = [layer.as_dict() for layer in predict(program.code)]
    assert [asdict(counters) for counters in found.layers] == modelled
    program.close()


def test_layers_of_wider_weights_or_codes_stay_bytes():
    """The first layer's weights are bytes anyway; its codes are, where one more is needed."""
    program = compiled(of_4_bits(16), "int4")
    assert not any(command.descriptor.sub_byte for command in program.code.commands)
    assert_same(answers(program, "machine").tensors, answers(program, "reference").tensors)


@pytest.mark.parametrize(("bits", "values"), [(4, range(-8, 8)), (1, (-1, 1)), (2, range(-2, 2))])
def test_values_come_back_from_bytes(bits, values):
    sub_byte = SubByte(bits=bits)
    assert sub_byte.packing_factor * bits == 8
    assert sub_byte.range == (min(values), max(values))
    assert sub_byte.holds(np.array(values))
    assert not sub_byte.holds(np.array([0 if bits == 1 else max(values) + 1]))
    random = np.random.default_rng(bits)
    a, b = random.choice(np.array(values), (2, 100, sub_byte.packing_factor))
    packed = sub_byte.pack(a)
    assert packed.min() >= -128
    assert packed.max() <= 127
    np.testing.assert_array_equal(sub_byte.unpack(packed), a)
    np.testing.assert_array_equal(sub_byte.dot(packed, sub_byte.pack(b)), (a * b).sum(axis=1))


def test_products_a_cycle_are_those_of_a_byte():
    lanes = {name: form.sub_byte.packing_factor for name, form in FORMATS.items() if form.sub_byte}
    assert lanes == {"binary": 8, "int4": 2}
