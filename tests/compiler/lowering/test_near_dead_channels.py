"""Channels with more sums to a code than a division has room for are exact all the same, or
refused."""

import re

import numpy as np
import pytest

import accel
from accel.compiler import pipeline
from accel.compiler.diagnostics import CannotCompile
from accel.compiler.frontends.onnx.reader import read
from accel.compiler.ir.tensor_layout import layout_of
from accel.compiler.lowering.near_dead_channels import Finer, split_near_dead
from accel.compiler.operators import OPERATORS
from accel.config import AcceleratorConfig
from accel.numeric.division.nearest import ALLOWED_CODES, ALLOWED_SHARE
from tests.support.networks.onnx.operators import Model

TERMS, MANY_TERMS = 96, 4096
CONTRACTS = ("onnx", "tflm", "single")
# Sums that make a code. Of many terms the sums of the last two reach further than any code goes.
WIDTHS = (3001.3, 270_000.3, 1_087_911.0, 65_000_000.0)
DEAD = (34_000_000.3, 40_500_000.7)
CONFIG = AcceleratorConfig(rows=16, sum_bits=28, weight_steps=4 * MANY_TERMS)


def network(
    width: float, codes: float = 0.5, zero_point: int = -33, terms: int | None = None
) -> Model:
    """A dense layer of an ordinary channel and of one that has ``codes`` codes where its sum is
    0."""
    terms = terms or (MANY_TERMS if width in DEAD else TERMS)
    m = Model((terms,), np.int8, np.random.default_rng(3), np.int8)
    x = [m.constant("xs", 0.02, np.float32), m.constant("xz", 0, np.int8)]
    weights = m.random.integers(-127, 128, (terms, 2))
    scales = np.float32([0.02 / (0.02 * 3001.3), 0.02 / (0.02 * width)])
    w = [m.constant("w", weights, np.int8), m.constant("ws", scales, np.float32)]
    w.append(m.constant("wz", [0, 0], np.int8))
    bias = m.constant("b", [17, round(codes * width)], np.int32)
    y = [m.constant("ys", 0.02, np.float32), m.constant("yz", zero_point, np.int8)]
    m.add("QGemm", ["x", *x, *w, bias, *y], ["y"])
    return m


def sweep(m: Model, samples: int = 400) -> np.ndarray:
    """Inputs that take the second channel's sum from one end to the other."""
    ends = np.linspace(-1, 1, samples)[:, np.newaxis] * 128 * np.sign(m.constants["w"][:, 1])
    return np.clip(np.rint(ends + m.random.integers(-9, 10, ends.shape)), -128, 127).astype(np.int8)


def convolution(m: Model, contract: str):
    graph = read(m.bytes(), "dead.onnx").replace(contract=contract)
    (node,) = (node for node in graph if node.operator == "fully_connected")
    layout = layout_of(graph.tensor(node.inputs[0]))
    return OPERATORS[node.operator].lower(node, graph, layout)[0]


@pytest.mark.parametrize("contract", CONTRACTS)
@pytest.mark.parametrize("codes", [0.5, 1.5, -2.5, 0.02])
@pytest.mark.parametrize("width", [*WIDTHS, *DEAD])
def test_answers_are_the_contracts(width, codes, contract):
    codes = codes / 10 if width in DEAD else codes if abs(codes) * width < 2**30 else 0.5
    m = network(width, codes)
    graph = read(m.bytes(), "dead.onnx").replace(contract=contract)
    x = sweep(m)
    program = accel.compile(graph, config=CONFIG)
    machine = program.run(x, "machine").output
    close = {deviation.channel for deviation in program.report().inexact}
    assert 1 not in close
    exact = [channel for channel in (0, 1) if channel not in close]
    expected = program.run(x, "reference").output
    np.testing.assert_array_equal(machine[:, exact], expected[:, exact])
    assert np.abs(machine.astype(int) - expected).max() <= ALLOWED_CODES
    program.close()


@pytest.mark.parametrize("contract", CONTRACTS)
def test_finer_codes_and_the_copy_make_the_rule_at_every_step(contract):
    c = convolution(network(DEAD[0], 0.5), contract)
    finer, copy = split_near_dead(c, CONFIG)
    assert isinstance(finer.rule, Finer) and finer.rule.own.tolist() == [False, True]
    least, greatest = (ends[1] + c.bias[1] for ends in c.sum_range)
    steps = finer.rule.steps[1]
    beside = np.concatenate([steps + d for d in (-1, 0, 1)] + [np.array([least, greatest])])
    sums = np.clip(beside, least, greatest)
    sums = np.stack([sums // 1000, sums], axis=1)  # the first channel's are others
    fine = finer.rule.compute(sums)
    coarse = copy.rule.codes[np.arange(2), fine + 128]
    np.testing.assert_array_equal(coarse, c.rule.compute(sums))
    assert np.unique(fine[:, 1]).size > np.unique(coarse[:, 1]).size > 1


def test_the_copy_is_another_layer_of_the_same_operator():
    first, second = split_near_dead(convolution(network(DEAD[0]), "onnx"), CONFIG)
    assert (first.name, second.name) == ("fully_connected_0", "fully_connected_0_codes")
    assert (first.node, first.output) == (second.node, second.source)


@pytest.mark.parametrize("width", WIDTHS)
def test_what_a_division_can_do_stays_one_layer(width):
    c = convolution(network(width), "onnx")
    assert split_near_dead(c, CONFIG) == [c]


def test_a_layer_with_more_to_it_is_left_alone():
    c = convolution(network(DEAD[0]), "onnx")
    assert split_near_dead(c.replace(uniform=True), CONFIG)[0].uniform
    assert len(split_near_dead(c.replace(output_stride=(2, 2)), CONFIG)) == 1


def test_rtl_has_the_same_answers():
    m = network(DEAD[0], 0.2)
    program = accel.compile(read(m.bytes(), "dead.onnx"), config=CONFIG)
    x = sweep(m, 3)[1:2]
    run = program.run(x, "rtl")
    np.testing.assert_array_equal(run.output[:, 1], program.run(x, "reference").output[:, 1])
    program.close()


# What cannot be helped.


def _alone(monkeypatch):
    monkeypatch.setattr(pipeline, "split_near_dead", lambda c, config: [c])


@pytest.mark.parametrize("width", DEAD)
def test_what_is_not_close_is_refused_with_how_far(monkeypatch, width):
    _alone(monkeypatch)
    with pytest.raises(CannotCompile) as caught:
        accel.compile(read(network(width).bytes(), "dead.onnx"), config=CONFIG)
    (reason,) = caught.value.reasons
    assert reason.place == "operator 0 (com.microsoft.QGemm)"
    found = re.fullmatch(
        r"1 of 2 output channels of tensor 'y' cannot be requantized \(channel 1\): channel 1 "
        r"would be off by up to (\d+) codes? at ([\d,]+) of ([\d,]+) sums, ([\d.]+) %",
        reason.what,
    )
    codes, differing, sums = (int(number.replace(",", "")) for number in found.groups()[:3])
    assert codes > ALLOWED_CODES or differing > ALLOWED_SHARE * sums
    assert float(found[4]) == pytest.approx(100 * differing / sums, rel=5e-3)
    assert reason.why == "allowed is 1 code at 0.1 % of the sums"
    assert "--per-tensor" in reason.remedy


def _mean(scale: float) -> bytes:
    """A mean of 28 codes whose halves float32 rounds to either side."""
    m = Model((1, 4, 7), np.int8, np.random.default_rng(0), np.int8)
    x = [m.constant("xs", 0.125, np.float32), m.constant("xz", -38, np.int8)]
    y = [m.constant("ys", scale, np.float32), m.constant("yz", 0, np.int8)]
    m.add("QLinearGlobalAveragePool", ["x", *x, *y], ["y"], channels_last=0)
    return m.bytes()


def test_another_scale_helps_where_the_message_says_so(monkeypatch):
    monkeypatch.setattr(pipeline, "split_ties", lambda c, *others: [c])
    with pytest.raises(CannotCompile, match="a scale that is a millionth larger or smaller"):
        accel.compile(read(_mean(0.0625), "mean.onnx"), config=CONFIG)
    program = accel.compile(read(_mean(0.0625 * 1.000001), "mean.onnx"), config=CONFIG)
    assert program.report().inexact == ()
    program.close()


def test_a_larger_scale_helps_where_the_message_says_so(monkeypatch):
    """One scale for both channels, as per tensor: the weights are rounded to it."""
    _alone(monkeypatch)
    m = network(574_133.9)
    ratio = 3001.3 / 574_133.9
    weights = m.constants["w"].astype(float)
    weights[:, 1] = np.rint(weights[:, 1] * ratio)
    m.constants["w"] = weights.astype(np.int8)
    m.constants["ws"] = np.repeat(m.constants["ws"][:1], 2)
    m.constants["b"] = np.int32([17, round(0.5 * 3001.3)])
    program = accel.compile(read(m.bytes(), "dead.onnx"), config=CONFIG)
    assert all(one.channel == 0 for one in program.report().inexact)
    program.close()
