"""Gives each state a home in memory: what an inference leaves takes the place of what it found.

The tensor that is read lies in its home when an inference begins. What is written ends there, too:
the layers that compute it write to the home, if by then nothing needs the old value any more and it
lies there in the same way, or else a copy moves it. Both tensors have names of their own, so that
every pass sees a tensor that is written once; a layer's ``home`` says whose place its output takes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from ...config import AcceleratorConfig
from ..ir.graph import Graph, Tensor
from ..ir.layer import Convolution, copy_layer
from ..ir.tensor_layout import Alias, TensorLayout, same_words
from .bank_copies import add_bank_copies


@dataclass(frozen=True)
class Placed:
    """Layers after which every state is in its home.

    Parameters
    ----------
    layers
        The layers, with copies.
    homes
        The tensors that are read, by the tensor that takes their place.
    tensors, aliases
        Copies of old values that leave the core, and which tensors are these.
    """

    layers: tuple[Convolution, ...]
    homes: Mapping[str, str]
    tensors: tuple[Tensor, ...]
    aliases: Mapping[str, Alias]


def place_states(
    layers: Sequence[Convolution],
    graph: Graph,
    aliases: Mapping[str, Alias],
    outputs: Collection[str],
    config: AcceleratorConfig,
    later: Collection[str] = (),
) -> Placed:
    """The layers with copies where states need them.

    ``outputs`` are the tensors that are read after the last layer. An old value that is one of
    them, or that becomes the new value of another state, is copied before it is overwritten. What
    the driver writes between layers is in ``later``.
    """
    done = list(layers)
    values = {state.read: aliases[state.written].root for state in graph.states}
    old: dict[str, str] = {}  # copies of old values
    for state in graph.states:
        name = state.read
        if name in outputs or any(name == v != read for read, v in values.items()):
            copy = _copy(f"state_{state.name}_before", name, aliases[name].layout)
            old[name] = copy.output
            done.insert(0, copy)
    leaving = {name: old[name] for name in outputs if name in old}
    homes: dict[str, str] = {}
    kept = {*(leaving.get(name, name) for name in outputs), *values.values()}
    for name, value in values.items():
        if _in_place_of(name, done) & kept - {value}:
            done = _apart(name, value, done, aliases[name].layout)
    for state in graph.states:
        name, layout = state.read, aliases[state.read].layout
        value = values[name]
        if value == name:  # nothing is ever assigned
            continue
        copy = _copy(f"state_{state.name}", old.get(value, value), layout).replace(home=name)
        choices = [(_with(done, copy, name, copy.source in later), copy.output)]
        if value not in homes and _goes_home(value, name, layout, done, config):
            direct = [c.replace(home=name) if c.output == value else c for c in done]
            choices.insert(0, (direct, value))
        costs = [_cost(changed, {*kept, *homes, made}) for changed, made in choices]
        done, made = choices[costs.index(min(costs))]
        homes[made] = name
    return Placed(
        tuple(done),
        homes,
        tuple(replace(graph.tensor(name), name=copy) for name, copy in leaving.items()),
        {
            **{
                name: Alias(leaving.get(alias.root, alias.root), alias.layout)
                for name, alias in aliases.items()
            },
            **{copy: Alias(copy, aliases[name].layout) for name, copy in leaving.items()},
        },
    )


def _goes_home(
    value: str,
    name: str,
    layout: TensorLayout,
    layers: Sequence[Convolution],
    config: AcceleratorConfig,
) -> bool:
    """Whether the layers that compute a state's new value can write it over the old one.

    The first of them may combine what it computes with the old value, in its place.
    """
    writers = [c for c in layers if c.output == value]
    if not writers or any(c.residual not in (None, value, name) for c in writers):
        return False
    own = (TensorLayout(*c.output_shape) for c in writers)
    if not all(
        same_words(one, layout, config.rows) and one.words(config.rows) == layout.words(config.rows)
        for one in own
    ):
        return False
    first = layers.index(writers[0])
    in_place = writers[0].source != name
    used = {name, *_in_place_of(name, layers)} - {value}
    return not any(
        used & {c.source, c.residual, c.output} and not (in_place and c is writers[0])
        for c in layers[first:]
    )


def _in_place_of(name: str, layers: Sequence[Convolution]) -> set[str]:
    """The tensors that take an old value's place in memory without being what is to be there."""
    found: set[str] = set()
    for c in layers:
        if c.residual in {name, *found} and c.output != c.residual:
            found.add(c.output)
    return found


def _apart(
    name: str, value: str, layers: Sequence[Convolution], layout: TensorLayout
) -> list[Convolution]:
    """The layers, in which only the new value takes the old one's place: others get a copy."""
    done: list[Convolution] = []
    for c in layers:
        if c.residual == name and c.output != value:
            copy = _copy(f"{c.name}_operand", name, layout).replace(node=c.node)
            done.append(copy)
            c = c.combined_with(copy.output)
        done.append(c)
    return done


def _with(
    layers: Sequence[Convolution], copy: Convolution, name: str, last: bool
) -> list[Convolution]:
    """The layers with a copy home once the new value is there and nothing uses the old one's
    place, or as the ``last`` one, for none says before which layer the driver writes."""
    used = {name, *_in_place_of(name, layers)}
    before = [
        index
        for index, c in enumerate(layers)
        if c.output == copy.source or used & {c.source, c.residual, c.output}
    ]
    at = len(layers) if last else max(before, default=-1) + 1
    return [*layers[:at], copy, *layers[at:]]


def _copy(label: str, source: str, layout: TensorLayout) -> Convolution:
    return copy_layer(label, label, source, f"{source} ({label})", layout.shape)


def _cost(layers: Sequence[Convolution], outputs: Collection[str]) -> tuple[int, int]:
    """Layers with the copies that the banks need, and all values that they read."""
    found = add_bank_copies(layers, outputs)
    return len(found), sum(prod(c.input_shape) for c in found)
