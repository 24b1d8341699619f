"""Makes a layer's loop nests commands: names, tensors of kept sums, and what each part adds."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from ...config import AcceleratorConfig
from ...numeric.division.division import BIAS_BITS, Division
from ...numeric.rules.rules import Sums
from ..ir.command import Inexact, LayerCommand
from ..ir.kept_sums import sums_words
from ..ir.layer import Convolution
from ..ir.tensor_layout import TensorLayout
from .dataflows import LoopNest

_MOST_BIAS = (1 << BIAS_BITS - 1) - 1  # of a layer


def commands_of(
    c: Convolution,
    nests: Sequence[LoopNest],
    division: Division,
    kept: np.ndarray,
    inexact: tuple[Inexact, ...],
    config: AcceleratorConfig,
) -> list[LayerCommand]:
    """The commands of a convolution.

    ``kept`` are biases, like those of ``division``, that are added to kept sums before the last
    part of K; of a layer that stores its sums by all parts. ``inexact`` channels are named with the
    first layer that gives their codes.
    """
    found: list[LayerCommand] = []
    summed, base, layers = isinstance(c.rule, Sums), 0, 0
    for nest in nests:
        first = nest.part == 0
        if first:
            name = c.name if not layers else f"{c.name}_part{layers}"
            biases = _shared_out(kept, nest.parts if summed else nest.parts - 1)
            layers += 1
        last = nest.part == nest.parts - 1
        descriptor = replace(nest.descriptor, keep_sums=summed or not last)
        if summed:
            descriptor = replace(descriptor, sums_base=base)
        own = plain_division(biases[nest.part]) if descriptor.keep_sums else division
        sums = c.output if summed else f"{c.output} (sums of {name})"
        codes = not descriptor.keep_sums
        found.append(
            LayerCommand(
                name=name if first else f"{name}_k{nest.part}",
                node=c.node,
                source=c.source,
                output=c.output if codes else sums,
                macs=0 if found else c.macs,
                mode=nest.mode,
                descriptor=replace(descriptor, tie_parity=own.tie_parity),
                division=own,
                channels=_channels(c, nest),
                weights=nest.weights,
                post_op=c.post_op if codes else None,
                inexact=inexact if codes and not (c.band and c.band.index) else (),
                band=c.band,
                addend=sums if descriptor.add_sums else None,
                part=nest.part,
                parts=nest.parts,
                home=c.home if codes or summed else None,
                computed=c.computed,
            )
        )
        if codes:
            inexact = ()
        if last and summed:
            base += descriptor.groups * descriptor.tiles(config.rows)
    return found


def sums_layouts(
    commands: Sequence[LayerCommand], config: AcceleratorConfig
) -> dict[str, TensorLayout]:
    """How tensors of sums lie in memory: a row of words, in the order in which sums are kept."""
    words: dict[str, int] = {}
    tile = config.sums_tile_words
    for command in commands:
        descriptor = command.descriptor
        if descriptor.keep_sums:
            end = descriptor.sums_base * tile + sums_words(descriptor, config)
            words[command.output] = max(words.get(command.output, 0), end)
    return {
        name: TensorLayout(1, count, config.rows, alignment=tile) for name, count in words.items()
    }


def _channels(c: Convolution, nest: LoopNest) -> np.ndarray:
    channels = nest.channels[:1] if nest.descriptor.shared else nest.channels
    return np.where(channels >= 0, 0, -1) if c.uniform else channels


def beyond_bias(bias: np.ndarray) -> np.ndarray:
    """The biases that a layer cannot add by itself; 0 for others."""
    return np.where(np.abs(bias) > _MOST_BIAS, bias, 0)


def parts_for(kept: np.ndarray, summed: bool) -> int:
    """The least parts of K that add these biases; where the sums are not the output, the last one
    adds another bias."""
    layers = -(-int(np.abs(kept).max(initial=0)) // _MOST_BIAS)
    return max(1, layers + (not summed))


def _shared_out(bias: np.ndarray, parts: int) -> list[np.ndarray]:
    """What each of some layers adds of the biases."""
    found = []
    for _ in range(parts):
        found.append(np.clip(bias, -_MOST_BIAS, _MOST_BIAS))
        bias = bias - found[-1]
    assert not bias.any(), "there are as many parts as the bias takes"
    return found


def plain_division(bias: np.ndarray) -> Division:
    """The channel parameters of a layer whose sums are kept: of them, only the bias is used."""
    constants = {field.name for field in fields(Division)} - {"low", "high", "tie_parity"}
    unused: dict[str, Any] = dict.fromkeys(constants, np.zeros_like(bias))
    return Division(**unused | {"bias": bias, "divisor": np.ones_like(bias)}, low=-128, high=127)
