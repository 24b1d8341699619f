"""A small convolutional network for 8x8 digits, forward and backward in NumPy.

Images are ``[N, height, width, channels]``, float64. Weights have the shapes that the compiler
uses: ``[out, kernel, kernel, in]``, depthwise ``[1, kernel, kernel, channels]``, ``[out, in]``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Params = list[tuple[np.ndarray, np.ndarray]]  # weights and biases of each layer


@dataclass(frozen=True)
class Convolution:
    """A convolution with ReLU; ``padding`` is (before, after) in both directions, as TFLite's SAME
    has it on an even-sized image."""

    name: str
    depthwise: bool
    kernel: int
    channels: int
    stride: int = 1
    padding: tuple[int, int] = (0, 0)

    def shape(self, depth: int) -> tuple[int, int, int, int]:
        size = (self.kernel, self.kernel)
        return (1, *size, depth) if self.depthwise else (self.channels, *size, depth)


CONVOLUTIONS = (
    Convolution("conv", False, 3, 16, padding=(1, 1)),
    Convolution("depthwise1", True, 3, 16, padding=(1, 1)),
    Convolution("pointwise1", False, 1, 24),
    Convolution("depthwise2", True, 3, 24, stride=2, padding=(0, 1)),
    Convolution("pointwise2", False, 1, 32),
    Convolution("depthwise3", True, 3, 32, stride=2, padding=(0, 1)),
    Convolution("pointwise3", False, 1, 48),
)
CLASSES = 10


def initial_params(random: np.random.Generator) -> Params:
    params, depth = [], 1
    for layer in CONVOLUTIONS:
        shape = layer.shape(depth)
        fan_in = shape[1] * shape[2] * (1 if layer.depthwise else depth)
        weights = random.normal(scale=np.sqrt(2 / fan_in), size=shape)
        params.append((weights, np.full(layer.channels, 0.05)))
        depth = layer.channels
    dense = random.normal(scale=np.sqrt(1 / depth), size=(CLASSES, depth))
    return [*params, (dense, np.zeros(CLASSES))]


def _windows(layer: Convolution, x: np.ndarray) -> np.ndarray:
    """View ``[N, out_h, out_w, kernel, kernel, channels]`` of the padded image."""
    padded = np.pad(x, ((0, 0), layer.padding, layer.padding, (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view(padded, (layer.kernel,) * 2, axis=(1, 2))
    return view[:, :: layer.stride, :: layer.stride].transpose(0, 1, 2, 4, 5, 3)


def _products(layer: Convolution, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    view = _windows(layer, x)
    if layer.depthwise:
        return np.einsum("nhwklc,klc->nhwc", view, weights[0])
    return view.reshape(*view.shape[:3], -1) @ weights.reshape(len(weights), -1).T


def forward(params: Params, x: np.ndarray) -> list[np.ndarray]:
    """Return the input, each layer's output, the pooled features and the logits ``[N,
    classes]``."""
    values = [x]
    for layer, (weights, bias) in zip(CONVOLUTIONS, params, strict=False):
        values.append(np.maximum(_products(layer, values[-1], weights) + bias, 0))
    values.append(values[-1].mean(axis=(1, 2)))
    weights, bias = params[-1]
    values.append(values[-1] @ weights.T + bias)
    return values


def _convolution_gradients(
    layer: Convolution, x: np.ndarray, weights: np.ndarray, dy: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradients of weights and input, given that of the sums."""
    view = _windows(layer, x)
    if layer.depthwise:
        dw = np.einsum("nhwklc,nhwc->klc", view, dy)[np.newaxis]
        spread = dy[..., np.newaxis, np.newaxis, :] * weights[0]
    else:
        columns, rows = view.reshape(-1, weights[0].size), dy.reshape(-1, len(weights))
        dw = (rows.T @ columns).reshape(weights.shape)
        spread = (rows @ weights.reshape(len(weights), -1)).reshape(view.shape)
    before, after = layer.padding
    n, height, width, depth = x.shape
    dx = np.zeros((n, height + before + after, width + before + after, depth))
    out_h, out_w = dy.shape[1:3]
    for row, column in np.ndindex(layer.kernel, layer.kernel):
        ys = slice(row, row + (out_h - 1) * layer.stride + 1, layer.stride)
        xs = slice(column, column + (out_w - 1) * layer.stride + 1, layer.stride)
        dx[:, ys, xs] += spread[:, :, :, row, column]
    return dw, dx[:, before : before + height, before : before + width]


def gradients(params: Params, x: np.ndarray, labels: np.ndarray) -> Params:
    """Return the gradients of the mean cross entropy, in the order of ``params``."""
    *values, features, logits = forward(params, x)
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    dy = (probabilities - np.eye(CLASSES)[labels]) / len(x)
    result = [(dy.T @ features, dy.sum(axis=0))]
    height, width = values[-1].shape[1:3]
    dx = np.broadcast_to((dy @ params[-1][0] / (height * width))[:, None, None], values[-1].shape)
    for layer, (weights, _), source, output in reversed(
        list(zip(CONVOLUTIONS, params, values, values[1:], strict=False))
    ):
        dy = dx * (output > 0)
        dw, dx = _convolution_gradients(layer, source, weights, dy)
        result.append((dw, dy.sum(axis=(0, 1, 2))))
    return result[::-1]


def train(
    params: Params,
    x: np.ndarray,
    labels: np.ndarray,
    random: np.random.Generator,
    epochs: int,
    rate: float,
    quantized: Callable[[Params], Params] = lambda params: params,
) -> Params:
    """Return params after training with Adam on images that are shifted by up to a pixel.

    Gradients are taken at ``quantized(params)`` and applied to ``params``: the straight-through
    estimator of quantization-aware training.
    """
    batch, step = 32, 0
    moments = [[np.zeros((2, *p.shape)) for p in pair] for pair in params]
    steps = epochs * (len(x) // batch)
    for _ in range(epochs):
        order = random.permutation(len(x))
        for start in range(0, len(x) - batch + 1, batch):
            chosen = order[start : start + batch]
            slopes = gradients(quantized(params), shifted(x[chosen], random), labels[chosen])
            step += 1
            now = rate * 0.5 * (1 + np.cos(np.pi * step / steps))
            params = _adam_step(params, slopes, moments, now, step)
    return params


def _adam_step(params: Params, slopes: Params, moments: list, rate: float, step: int) -> Params:
    result = []
    for pair, slope_pair, moment_pair in zip(params, slopes, moments, strict=True):
        updated = []
        for value, slope, moment in zip(pair, slope_pair, moment_pair, strict=True):
            moment[0] += 0.1 * (slope - moment[0])
            moment[1] += 0.001 * (slope**2 - moment[1])
            mean, square = moment[0] / (1 - 0.9**step), moment[1] / (1 - 0.999**step)
            updated.append(value - rate * mean / (np.sqrt(square) + 1e-8))
        result.append(tuple(updated))
    return result


def shifted(x: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Move each image by -1, 0 or 1 pixels in both directions."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    tops, lefts = random.integers(0, 3, (2, len(x)))
    height, width = x.shape[1:3]
    return np.stack(
        [
            image[top : top + height, left : left + width]
            for image, top, left in zip(padded, tops, lefts, strict=True)
        ]
    )
