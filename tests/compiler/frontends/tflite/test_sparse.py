"""A constant stored sparsely, and a DENSIFY after it, mean what the dense constant means."""

import numpy as np
import pytest

from accel.compiler.frontends._frontend import UnsupportedModel
from accel.compiler.frontends.tflite.reader import read
from tests.support.networks.tflite.files import File, schema

WIDTHS = {1: "Uint8Vector", 2: "Uint16Vector", 4: "Int32Vector"}


def weights(seed, rows=6, columns=8):
    random = np.random.default_rng(seed)
    values = random.integers(-127, 128, (rows, columns))
    return np.where(random.random(values.shape) < 0.3, values, 0).astype(np.int8)


def model(values, sparsity=None, stored=None):
    """A fully connected layer of these weights, dense or behind a DENSIFY."""
    f = File()
    x = f.input((1, values.shape[1]), scale=0.05, zero_point=3)
    if sparsity is None:
        w = f.constant(values, "int8", scale=0.01)
    else:
        given = f.constant(stored, "int8", scale=0.01)
        f.graph.tensors[given].shape = list(values.shape)
        f.graph.tensors[given].sparsity = sparsity
        w = f.tensor(values.shape, "int8", scale=0.01)
        f.operator("DENSIFY", [given], [w], "DensifyOptions")
    y = f.tensor((1, len(values)), scale=0.1, zero_point=1)
    return f.ends(f.operator("FULLY_CONNECTED", [x, w, -1], [y], "FullyConnectedOptions")).bytes()


def vector(values, width):
    made = getattr(schema, f"{WIDTHS[width]}T")()
    made.values = list(map(int, values))
    return getattr(schema.SparseIndexVector, WIDTHS[width]), made


def dense_level(size):
    level = schema.DimensionMetadataT()
    level.format, level.denseSize = schema.DimensionType.DENSE, size
    return level


def sparse_level(segments, indices, width):
    level = schema.DimensionMetadataT()
    level.format = schema.DimensionType.SPARSE_CSR
    level.arraySegmentsType, level.arraySegments = vector(segments, width)
    level.arrayIndicesType, level.arrayIndices = vector(indices, width)
    return level


def parameters(order, blocks, *levels):
    made = schema.SparsityParametersT()
    made.traversalOrder, made.blockMap, made.dimMetadata = order, blocks, list(levels)
    return made


def by_rows(values, width=1):
    """The nonzero values of each row, one after another."""
    segments = np.cumsum([0, *(values != 0).sum(axis=1)])
    rows, columns = np.nonzero(values)
    levels = dense_level(len(values)), sparse_level(segments, columns, width)
    return parameters([0, 1], [], *levels), values[rows, columns]


def by_columns(values):
    sparsity, stored = by_rows(values.T)
    return parameters([1, 0], [], *sparsity.dimMetadata), stored


def by_blocks(values, high=2, wide=4):
    """Blocks of which any value is nonzero, whole, row of blocks by row of blocks."""
    rows, columns = values.shape[0] // high, values.shape[1] // wide
    blocks = values.reshape(rows, high, columns, wide).swapaxes(1, 2)
    used = blocks.any(axis=(2, 3))
    segments = np.cumsum([0, *used.sum(axis=1)])
    levels = dense_level(rows), sparse_level(segments, np.nonzero(used)[1], 1)
    whole = parameters([0, 1, 2, 3], [0, 1], *levels, dense_level(high), dense_level(wide))
    return whole, blocks[used].reshape(-1)


FORMS = {
    "rows": by_rows,
    "rows, 16 bits": lambda values: by_rows(values, 2),
    "rows, 32 bits": lambda values: by_rows(values, 4),
    "columns": by_columns,
    "blocks": by_blocks,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(3))
def test_the_weights_are_those_of_the_dense_file(form, seed):
    values = weights(seed)
    graph = read(model(values, *FORMS[form](values)), "sparse.tflite")
    (node,) = graph.nodes
    np.testing.assert_array_equal(graph.tensor(node.inputs[1]).values, values)


def spoil_order(s):
    s.traversalOrder = [0, 0]


def spoil_segments(s):
    s.dimMetadata[1].arraySegments.values[-1] += 1


def spoil_indices(s):
    s.dimMetadata[1].arrayIndices.values[0] = 200


def spoil_size(s):
    s.dimMetadata[0].denseSize = 2**30


@pytest.mark.parametrize("spoil", [spoil_order, spoil_segments, spoil_indices, spoil_size])
def test_parameters_that_contradict_the_shape_are_refused(spoil):
    values = weights(0)
    sparsity, stored = by_rows(values)
    spoil(sparsity)
    with pytest.raises(UnsupportedModel, match="damaged TFLite file"):
        read(model(values, sparsity, stored), "sparse.tflite")
