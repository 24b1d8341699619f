"""Small networks with states, always the same: a window of frames, a sum over time, a delay."""

from types import MappingProxyType

import numpy as np

from accel.compiler.graph.verify import verify
from accel.compiler.ir.graph import Graph, State
from accel.compiler.operators.concatenation import Concatenation
from accel.compiler.operators.conv2d import Conv2d
from accel.compiler.operators.maximum import Maximum
from accel.compiler.operators.slice import Slice
from tests.support.networks.small import CODES, SUMS, Chain

FRAME = (1, 1, 1, 4)  # one frame of four bins


def frames(count: int, seed: int = 7) -> np.ndarray:
    """int8 ``[count, ...]`` of ``FRAME``."""
    return np.random.default_rng(seed).integers(-128, 128, (count, *FRAME[1:])).astype(np.int8)


def _with(chain: Chain, *states: State, outputs: tuple[str, ...] = ()) -> Graph:
    graph = Graph(
        name="streaming",
        tensors=MappingProxyType(dict(chain.tensors)),
        nodes=tuple(chain.nodes),
        inputs=("x",),
        outputs=outputs or (chain.last.name,),
        states=states,
    )
    verify(graph)
    return graph


def _begun(shape: tuple[int, ...], value: int | None = None) -> np.ndarray:
    if value is None:
        return np.arange(np.prod(shape)).reshape(shape).astype(np.int8)
    return np.full(shape, value, np.int8)


def window(keep: int = 2, channels: int = 4) -> Graph:
    """A convolution over a frame and those before it, and the greatest value that it ever gave."""
    chain = Chain(FRAME)
    chain._tensor("before", (1, keep, 1, 4), "int8", CODES)
    chain.last = chain.tensors["before"]
    chain.add("concatenation", Concatenation(axis=1), (1, keep + 1, 1, 4), constants=("x",))
    whole = chain.last
    part = Slice(starts=(0, 1, 0, 0), sizes=(1, keep, 1, 4), steps=(1, 1, 1, 1))
    chain.add("slice", part, (1, keep, 1, 4))
    kept, chain.last = chain.last, whole
    weights = chain._weights((channels, keep + 1, 1, 4), channels)
    window = Conv2d(padding=((0, 0), (0, 0)))
    chain.add("conv2d", window, (1, 1, 1, channels), constants=weights, q=SUMS)
    chain._tensor("greatest", (1, 1, 1, channels), "int8", SUMS)
    chain.add("maximum", Maximum(), constants=("greatest",), q=SUMS)
    return _with(
        chain,
        State(name="frames", read="before", written=kept.name, initial=_begun((1, keep, 1, 4))),
        State(
            name="record",
            read="greatest",
            written=chain.last.name,
            initial=_begun((1, 1, 1, channels), -100),
        ),
    )


def delay(count: int = 2) -> Graph:
    """A convolution of the frame some inferences ago; the old frame and the new one leave, too."""
    chain = Chain(FRAME)
    states, written = [], "x"
    for index in range(count):
        chain._tensor(f"old{index}", FRAME, "int8", CODES)
        initial = _begun(FRAME, index)
        name = f"old{index}"
        states.append(State(name=name, read=name, written=written, initial=initial))
        written = name
    chain.last = chain.tensors[written]
    weights = chain._weights((3, 1, 1, 4), 3)
    chain.add("conv2d", Conv2d(padding=((0, 0), (0, 0))), (1, 1, 1, 3), constants=weights, q=SUMS)
    return _with(chain, *states, outputs=(chain.last.name, written))
