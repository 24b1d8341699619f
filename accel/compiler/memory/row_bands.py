"""Cuts a chain of layers into row bands, so that what lies between them exists a band at a time.

A band computes some rows of the chain's output, and of each tensor inside the chain the rows that
these need. Windows overlap, so some rows inside are computed for two bands. The chain's source and
its output lie in memory as a whole: a band reads and writes rows of them, which are addresses. A
source that is an input of the network may arrive in bands, too: each is a tensor of its own then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..ir.layer import Band, Convolution, Region
from ..ir.tensor_layout import TensorLayout

Span = tuple[int, int]
"""Rows of a tensor, from the first up to the end."""


@dataclass(frozen=True)
class Chain:
    """Layers that can be cut into row bands together.

    Parameters
    ----------
    layers
        In the order in which they run.
    target
        The tensor that they compute; nothing else of what they compute is read by other layers.
    inner
        The tensors that they alone write and read.
    arriving
        The network's inputs that they alone read, and that are to arrive in bands.
    """

    layers: tuple[Convolution, ...]
    target: str
    inner: frozenset[str]
    arriving: frozenset[str] = frozenset()

    @property
    def rows(self) -> Span:
        """The rows of the target that they compute."""
        own = [c.region for c in self.layers if c.output == self.target]
        return min(r.top for r in own), max(r.top + r.height for r in own)


def chain_of(
    layers: Sequence[Convolution],
    first: int,
    end: int,
    kept: frozenset[str],
    arriving: frozenset[str] = frozenset(),
) -> Chain | None:
    """The layers from ``first`` up to ``end`` as a chain; None where they are none.

    ``kept`` are the network's inputs and outputs; those ``arriving`` may arrive in bands.
    """
    within = tuple(layers[first:end])
    others = (*layers[:first], *layers[end:])
    elsewhere = {name for c in others for name in (c.source, c.output, c.residual) if name}
    used = kept | elsewhere
    inner = frozenset(c.output for c in within) - used
    targets = {c.output for c in within} - inner
    arriving &= {c.source for c in within} - elsewhere - {c.residual for c in within}
    if len(targets) != 1 or not (inner or arriving):
        return None
    (target,) = targets
    if {c.home for c in within if c.home}.intersection(
        name for c in within for name in (c.source, c.residual)
    ):
        return None  # a band would overwrite what a later one reads
    within = _in_place(within, target, inner)
    inner &= {c.output for c in within}
    shapes: dict[str, set[tuple[int, int, int]]] = {}
    for c in within:
        if not _has_rows(c) or c.source == target or not _combines(c, target, inner, within):
            return None
        shapes.setdefault(c.output, set()).add(c.output_shape)
        shapes.setdefault(c.source, set()).add(c.input_shape)
    if any(len(shapes[name]) > 1 for name in (*inner, *arriving, target)):
        return None  # one tensor under two shapes
    return Chain(within, target, inner, arriving)


def _in_place(
    layers: tuple[Convolution, ...], target: str, inner: frozenset[str]
) -> tuple[Convolution, ...]:
    """The layers, where what is only a residual operand of the target is computed in its place."""
    operands = {c.residual for c in layers if c.output == target} & inner
    operands -= {c.source for c in layers}
    changed = []
    for c in layers:
        if c.residual in operands:
            c = c.combined_with(target)
        changed.append(c.replace(output=target) if c.output in operands else c)
    return tuple(changed)


def _has_rows(c: Convolution) -> bool:
    """Whether a row of the output depends on some rows of the input, in the same order."""
    plain = not c.transposed and not c.rereads and c.band is None
    return plain and c.output_stride[0] == 1 and c.stride[0] > 0


def _combines(
    c: Convolution, target: str, inner: frozenset[str], layers: Sequence[Convolution]
) -> bool:
    """Whether a layer's residual operand, if any, can be combined with band by band."""
    residual = c.residual
    if residual is None or residual == c.output:
        return True
    if (residual in inner) != (c.output in inner):
        return False  # the output takes the operand's place
    # What a band overwrites of the operand must not be what a later band reads.
    return residual in inner or all(other.source != residual for other in layers)


@dataclass(frozen=True)
class Banded:
    """A chain cut into row bands.

    Parameters
    ----------
    layers, layouts
        Its layers, and the layouts of the tensors that are new.
    inputs
        The tensors that hold bands of inputs which arrive in bands, by tensor of the network, in
        the order in which they are read: their names and the rows of the whole that each holds.
    """

    layers: tuple[Convolution, ...]
    layouts: Mapping[str, TensorLayout]
    inputs: Mapping[str, Mapping[str, Span]]


def banded(chain: Chain, count: int, layouts: Mapping[str, TensorLayout]) -> Banded | None:
    """A chain in ``count`` bands of as equal rows of its target as possible; None if too many."""
    top, bottom = chain.rows
    if count > bottom - top:
        return None
    edges = [top + (bottom - top) * k // count for k in range(count + 1)]
    layers: list[Convolution] = []
    new: dict[str, TensorLayout] = {}
    inputs: dict[str, dict[str, Span]] = {name: {} for name in chain.arriving}
    done: dict[int, int] = {}  # rows that earlier bands have computed of each layer, up to the end
    for index in range(count):
        needed, extents = _needed(chain, (edges[index], edges[index + 1]))
        for name, (first, end) in extents.items():
            new[_named(name, index)] = replace(layouts[name], height=end - first)
            if name in inputs:
                inputs[name][_named(name, index)] = first, end
        for number, c in enumerate(chain.layers):
            rows = _written(c, needed.get(c.output))
            if rows is None:
                continue
            before = done.get(number, rows[0])
            band = Band(
                layer=c.name,
                source=c.source,
                output=c.output,
                index=index,
                count=count,
                rows=rows,
                height=c.region.height,
                again=max(0, before - rows[0]),
                reads=_read(c, rows),
                origin=extents.get(c.output, (0, 0))[0],
            )
            done[number] = max(before, rows[1])
            layers.append(_part(c, band, chain, extents, number in done and index > 0))
    return Banded(tuple(layers), new, inputs)


def _needed(chain: Chain, rows: Span) -> tuple[dict[str, Span], dict[str, Span]]:
    """Rows of each tensor that are computed for these of the target, and of each inner tensor
    those that have a place in memory."""
    needed = {chain.target: rows}
    for c in reversed(chain.layers):
        written = _written(c, needed.get(c.output))
        if written is None:
            continue
        _widen(needed, c.source, _read(c, written))
        if c.residual and c.residual != c.output:
            _widen(needed, c.residual, needed[c.output])
    banded_names = chain.inner | chain.arriving
    extents = {name: span for name, span in needed.items() if name in banded_names}
    for c in chain.layers * 2:  # an output takes its residual operand's place, whole
        if c.residual in extents and c.output in extents:
            _widen(extents, c.residual, extents[c.output])
            _widen(extents, c.output, extents[c.residual])
    return needed, extents


def _widen(spans: dict[str, Span], name: str, span: Span) -> None:
    first, end = spans.get(name, span)
    spans[name] = min(first, span[0]), max(end, span[1])


def _written(c: Convolution, rows: Span | None) -> Span | None:
    """Those of some rows of its output that a layer computes."""
    if rows is None:
        return None
    first, end = max(rows[0], c.region.top), min(rows[1], c.region.top + c.region.height)
    return (first, end) if first < end else None


def _read(c: Convolution, rows: Span) -> Span:
    """The rows of its input that a layer needs for some rows of its output; one at least."""
    height = c.input_shape[0]
    first = rows[0] * c.stride[0] - c.padding[0]
    end = (rows[1] - 1) * c.stride[0] - c.padding[0] + c.kernel[0]
    first = min(max(first, 0), height - 1)
    return first, max(first + 1, min(end, height))


def _part(
    c: Convolution, band: Band, chain: Chain, extents: Mapping[str, Span], later: bool
) -> Convolution:
    """The layer that computes a band of a whole one; ``later`` than another of its bands."""
    source, output = extents.get(c.source), extents.get(c.output)
    first_in, first_out = source[0] if source else 0, output[0] if output else 0
    changes: dict = {}
    if source:
        changes["source"] = _named(c.source, band.index)
        changes["input_shape"] = (source[1] - source[0], *c.input_shape[1:])
    if output:
        changes["output"] = _named(c.output, band.index)
        changes["output_shape"] = (output[1] - output[0], *c.output_shape[1:])
    if c.post_op and c.residual:
        if c.residual in extents:
            residual = _named(c.residual, band.index)
        else:  # the whole output is in the operand's place, and with it the operand's other rows
            residual = c.output if later else c.residual
        changes["post_op"] = c.post_op.replace(residual=residual)
    first, end = band.rows
    return c.replace(
        name=f"{c.name}_band{band.index}" if band.index else c.name,
        region=Region(first - first_out, c.region.left, end - first, c.region.width),
        # The window of row y of the output begins at row y * stride - padding of the input.
        padding=(c.padding[0] + first_in - first_out * c.stride[0], c.padding[1]),
        macs=0 if later else c.macs,
        band=band,
        **changes,
    )


def _named(tensor: str, index: int) -> str:
    return f"{tensor} (band {index})"
