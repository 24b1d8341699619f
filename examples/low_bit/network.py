"""Networks of few bits, trained in NumPy with straight-through gradients.

A network is a row of layers: weights, a batch normalization, a quantization; the last one has no
quantization. Convolutions are 3x3, valid, on images ``[N, height, width, channels]``.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

EPSILON = 1e-5
MOMENTUM = 0.1
KERNEL = 3


@dataclass(frozen=True)
class Bits:
    """Of weights and activations: 1 is bipolar; 2 are -1, 0, 1 as weights, -1 to 0.5 as
    activations."""

    weights: int
    activations: int

    @property
    def name(self) -> str:
        return f"w{self.weights}a{self.activations}"


def weight_codes(weights: np.ndarray, bits: int) -> np.ndarray:
    """Weights as they are quantized; their scale is 1."""
    return np.where(weights >= 0, 1.0, -1.0) if bits == 1 else np.clip(np.rint(weights), -1, 1)


def activation_values(x: np.ndarray, bits: int) -> np.ndarray:
    """Activations as they are quantized: their signs, or multiples of a half."""
    return np.where(x >= 0, 1.0, -1.0) if bits == 1 else np.clip(np.rint(2 * x), -2, 1) / 2


@dataclass
class Layer:
    """``weights`` are latent, ``[k, out]``; k is rows, columns and channels of a window if it has
    one."""

    weights: np.ndarray
    window: bool
    pool: bool = False
    scale: np.ndarray = field(init=False)
    bias: np.ndarray = field(init=False)
    mean: np.ndarray = field(init=False)
    variance: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        out = self.weights.shape[1]
        self.scale, self.bias = np.ones(out), np.zeros(out)
        self.mean, self.variance = np.zeros(out), np.ones(out)

    @property
    def trained(self) -> Iterator[str]:
        return iter(("weights", "scale", "bias"))


def _windows(x: np.ndarray) -> np.ndarray:
    view = np.lib.stride_tricks.sliding_window_view(x, (KERNEL, KERNEL), axis=(1, 2))
    view = view.transpose(0, 1, 2, 4, 5, 3)
    return view.reshape(*view.shape[:3], -1)


def _spread(columns: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The gradient of an image, of its windows' gradients."""
    result, (height, width) = np.zeros(shape), columns.shape[1:3]
    parts = columns.reshape(*columns.shape[:3], KERNEL, KERNEL, shape[3])
    for row, column in np.ndindex(KERNEL, KERNEL):
        result[:, row : row + height, column : column + width] += parts[:, :, :, row, column]
    return result


def _pooled(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest of 2x2, and which of them it is."""
    n, height, width, channels = x.shape
    parts = x.reshape(n, height // 2, 2, width // 2, 2, channels).transpose(0, 1, 3, 5, 2, 4)
    parts = parts.reshape(*parts.shape[:4], 4)
    return parts.max(axis=4), parts.argmax(axis=4)


def _unpooled(gradient: np.ndarray, which: np.ndarray) -> np.ndarray:
    parts = (which[..., None] == np.arange(4)) * gradient[..., None]
    n, height, width, channels, _ = parts.shape
    parts = parts.reshape(n, height, width, channels, 2, 2).transpose(0, 1, 4, 2, 5, 3)
    return parts.reshape(n, 2 * height, 2 * width, channels)


class Network:
    """Layers, trained by Adam."""

    def __init__(self, layers: list[Layer], bits: Bits) -> None:
        self.layers, self.bits = layers, bits
        self._moments = {
            (i, name): np.zeros((2, *getattr(layer, name).shape))
            for i, layer in enumerate(layers)
            for name in layer.trained
        }
        self._step = 0

    def forward(self, x: np.ndarray, training: bool = False) -> tuple[np.ndarray, list[Callable]]:
        """Logits ``[N, classes]`` of real inputs, and how gradients go back through each layer."""
        x, back = activation_values(x, self.bits.activations), []
        for layer in self.layers:
            if not layer.window and x.ndim > 2:
                back.append(lambda dy, shape=x.shape: dy.reshape(shape))
                x = x.reshape(len(x), -1)
            x, backward = self._layer(layer, x, training)
            back.append(backward)
        return x, back

    def _layer(self, layer: Layer, x: np.ndarray, training: bool) -> tuple[np.ndarray, Callable]:
        columns = _windows(x) if layer.window else x
        codes = weight_codes(layer.weights, self.bits.weights)
        sums = columns @ codes
        over = tuple(range(sums.ndim - 1))
        mean, variance = layer.mean, layer.variance
        if training:
            mean, variance = sums.mean(axis=over), sums.var(axis=over)
            layer.mean += MOMENTUM * (mean - layer.mean)
            layer.variance += MOMENTUM * (variance - layer.variance)
        deviation = np.sqrt(variance + EPSILON)
        normal = (sums - mean) / deviation
        y = normal * layer.scale + layer.bias
        last = layer is self.layers[-1]
        output = y if last else activation_values(y, self.bits.activations)
        output, which = _pooled(output) if layer.pool else (output, None)

        def backward(dy: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
            dy = dy if which is None else _unpooled(dy, which)
            dy = dy if last else dy * (np.abs(y) <= 1)
            slopes = {"scale": (dy * normal).sum(axis=over), "bias": dy.sum(axis=over)}
            dn = dy * layer.scale
            ds = dn - dn.mean(axis=over) - normal * (dn * normal).mean(axis=over)
            ds = ds / deviation
            flat = columns.reshape(-1, columns.shape[-1])
            slopes["weights"] = flat.T @ ds.reshape(-1, ds.shape[-1])
            dx = ds @ codes.T
            return (_spread(dx, x.shape) if layer.window else dx), slopes

        return output, backward

    def train_step(self, x: np.ndarray, labels: np.ndarray, rate: float) -> None:
        """One step of Adam on the mean cross entropy."""
        logits, back = self.forward(x, training=True)
        probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        gradient = (probabilities - np.eye(logits.shape[1])[labels]) / len(x)
        slopes, index = {}, len(self.layers)
        for backward in reversed(back):
            result = backward(gradient)
            if isinstance(result, tuple):
                index -= 1
                gradient, found = result
                slopes |= {(index, name): slope for name, slope in found.items()}
            else:
                gradient = result
        self._step += 1
        for (i, name), slope in slopes.items():
            self._adam(self.layers[i], name, slope, self._moments[i, name], rate)

    def _adam(self, layer: Layer, name: str, slope: np.ndarray, moment, rate: float) -> None:
        moment[0] += 0.1 * (slope - moment[0])
        moment[1] += 0.001 * (slope**2 - moment[1])
        mean, square = moment[0] / (1 - 0.9**self._step), moment[1] / (1 - 0.999**self._step)
        value = getattr(layer, name) - rate * mean / (np.sqrt(square) + 1e-8)
        setattr(layer, name, np.clip(value, -1, 1) if name == "weights" else value)


def dense(sizes: list[int], bits: Bits, random: np.random.Generator) -> Network:
    """Fully connected layers: FINN's TFC is 784, 64, 64, 64, 10."""
    pairs = itertools.pairwise(sizes)
    return Network([Layer(random.uniform(-1, 1, pair), window=False) for pair in pairs], bits)


def convolutional(bits: Bits, random: np.random.Generator) -> Network:
    """Of images 8x8: two convolutions, pooling, two fully connected layers, as FINN's CNV has
    them."""

    def layer(k: int, out: int, window: bool, pool: bool = False) -> Layer:
        return Layer(random.uniform(-1, 1, (k, out)), window, pool)

    layers = [layer(9, 16, True), layer(9 * 16, 16, True, pool=True)]
    return Network([*layers, layer(64, 32, False), layer(32, 10, False)], bits)
