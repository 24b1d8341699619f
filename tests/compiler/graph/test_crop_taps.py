"""Taps that never meet the image go, and no answer changes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.compiler.graph.crop_taps import crop_taps
from accel.compiler.graph.interpreter import run
from accel.compiler.graph.verify import verify
from accel.compiler.operators._window import extent, output_size
from tests.support.networks.small import Chain


@st.composite
def axes(draw):
    """Size, kernel, stride, dilation and padding along one axis, as a check takes them."""
    size, kernel, stride = draw(st.integers(1, 6)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    dilation = draw(st.sampled_from((1, 2, 3, 7, 20)))
    reach = extent(kernel, dilation)
    least = max(0, reach - size)  # amounts that let one window fit
    before = draw(st.integers(0, reach - 1))
    after = draw(st.integers(max(0, least - before), max(0, least - before, reach - 1)))
    return size, kernel, stride, dilation, (before, after)


def convolution(axis_h, axis_w, depthwise: bool):
    """A graph of one convolution with these windows."""
    channels, out = 2, 2 if depthwise else 3
    sizes, kernels, strides, dilations, paddings = zip(axis_h, axis_w, strict=True)
    chain = Chain((1, *sizes, channels))
    chain.convolution(out, depthwise=depthwise)
    (node,) = chain.nodes
    shape = (1, *kernels, channels) if depthwise else (out, *kernels, channels)
    weights = np.random.default_rng(sum(kernels)).integers(-127, 128, shape).astype(np.int8)
    held = chain.tensors["w0"]
    chain.tensors["w0"] = replace(held, shape=shape, data=weights)
    attributes = replace(node.attributes, stride=strides, dilation=dilations, padding=paddings)
    chain.nodes[0] = replace(node, attributes=attributes)
    outputs = [output_size(*axis[:3], axis[4], axis[3]) for axis in (axis_h, axis_w)]
    chain.tensors["t0"] = replace(chain.tensors["t0"], shape=(1, *outputs, out))
    return chain.graph()


@given(axes(), axes(), st.booleans())
def test_no_answer_changes(axis_h, axis_w, depthwise):
    try:
        graph = convolution(axis_h, axis_w, depthwise)
    except Exception as refusal:  # noqa: BLE001 -- some draws are padded by more than a kernel
        assert "padding" in str(refusal)
        return
    cropped = crop_taps(graph)
    verify(cropped)
    x = np.random.default_rng(1).integers(-128, 128, (2, axis_h[0], axis_w[0], 2)).astype(np.int8)
    np.testing.assert_array_equal(run(cropped, x)["t0"], run(graph, x)["t0"])
    for axis, (size, *_) in enumerate((axis_h, axis_w)):
        a, kernel = cropped.nodes[0].attributes, cropped.tensor(cropped.nodes[0].inputs[1]).shape
        begins = (cropped.tensor("t0").shape[1 + axis] - 1) * a.stride[axis]
        assert extent(kernel[1 + axis], a.dilation[axis]) <= 2 * size + begins + a.dilation[axis]


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("dilation", [1000, 2**16])
def test_a_dilation_beyond_the_image_leaves_the_taps_that_meet_it(dilation, depthwise):
    axis = (5, 3, 1, dilation, (dilation, dilation))
    cropped = crop_taps(convolution(axis, axis, depthwise))
    (node,) = cropped
    assert cropped.tensor(node.inputs[1]).shape[1:3] == (1, 1)
    assert node.attributes.padding == ((0, 0), (0, 0))
    assert node.attributes.dilation == (1, 1)


def test_what_meets_the_image_stays():
    graph = Chain().convolution().graph()
    assert crop_taps(graph).nodes == graph.nodes
