"""Low-bit networks are read, and every code and number is qonnx's."""

from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from accel.compiler.compile import compile_graph
from accel.compiler.frontends import Choices, UnsupportedModel, load
from accel.compiler.frontends.onnx.reader import read
from accel.compiler.graph import interpreter
from accel.compiler.graph.accumulation_order import order_sensitive
from accel.config import AcceleratorConfig
from accel.host.runner import run
from accel.numeric.rules.float_epilogue import ROUNDINGS
from accel.quantization.measure import SOFTMAX_ERROR
from accel.sim.functional.machine import Machine
from tests.support.networks.onnx.low_bit import (
    DOMAIN,
    Network,
    assert_qonnx,
    at_a_threshold,
    convolutional,
    layer,
    residual,
)
from tests.support.oracles.qonnx import cleaned, qonnx

EXAMPLES = Path(__file__).resolve().parents[5] / "examples/low_bit"


def assert_exact(n: Network, samples: int = 8):
    """Every quantized tensor and the output; nothing may be left to the order of additions."""
    data = n.bytes()
    graph = read(data, "n.onnx")
    assert graph.contract == "qonnx"
    assert_qonnx(graph, data, n.inputs(samples))
    epilogues = [getattr(node.attributes, "epilogue", None) for node in graph]
    assert (
        sum(
            c.order_sensitive.sum()
            for c in epilogues
            if c is not None and c.order_sensitive is not None
        )
        == 0
    )
    return graph


@pytest.mark.parametrize("bits", range(2, 9))
def test_every_width_of_weights_and_activations(bits):
    graph = assert_exact(layer(bits, bits, 2.0 ** (2 - bits), 2.0 ** (1 - bits), seed=bits))
    codes = graph.tensor(graph.nodes[1].inputs[1]).data
    assert np.abs(codes).max() == 2 ** (bits - 1) - 1


@pytest.mark.parametrize("mode", ROUNDINGS)
def test_every_rounding_mode(mode):
    assert_exact(layer(rounding_mode=mode, seed=1), samples=20)


@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("narrow", [0, 1])
@pytest.mark.parametrize(("bits", "zero"), [(1, 0.0), (3, 1.0), (8, 5.0)])
def test_every_range_and_zero_point(signed, narrow, bits, zero):
    if not signed and narrow and bits == 1:
        pytest.skip("a range of 0..0")
    assert_exact(layer(activations=bits, scale=0.125, zero=zero, signed=signed, narrow=narrow))


def test_scales_that_are_no_powers_of_two_for_each_channel():
    scales = np.random.default_rng(2).uniform(0.1, 0.9, (1, 12))
    n = layer(3, 4, 0.37, scales, seed=2)
    data = n.bytes()
    graph = read(data, "n.onnx")
    epilogue = graph.nodes[1].attributes.epilogue
    assert epilogue.order_sensitive.sum() <= 0.01 * epilogue.sums.sum()
    assert_qonnx(graph, data, n.inputs(40))


def test_sums_that_the_order_of_additions_decides_are_counted():
    n = at_a_threshold()
    epilogue = read(n.bytes(), "n.onnx").nodes[1].attributes.epilogue
    assert epilogue.order_sensitive.tolist() == [1]
    assert epilogue.sums.tolist() == [10]  # -6..3
    (told,) = order_sensitive(read(n.bytes(), "n.onnx"))
    assert "at 1 of 10 sums the order" in str(told)


@pytest.mark.parametrize("pool", ["max", "average", "global"])
def test_convolutions_and_pooling(pool):
    assert_exact(convolutional(pool))


MOVES = {
    "DepthToSpace": ([], {"blocksize": 2, "mode": "CRD"}),
    "SpaceToDepth": ([], {"blocksize": 2}),
    "Resize": ([np.float32([]), np.float32([1, 1, 2, 2])], {"nearest_mode": "floor"}),
    "Gather": ([np.int64([2, 0, 5])], {"axis": 1}),
    "Tile": ([np.int64([1, 1, 2, 1])], {}),
}


@pytest.mark.parametrize("operator", MOVES)
def test_moves_of_codes(operator):
    constants, attributes = MOVES[operator]
    n = Network((3, 8, 8))
    n.quant("q", 3, 0.5)
    names = [n.constant(f"i{i}", array, array.dtype) for i, array in enumerate(constants)]
    n.weights("w", (8, 3, 3, 3))
    n.bipolar("wq", 0.5, source="w")
    n.add("Conv", "c", "wq", pads=[1, 1, 1, 1])
    n.quant("a", 4, 0.5)
    n.add(operator, "moved", *names, **attributes)
    n.quant("z", 3, 0.25)
    graph = assert_exact(n)
    assert any(node.source == operator for node in graph)


def test_depthwise_convolutions():
    n = Network((6, 5, 5))
    n.quant("q", 4, 0.25)
    n.weights("w", (6, 1, 3, 3))
    n.quant("wq", 4, 0.125, source="w")
    n.add("Conv", "c", "wq", group=6)
    n.batchnorm("bn", 6, 1.0)
    n.quant("a", 4, 0.5)
    assert_exact(n)


@pytest.mark.parametrize("shape", [(4, 1, 1), (1, 4, 1, 1)])
def test_steps_by_channel_after_an_image_of_codes(shape):
    n = Network((4, 5, 6))
    n.quant("q", 4, 0.25)
    factors = np.float32([0.5, 1.0, 2.0, 4.0]).reshape(shape)
    n.add("Mul", "m", n.constant("by_channel", factors))
    n.add("Add", "s", n.constant("offsets", factors - 1))
    n.quant("a", 4, 0.5)
    assert_exact(n)


def test_steps_of_every_kind():
    n = Network((16,))
    n.add("Mul", "x2", n.constant("two", 2.0))
    n.add("Sub", "x3", n.constant("one", 1.0))
    n.quant("q", 4, 0.25)
    n.weights("w", (16, 9))
    n.bipolar("wq", source="w")
    n.add("MatMul", "m", "wq")
    n.add("Div", "d", n.constant("divisor", n.random.normal(0, 3, 9)))
    n.nodes.append(
        helper.make_node("Sub", [n.constant("from", n.random.normal(size=9)), "d"], ["e"])
    )
    n.last = "e"
    n.add("Clip", "h", n.constant("low", -1.0), n.constant("high", 1.0))
    n.quant("a", 5, 0.0625)
    n.add("Add", "b", n.constant("more", n.random.normal(size=9)))
    n.quant("a2", 3, 0.25)
    n.add("Relu", "r")
    n.quant("a3", 2, 0.5, signed=0)
    n.add("Mul", "y", n.constant("factor", np.float32(0.3)))
    assert_exact(n)


def test_pooling_before_the_quantization():
    n = Network((2, 4, 4))
    n.quant("q", 4, 0.25)
    n.weights("w", (4, 2, 1, 1))
    n.quant("wq", 3, 0.25, source="w")
    n.add("Conv", "c", "wq")
    n.add("MaxPool", "p", kernel_shape=[2, 2], strides=[2, 2])
    n.add("Add", "b", n.constant("bias", n.random.normal(size=(1, 4, 1, 1))))
    n.quant("a", 3, 0.5)
    assert_exact(n)


@pytest.mark.parametrize(("bits", "dtype"), [(4, np.int8), (3, np.uint8), (8, np.uint8)])
def test_clipped_codes(bits, dtype):
    n = Network((20,))
    n.clipped("q", 4, 0.25)
    n.weights("w", (20, 8))
    pair = n.constant("w_s", 0.25), n.constant("w_z", 0, np.int8)
    n.add("QuantizeLinear", "w_q", *pair, source="w")
    n.add("Clip", "w_c", n.constant("wl", -7, np.int8), n.constant("wh", 7, np.int8), source="w_q")
    n.add("DequantizeLinear", "wq", *pair, source="w_c")
    n.add("MatMul", "m", "wq")
    n.batchnorm("bn", 8, 2.0)
    n.clipped("a", bits, 2.0 ** (1 - bits), dtype)
    graph = assert_exact(n)
    assert np.abs(graph.tensor(graph.nodes[1].inputs[1]).data).max() <= 7


def test_the_second_of_two_equal_quantizers_costs_nothing():
    n = layer()
    n.quant("a2", 4, 0.5)
    assert [node.operator for node in assert_exact(n)] == [
        "quantize",
        "fully_connected",
        "dequantize",
    ]


def test_numbers_at_the_end_are_whole_sums():
    n = Network((64,))
    n.quant("q", 8, 0.0078125)
    n.weights("w", (64, 3))
    n.quant("wq", 2, 1.0, source="w")
    n.add("MatMul", "y", "wq")
    graph = assert_exact(n)
    assert graph.nodes[-1].operator == "sums"
    assert graph.tensor(graph.nodes[-1].inputs[0]).dtype == "int32"


@pytest.mark.parametrize("bits", [(8, 8), (4, 4), (2, 8)], ids=str)
@pytest.mark.parametrize("depth", [400, 3000])
def test_last_layers_without_a_quantizer_are_sums_of_any_width(bits, depth):
    n = Network((depth,))
    n.quant("q", bits[0], 2.0**-7)
    n.weights("w", (depth, 3))
    n.quant("wq", bits[1], 2.0**-8, source="w")
    n.add("MatMul", "y", "wq")
    graph = read(n.bytes(), "n.onnx")
    code = compile_graph(graph, AcceleratorConfig(sum_bits=20))
    x = n.inputs(4)
    ours = run(code, Machine(code), x)["y"]
    np.testing.assert_array_equal(ours, interpreter.run(graph, x)["y"])
    theirs = qonnx(n.bytes(), x)["y"]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6 * np.abs(theirs).max())


def test_branches_that_join():
    assert [node.operator for node in assert_exact(residual())].count("add") == 1


def test_a_softmax_after_sums_is_the_drivers():
    n = layer()
    n.weights("v", (12, 5))
    n.quant("vq", 3, 0.25, source="v")
    n.add("MatMul", "z", "vq")
    n.add("Softmax", "y", axis=-1)
    data = n.bytes()
    graph, x = read(data, "n.onnx"), n.inputs()
    assert [node.operator for node in graph][-2:] == ["sums", "softmax"]
    theirs = qonnx(data, x)["y"]
    ours = interpreter.run(graph, x)["y"]
    np.testing.assert_allclose(ours, theirs, rtol=SOFTMAX_ERROR)


@pytest.mark.parametrize("name", ["tfc_w2a2", "cnv_w2a2"])
@pytest.mark.parametrize("clipped", [False, True])
def test_what_qonnx_itself_makes_of_a_file(name, clipped):
    data = cleaned((EXAMPLES / f"{name}.onnx").read_bytes(), clipped)
    with np.load(EXAMPLES / "test_images.npz") as archive:
        x = archive["x"][:8]
    x = x[:, np.newaxis] if name.startswith("cnv") else x.reshape(len(x), -1)
    assert (b"QuantizeLinear" in data) == clipped
    assert_qonnx(read(data, f"{name}.onnx"), data, x)


def refused(n: Network) -> str:
    with pytest.raises(UnsupportedModel) as caught:
        read(n.bytes(), "n.onnx")
    return str(caught.value)


BAD = {
    "bits": (lambda: layer(activations=9), "has 9 bits (the core's codes have 8 bits)"),
    "half a bit": (lambda: layer(activations=2.5), "has a bit width of 2.5"),
    "scales": (
        lambda: layer(scale=np.linspace(0.1, 1, 12)),
        "quantizes an activation with 12 scales; quantize activations per tensor",
    ),
    "scales of inputs": (
        lambda: layer(weight_scale=np.linspace(0.1, 1, 24).reshape(24, 1)),
        "has weights with scales that differ within a channel",
    ),
    "zero point": (lambda: layer(zero=0.5), "has a zero point of 0.5, which is not an integer"),
    "rounding": (lambda: layer(rounding_mode="ODD"), "has rounding_mode 'ODD'; use one of ROUND"),
    "scale": (lambda: layer(scale=-1.0), "has a scale of -1.0, which is not a positive number"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_refused_says_where_and_why(case):
    make, text = BAD[case]
    message = refused(make())
    assert text in message
    assert "operator" in message
    assert "Quant" in message or "MatMul" in message


def test_more_refusals():
    n = layer()
    n.add("Sigmoid", "y")
    assert "(Sigmoid): is not supported in low-bit networks" in refused(n)
    n = layer()
    names = [n.constant(f"t{i}", v) for i, v in enumerate((0.5, 0.0, 4.0, 2.0))]
    n.add("Trunc", "y", *names, domain=DOMAIN)
    assert "(qonnx.custom_op.general.Trunc): is not supported" in refused(n)
    n = layer()
    n.nodes.append(helper.make_node("Mul", ["a", "a"], ["y"]))
    n.last = "y"
    assert "has two operands that are computed" in refused(n)


def test_a_contract_is_the_files(tmp_path):
    path = tmp_path / "n.onnx"
    path.write_bytes(layer().bytes())
    assert load(path, "qonnx").contract == "qonnx"
    with pytest.raises(UnsupportedModel, match="cannot be held to the contract 'onnx'"):
        load(path, "onnx")


def test_impossible_numbers_are_named_and_take_no_time():
    n = layer()
    n.constants["wq_z"] = np.float32(2**30)
    assert "has a zero point beyond 32768" in refused(n)
    n = layer()
    n.nodes[3].input[2] = "m"  # the bias of the batch normalization
    assert "has a constant that is computed; make it constant" in refused(n)
    n = layer()
    n.constants["bn_0"][3] = np.nan
    assert "has a constant beyond 2^60, or that is not a number" in refused(n)


@pytest.mark.parametrize("bits", [8, 9, 16, 24, 32])
@pytest.mark.parametrize("seed", range(2))
def test_a_bias_has_a_quantizer_of_up_to_32_bits(bits, seed):
    n = Network((3, 6, 6), seed)
    n.quant("q", 8, 2.0**-5)
    n.weights("w", (4, 3, 3, 3), 0.1)
    n.quant("wq", 4, 2.0**-6, source="w", narrow=1)
    n.weights("b", (4,), 2.0 if bits > 8 else 0.1)
    n.quant("bq", bits, 2.0**-11 if bits > 8 else 2.0**-9, source="b")
    n.add("Conv", "c", "wq", "bq")
    n.add("Relu", "r")
    n.quant("y", 4, 0.25, signed=0)
    assert_exact(n)


def test_an_activation_or_weight_of_more_than_8_bits_is_refused():
    n = layer()
    n.quant("wide", 16, 0.1)
    assert "has 16 bits (the core's codes have 8 bits); quantize to 1 to 8 bits" in refused(n)


def test_constants_are_folded_whatever_computes_them():
    def network(scale):
        n = Network((3, 6, 6))
        n.quant("q", 8, 2.0**-5)
        n.weights("w", (4, 3, 1, 1), 0.2)
        n.quant("wq", 8, 2.0**-7, source="w")
        n.add("Conv", "c", "wq")
        scale(n)
        names = ["s", *(n.constant(f"y_{i}", v) for i, v in enumerate((0.0, 4.0)))]
        n.add("Quant", "y", *names, domain=DOMAIN, signed=1, narrow=0, rounding_mode="ROUND")
        return n

    def computed(n):
        two, less, half = (n.constant(f"k{i}", v) for i, v in enumerate((2.0, -2.0, 0.5)))
        n.add("Pow", "p", less, source=two)
        n.add("Sqrt", "r", source="p")
        n.add("Mul", "s", half, source="r")

    plain = network(lambda n: n.constant("s", 0.25))
    x = plain.inputs(4)
    folded = read(network(computed).bytes(), "n.onnx")
    expected = interpreter.run(read(plain.bytes(), "n.onnx"), x)
    np.testing.assert_array_equal(interpreter.run(folded, x)["y"], expected["y"])
    assert len(folded.nodes) == len(read(plain.bytes(), "n.onnx").nodes)


def unquantized(bits: int) -> Network:
    n = Network((3, 6, 6), bits)
    n.weights("w", (4, 3, 3, 3), 0.2)
    n.quant("wq", bits, 2.0**-3, source="w", narrow=1)
    n.add("Conv", "c", "wq")
    n.quant("y", bits, 0.5)
    return n


@pytest.mark.parametrize(("bits", "text"), [(8, "0.03125"), (4, "x=0.25,1,4"), (3, "0.5,0,u3")])
def test_a_float_input_is_quantized_as_the_user_states(bits, text):
    n = unquantized(bits)
    with pytest.raises(UnsupportedModel, match=r"--input-quant x=0\.0078125"):
        read(n.bytes(), "n.onnx")
    stated = read(n.bytes(), "n.onnx", Choices(input_quant=(text,)))
    own = unquantized(bits)
    parts = [*text.removeprefix("x=").split(","), "0", "8"]
    own.quant(
        "q", int(parts[2 if text.count(",") else -1].lstrip("u")), float(parts[0]),
        float(parts[1]), source="x", signed=int("u" not in text),
    )  # fmt: skip
    conv = next(node for node in own.nodes if node.op_type == "Conv")
    conv.input[0] = "q"
    own.nodes.insert(0, own.nodes.pop())
    x = own.inputs(6)
    np.testing.assert_array_equal(interpreter.run(stated, x)["y"], qonnx(own.bytes(), x)["y"])


@pytest.mark.parametrize("text", ["0", "-1", "nan", "1e99", "z=1", "1,300", "1,0,9", "1,0,0", "="])
def test_a_quantizer_that_cannot_be_is_refused(text):
    with pytest.raises(UnsupportedModel, match="--input-quant must"):
        read(unquantized(8).bytes(), "n.onnx", Choices(input_quant=(text,)))
