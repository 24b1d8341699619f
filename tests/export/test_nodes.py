"""Softmax and conversions of the exported drivers are those of the runtimes, bit for bit: in C, and
in MicroPython's, whose floats may have 32 bits."""

import ctypes
import struct
import subprocess
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from accel.numeric import affine
from accel.numeric.runtimes import float32
from accel.numeric.runtimes.softmax_onnx import CodeSoftmax, float_softmax
from accel.numeric.runtimes.softmax_tflm import Softmax
from tests.support.host import c_driver

from .drivers import module_of


class Fixed(ctypes.Structure):
    _fields_ = [
        ("multiplier", ctypes.c_int32),
        ("least", ctypes.c_int32),
        ("depth", ctypes.c_uint16),
        ("shift", ctypes.c_uint8),
    ]


class Table(ctypes.Structure):
    _fields_ = [
        ("exponentials", ctypes.POINTER(ctypes.c_float)),
        ("inverse", ctypes.c_float),
        ("depth", ctypes.c_uint16),
        ("zero_point", ctypes.c_int16),
    ]


class Scale(ctypes.Structure):
    _fields_ = [
        ("scale", ctypes.c_float),
        ("zero_point", ctypes.c_int16),
        ("half_to_even", ctypes.c_uint8),
    ]


class InC:
    """The nodes of the C driver."""

    def __init__(self, library):
        self.driver = ctypes.CDLL(str(library))

    def _call(self, name, dtype, values, *before):
        values = np.ascontiguousarray(values)
        found = np.zeros(values.shape, dtype)
        count = ctypes.c_uint32(len(values))
        function = getattr(self.driver, f"accel_{name}")
        places = (ctypes.c_void_p(values.ctypes.data), ctypes.c_void_p(found.ctypes.data))
        return function(*before, *places, count), found

    def softmax_fixed(self, node, codes):
        multiplier, shift = node.multiplier
        form = Fixed(multiplier, node.diff_min, codes.shape[1], shift)
        return self._call("softmax_int8", np.int8, codes, ctypes.byref(form))[1]

    def softmax_table(self, node, codes):
        table = np.ascontiguousarray(node.table(codes.shape[1]))
        pointer = table.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        form = Table(pointer, node.inverse, codes.shape[1], node.output_zero_point)
        return self._call("softmax_codes", np.int8, codes, ctypes.byref(form))[1]

    def softmax_float(self, numbers):
        depth = ctypes.c_uint16(numbers.shape[1])
        return self._call("softmax_float", np.float32, numbers, depth)[1]

    def quantize(self, numbers, scale, zero_point, half_to_even):
        form = Scale(scale, zero_point, half_to_even)
        status, found = self._call("quantize", np.int8, numbers, ctypes.byref(form))
        if status:
            raise ValueError(status)
        return found

    def dequantize(self, codes, scale, zero_point):
        form = Scale(scale, zero_point, 0)
        return self._call("dequantize", np.float32, codes, ctypes.byref(form))[1]


class InMicroPython:
    """The nodes of the driver for MicroPython, in this Python."""

    def __init__(self):
        folder = files("accel.export.micropython").joinpath("driver")
        self.nodes = module_of(Path(str(folder.joinpath("accel_nodes.py")))).NODES

    def _compute(self, kind, values, p, dtype):
        found = self.nodes[kind](self._block, values.ravel().tolist(), p)
        return np.array(found, dtype).reshape(values.shape)

    def _block(self, offset, count):
        return self.data[offset : offset + count]

    def softmax_fixed(self, node, codes):
        multiplier, shift = node.multiplier
        p = {"multiplier": multiplier, "shift": shift, "least": node.diff_min}
        return self._compute("softmax_fixed", codes, p | {"depth": codes.shape[1]}, np.int8)

    def softmax_table(self, node, codes):
        self.data = node.table(codes.shape[1]).astype("<f4").tobytes()
        p = {"table": 0, "inverse": int(node.inverse), "zero_point": node.output_zero_point}
        return self._compute("softmax_table", codes, p | {"depth": codes.shape[1]}, np.int8)

    def softmax_float(self, numbers):
        return self._compute("softmax_float", numbers, {"depth": numbers.shape[1]}, np.float32)

    def quantize(self, numbers, scale, zero_point, half_to_even):
        p = self._scale(scale, zero_point) | {"half_to_even": half_to_even}
        return self._compute("quantize", numbers, p, np.int8)

    def dequantize(self, codes, scale, zero_point):
        return self._compute("dequantize", codes, self._scale(scale, zero_point), np.float32)

    def _scale(self, scale, zero_point):
        bits = struct.unpack("<I", struct.pack("<f", scale))[0]
        return {"scale": bits, "zero_point": zero_point}


@pytest.fixture(scope="module", params=["c", "micropython"])
def nodes(request, tmp_path_factory):
    if request.param == "micropython":
        return InMicroPython()
    compiler = c_driver.compiler()
    if compiler is None:
        pytest.skip("there is no C compiler here")
    folder = files("accel.export.c").joinpath("driver")
    sources = [str(folder.joinpath(f"accel_{name}.c")) for name in ("nodes", "softmax_float")]
    library = tmp_path_factory.mktemp("nodes") / "nodes.so"
    subprocess.run(
        [compiler, *c_driver.FLAGS, "-shared", "-fPIC", *sources, "-o", library], check=True
    )
    return InC(library)


DEPTHS = [(1, 3), (2, 50), (12, 20), (1000, 1)]


@pytest.mark.parametrize(("depth", "count"), DEPTHS)
@pytest.mark.parametrize("scale", [0.01, 0.5847029, 3.0])
@pytest.mark.parametrize("beta", [1.0, 0.25])
def test_softmax_of_tflite_micro(nodes, depth, count, scale, beta):
    rng = np.random.default_rng(depth)
    codes = rng.integers(-128, 128, (count, depth)).astype(np.int8)
    node = Softmax(float(np.float32(scale)), beta)
    assert (nodes.softmax_fixed(node, codes) == node.compute(codes)).all()


@pytest.mark.parametrize(("depth", "count"), DEPTHS)
@pytest.mark.parametrize("scale", [0.003, 0.1, 3.0])
@pytest.mark.parametrize("output", [(1 / 256, -128), (0.0371, 5)])
def test_softmax_of_codes_of_onnx_runtime(nodes, depth, count, scale, output):
    rng = np.random.default_rng(depth)
    codes = rng.integers(-128, 128, (count, depth)).astype(np.int8)
    node = CodeSoftmax(float(np.float32(scale)), float(np.float32(output[0])), output[1])
    assert (nodes.softmax_table(node, codes) == node.compute(codes)).all()


@pytest.mark.parametrize(("depth", "count"), [(1, 2), (3, 12), (37, 4)])
@pytest.mark.parametrize("spread", [0.1, 5, 90])
def test_softmax_of_numbers_of_onnx_runtime(nodes, depth, count, spread):
    rng = np.random.default_rng(depth)
    numbers = (spread * rng.standard_normal((count, depth))).astype(np.float32)
    expected = float_softmax(numbers)
    assert (nodes.softmax_float(numbers).view(np.uint32) == expected.view(np.uint32)).all()


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_softmax_of_what_is_no_number(nodes, odd):
    numbers = np.array([[1, odd, 2], [odd, odd, odd], [0, 1, 2]], np.float32)
    found, expected = nodes.softmax_float(numbers), float_softmax(numbers)
    assert np.array_equal(found, expected, equal_nan=True)


NUMBERS = np.array(
    [0.0, -0.0, 0.25, -0.25, 0.75, 1.25, -1.25, 1e-40, 3e38, -3e38, np.inf, -np.inf, 63.4, -64.3],
    np.float32,
)


@pytest.mark.parametrize("scale", [0.5, 0.1, 1e-30, 1e30])
@pytest.mark.parametrize("zero_point", [-128, 7])
def test_codes_of_numbers(nodes, scale, zero_point):
    rng = np.random.default_rng(7)
    ties = (np.arange(-280, 280) / 2 * scale).astype(np.float32)
    numbers = np.concatenate([NUMBERS, ties, (90 * scale * rng.standard_normal(300))])
    numbers = numbers.astype(np.float32)
    scale = float(np.float32(scale))
    even = np.clip(float32.quantize(numbers, scale, zero_point), -128, 127)
    assert (nodes.quantize(numbers, scale, zero_point, True) == even).all()
    away = affine.quantize(numbers, scale, zero_point)
    assert (nodes.quantize(numbers, scale, zero_point, False) == away).all()


def test_nan_has_no_code(nodes):
    with pytest.raises(ValueError):
        nodes.quantize(np.array([1, np.nan], np.float32), 0.5, 0, False)


@pytest.mark.parametrize("scale", [0.5, 0.1, 1e-40, 2.4e36])
def test_numbers_of_codes(nodes, scale):
    codes, scale = np.arange(-128, 128).astype(np.int8), float(np.float32(scale))
    expected = affine.dequantize(codes, scale, -7)
    assert (nodes.dequantize(codes, scale, -7).view(np.uint32) == expected.view(np.uint32)).all()
