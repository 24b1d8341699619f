"""Every number format packs and multiplies what it says it does."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.compiler.ir.stream import pack_weights, unpack_weights
from accel.config import AcceleratorConfig, InvalidConfiguration
from accel.discovery import discover
from accel.numeric import formats
from accel.numeric.formats import FORMATS, NumberFormat

SIZES_OF_64_STEPS = {
    "int8": 256,
    "int8_int4": 128,
    "int8_pow2": 128,
    "int8_ternary": 64,
    "int4": 256,
    "binary": 256,
}
SIZES = ((4, 4), (2, 2), (8, 8), (4, 8), (8, 2), (3, 5), (2, 1))


@pytest.fixture(params=FORMATS)
def name(request):
    return request.param


PLAIN = ("int8", "int8_int4")


def weights_of(form):
    return st.sampled_from(form.values.tolist())


def test_the_formats_are_the_files(name):
    assert discover(formats, "FORMAT")[name] is FORMATS[name]
    assert FORMATS[name].title


@pytest.mark.parametrize("name", PLAIN)
def test_the_range_is_that_of_twos_complement(name):
    form = FORMATS[name]
    low, high = form.weight_range
    assert high - low == 2**form.weight_bits - 1
    assert low == ~high


def test_the_greatest_products_fit_and_need_the_width(name):
    form = FORMATS[name]
    ends = (-(2 ** (form.activation_bits - 1)), 2 ** (form.activation_bits - 1) - 1)
    products = [form.product(a, w) for a in ends for w in form.codes.tolist()]
    limit = 2 ** (form.product_bits - 1)
    assert -limit <= min(products) <= max(products) < limit
    # Ternary weights in two's complement have a code that is not used.
    assert max(products) >= limit // (4 if name == "int8_ternary" else 2)
    assert form.sum_bits(1) <= form.product_bits
    terms = 1000
    limit = 2 ** (form.sum_bits(terms) - 1)
    assert limit // 2 <= terms * max(products) < limit
    one = int(form.encode(np.array(1)))
    np.testing.assert_array_equal(form.product(np.array(ends), one), ends)


def test_every_weight_comes_back_from_its_place(name):
    form = FORMATS[name]
    weights = form.values
    packed = int(form.pack(weights))
    assert form.unpack(packed, len(weights)) == weights.tolist()
    mask = 2**form.weight_bits - 1
    for index, code in enumerate(form.codes.tolist()):
        assert packed >> index * form.weight_bits & mask == code % (mask + 1)
    assert 0 <= packed < 1 << len(weights) * form.weight_bits


@pytest.mark.parametrize("name", FORMATS)
def test_packing_is_undone(name):
    form = FORMATS[name]

    @given(st.lists(st.lists(weights_of(form), min_size=3, max_size=3), min_size=1, max_size=5))
    def check(rows):
        packed = form.pack(np.array(rows, np.int8))
        assert [form.unpack(value, 3) for value in packed] == rows

    check()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_weights_in_memory_take_their_width(name, size):
    """A step takes ``columns * weight_bits`` bits; rows of the buffer begin at a word."""
    form = FORMATS[name]
    config = AcceleratorConfig(rows=size[0], columns=size[1], format=name, weight_steps=1536 * 5)
    random = np.random.default_rng(0)
    for steps in (1, 2, 7, 36):
        weights = random.choice(form.values, (3, steps, config.columns))
        weights[0], weights[1, 0] = form.weight_range
        packed = pack_weights(weights, config)
        rows = -(-steps // config.steps_per_weight_row)
        row_bits = config.words_per_weight_row * 8 * config.rows
        assert {len(group) for group in packed} == {rows * row_bits // 8}
        used = steps * config.columns * form.weight_bits
        filled = config.steps_per_weight_row * config.columns * form.weight_bits
        assert row_bits - filled < max(config.columns * form.weight_bits, 8 * config.rows)
        assert rows * filled - used < filled
        stream = np.array([np.frombuffer(group, np.uint8) for group in packed])
        np.testing.assert_array_equal(unpack_weights(stream, steps, config), weights)


def test_a_step_in_memory_is_what_the_format_packs(name):
    form = FORMATS[name]
    config = AcceleratorConfig(format=name)
    weights = np.random.default_rng(1).choice(form.values, (1, 1, 4))
    (data,) = pack_weights(weights, config)
    assert int.from_bytes(data, "little") == form.pack(weights[0, 0])


@pytest.mark.parametrize("name, size", SIZES_OF_64_STEPS.items())
def test_half_the_bits_take_half_the_memory(name, size):
    (packed,) = pack_weights(np.zeros((1, 64, 4), np.int64), AcceleratorConfig(format=name))
    assert len(packed) == size


def test_an_unknown_format_is_refused_by_name():
    known = ", ".join(FORMATS)
    message = f"^Number format must be one of {known}, not 'int2'$"
    with pytest.raises(InvalidConfiguration, match=message):
        AcceleratorConfig(format="int2")


@pytest.mark.parametrize("bits", range(2, 9))
def test_any_width_works(bits):
    form = NumberFormat(title="test", activation_bits=8, weight_bits=bits)
    low, high = form.weight_range
    assert form.unpack(int(form.pack(np.arange(low, high + 1))), 2**bits) == [*range(low, high + 1)]


def test_a_file_without_a_format_is_refused(tmp_path, monkeypatch):
    (tmp_path / "int3.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    package = SimpleNamespace(__path__=[str(tmp_path)], __name__="somewhere")
    monkeypatch.setattr("importlib.import_module", lambda name: SimpleNamespace(__name__=name))
    with pytest.raises(TypeError, match=r"^Module 'somewhere.int3' must define 'FORMAT'$"):
        discover(package, "FORMAT")["int3"]


def test_the_range_of_sums_is_reached_and_not_left(name):
    """By the activations that are worst for each weight, one weight after the other."""
    form = FORMATS[name]
    weights = np.resize(form.values, (3, 7))
    least, greatest = form.sum_range(weights)
    activations = np.asarray(form.activations)
    products = form.product(activations[:, None, None], form.encode(weights))
    np.testing.assert_array_equal(least, products.min(axis=0).sum(axis=-1))
    np.testing.assert_array_equal(greatest, products.max(axis=0).sum(axis=-1))
