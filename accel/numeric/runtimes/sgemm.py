"""float32 matrix products of MLAS, ONNX Runtime's library of kernels, bit for bit, on one thread.

Each sum is one chain of fused multiply-adds in the order of its terms, of blocks of terms where
there are many. Products by a single row or column are another kernel, of plain multiplications and
additions. With more threads the runtime may choose other blocks for sums of more than 128 terms.

Source: onnxruntime/core/mlas/lib, sgemm.cpp, convolve.cpp and x86_64/SgemmKernelM1Avx.S,
SgemmKernelM1TransposeBAvx.S.
"""

from collections.abc import Iterator

import numpy as np

from .float32 import fused_multiply_add

STRIDE = 128  # terms of a block, and columns of one
LEAST_STRIDE = 16  # columns
LANES = 8  # of the vectors of the kernels of one row


def sgemm(
    a: np.ndarray,
    b: np.ndarray,
    *,
    transposed_a: bool = False,
    transposed_b: bool = False,
    total: np.ndarray | None = None,
) -> np.ndarray:
    """``a @ b + total`` of float32 ``[..., M, K]``, ``[..., K, N]`` and ``[..., M, N]``.

    ``transposed_a`` and ``transposed_b`` say which of them lies in memory as its transpose.
    """
    (rows, depth), columns = a.shape[-2:], b.shape[-1]
    if total is None:
        shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        total = np.zeros((*shape, rows, columns), np.float32)
    if rows == 1 and not transposed_a:
        products = a * b.swapaxes(-1, -2)  # [..., N, K]
        kernel = _by_lanes if transposed_b else _by_fours
        return kernel(products, total[..., 0, :])[..., np.newaxis, :]
    if columns == 1 and (depth == 1 or not transposed_b):
        products = a * b.swapaxes(-1, -2)  # [..., M, K]
        kernel = _by_fours if transposed_a else _by_lanes
        return kernel(products, total[..., 0])[..., np.newaxis]
    _, block = strides(columns, depth, wide=not transposed_a)
    for part in slices(depth, block):
        total = _chain(a[..., part], b[..., part, :]) + total
    return total


def convolved(filters: np.ndarray, patches: np.ndarray) -> np.ndarray:
    """Sums of a convolution: filters ``[M, K]`` by patches ``[..., K, N]``, cut where MLAS cuts."""
    (rows, depth), columns = filters.shape, patches.shape[-1]
    if rows > columns:
        return sgemm(filters, patches)
    width, block = strides(columns, depth)
    parts = []
    for positions in slices(columns, width):
        total: np.ndarray | None = None
        for terms in slices(depth, block):
            image = patches[..., terms, positions]
            total = sgemm(filters[:, terms], image, total=total)
        assert total is not None, "a convolution has terms"
        parts.append(total)
    return np.concatenate(parts, axis=-1)


def strides(columns: int, depth: int, wide: bool = True) -> tuple[int, int]:
    """Columns and terms of a block; ``wide`` allows more terms where columns are few."""
    width = block = STRIDE
    if columns >= depth:
        while block // 2 >= depth:
            width, block = width * 2, block // 2
    elif wide:
        while width > LEAST_STRIDE and width // 2 >= columns:
            width, block = width // 2, block * 2
    return width, block


def slices(size: int, step: int) -> Iterator[slice]:
    return (slice(start, start + step) for start in range(0, size, step))


def _chain(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    total = np.float32(0)
    for term in range(a.shape[-1]):
        total = fused_multiply_add(a[..., term, np.newaxis], b[..., term, np.newaxis, :], total)
    return total


def _by_fours(products: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Sums over the last axis: four terms at a time, then two, then one."""
    depth = products.shape[-1]
    whole = depth - depth % 4
    groups = [slice(start, start + 4) for start in range(0, whole, 4)]
    if depth % 4 >= 2:
        groups.append(slice(whole, whole + 2))
    if depth % 2:
        groups.append(slice(depth - 1, depth))
    for group in groups:
        total = _in_order(products[..., group]) + total
    return total


def _in_order(terms: np.ndarray) -> np.ndarray:
    return np.add.accumulate(terms, axis=-1, dtype=np.float32)[..., -1]


def _by_lanes(products: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Sums over the last axis of ``[..., N, K]``: each lane's, then the lanes' own.

    Results are computed four at a time, then two, then one, and add lanes up in different orders.
    """
    count, depth = products.shape[-2:]
    padding = [(0, 0)] * (products.ndim - 1) + [(0, -depth % LANES)]
    vectors = np.pad(products, padding).reshape(*products.shape[:-1], -1, LANES)
    lanes = np.add.accumulate(vectors, axis=-2, dtype=np.float32)[..., -1, :]
    low, high = lanes[..., :4], lanes[..., 4:]
    fours = _in_order(low) + _in_order(high)
    pairs = (low[..., :2] + low[..., 2:]) + (high[..., :2] + high[..., 2:])
    one = _by_pairs(low) + _by_pairs(high)
    index = np.arange(count)
    by_two = (index >= count - count % 4) & (index < count - count % 2)
    last = (index == count - 1) & (count % 2 == 1)
    sums = np.where(by_two, pairs[..., 0] + pairs[..., 1], np.where(last, one, fours))
    return sums + total


def _by_pairs(lanes: np.ndarray) -> np.ndarray:
    return (lanes[..., 0] + lanes[..., 1]) + (lanes[..., 2] + lanes[..., 3])
