"""How the driver writes a sample into activation memory."""

from dataclasses import dataclass, replace

import numpy as np

from ..config import AcceleratorConfig
from .convolution import Convolution
from .storage import Stored


@dataclass(frozen=True, eq=False)
class InputMap:
    """Which value of a sample, flattened, each stored byte holds.

    ``index`` is int64 ``[height, width, channels]``; -1 stands for the code ``pad``. Convolutions
    with few input channels find a row of their window in the channels, so that no cycle is spent on
    channels that do not exist.
    """

    tensor: str
    index: np.ndarray
    pad: int

    @property
    def storage(self) -> Stored:
        return Stored(*self.index.shape)

    def pack(self, samples: np.ndarray, rows: int) -> np.ndarray:
        """Bytes to store, uint8 ``[N, words * rows]``, of int8 samples ``[N, ...]``."""
        flat = samples.reshape(len(samples), -1)
        flat = np.concatenate([flat, np.full((len(flat), 1), self.pad, np.int8)], axis=1)
        height, width, channels = self.index.shape
        whole = -(-channels // rows) * rows
        packed = np.zeros((len(samples), height, width, whole), np.int8)
        packed[..., :channels] = flat[:, self.index]
        return packed.reshape(len(samples), -1).view(np.uint8)


def plain_input(tensor: str, storage: Stored, times: int = 1) -> InputMap:
    """The tensor as it is, or with its channels repeated some times."""
    index = np.arange(np.prod(storage.shape)).reshape(storage.shape)
    return InputMap(tensor, np.tile(index, (1, 1, times)), 0)


def fold_input(
    c: Convolution, config: AcceleratorConfig, times: int = 1
) -> tuple[Convolution, InputMap] | None:
    """Move the kernel's width into the channels of a network's input, if that saves steps and fits.

    The convolution's input are the network's channels, repeated ``times`` times.
    """
    (height, width, channels), (kernel_h, kernel_w) = c.input_shape, c.kernel
    rows = config.rows
    before = kernel_w * -(-channels // rows)
    after = -(-kernel_w * channels // rows)
    if c.depthwise or c.transposed or c.spread != (1, 1) or after >= before:
        return None
    if c.region.left or c.region.width != c.output_shape[1]:
        return None
    out_width = c.output_shape[1]
    if Stored(height, out_width, kernel_w * channels).words(rows) > config.bank_words:
        return None
    x = np.arange(out_width)[:, None] * c.stride[1] - c.padding[1] + np.arange(kernel_w)
    inside = (x >= 0) & (x < width)
    own = channels // times
    y, z = np.arange(height)[:, None, None, None], np.arange(channels) % own
    index = (y * width + np.where(inside, x, 0)[None, :, :, None]) * own + z
    index = np.where(inside[None, :, :, None], index, -1)
    folded = replace(
        c,
        input_shape=(height, out_width, kernel_w * channels),
        weights=c.weights.reshape(len(c.weights), kernel_h, 1, kernel_w * channels),
        stride=(c.stride[0], 1),
        padding=(c.padding[0], 0),
    )
    return folded, InputMap(c.source, index.reshape(height, out_width, -1), c.pad)
