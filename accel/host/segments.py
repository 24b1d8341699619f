"""A sample of a network whose segments take a run of the core each, and what is between them."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np

from .run_results import Counters
from .runner import Between

if TYPE_CHECKING:
    from .driven_core import DrivenCore


def of_batch(stored: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Stored bytes of one sample as those of a batch."""
    return {name: data[None] for name, data in stored.items()}


def run_segments(
    core: "DrivenCore", sample: Mapping[str, np.ndarray], keep: Collection[str], between: Between
) -> tuple[dict[str, np.ndarray], Counters]:
    """The tensors ``keep`` of a sample, which segments leave behind, and what all runs counted.

    After each run what leaves the core is read, and before each what enters it is written, while
    nothing runs.
    """
    program, total = core.program, Counters(0, 0, 0, 0)
    kept: dict[str, np.ndarray] = {}
    for segment, layers in enumerate(program.runs):
        core.send_all(between.inputs(segment, of_batch(kept)) if segment else sample)
        if not layers:
            continue
        written = dict.fromkeys(program.commands[number].output for number in layers)
        outputs = program.partition.segments[segment].outputs
        roots = {program.aliases[name].root for name in outputs} & {*keep}
        names: list[str | None] = [name for name in written if name in roots] or [None]
        first, begin = names[0], program.entries[layers[0]]
        expected = sum((core.expected[number] for number in layers), Counters(0, 0, 0, 0))
        result = core.driver.run(
            begin.bank,
            begin.address,
            cycles=expected.cycles,
            result=core.words(first),
            shared_banks=core.shared_banks,
        )
        total += result.counters.unwrapped(expected)
        if first is not None:
            kept[first] = np.frombuffer(result.data, np.uint8)
        kept |= {name: core.read(name) for name in names[1:] if name is not None}
    return kept, total
