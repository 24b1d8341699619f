"""Holds bits of a core in compiled RTL, one fault after the other, and lets the self-test find and
name them.

    python -m tests.campaigns.selftest_faults

Each fault says which step must be the first to fail, and what it must name there. A fault is found
if a step fails, and named if it is that step and that place. One simulator serves all faults.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from accel.bringup.selftest import selftest
from accel.bringup.steps import Step
from accel.config import AcceleratorConfig
from accel.sim.rtl.compiled import CompiledCore

CONFIG = AcceleratorConfig(
    bank_words=4096, weight_steps=512, requantizers=2, flash_lanes=4, sum_bits=22
)
_RESULTS, _TABLES = "core.results_1", "core.results_1.post_op.lookup_tables"
Held = tuple[str, int, int, int]
"""A register or a memory, its word, the bit, and the value that the bit keeps."""


@dataclass(frozen=True)
class Fault:
    """``held`` bits; the step that must fail first, and what one of its places must have."""

    title: str
    held: Sequence[Held]
    step: str
    place: Mapping[str, Any] = field(default_factory=dict)


FAULTS = (
    Fault(
        "bank 0, a data line",
        [("core.banks.bank_0.read__data", 0, 13, 0)],
        "memory",
        {"bank": 0, "bit": 13},
    ),
    Fault(
        "bank 1, a data line",
        [("core.banks.bank_1.read__data", 0, 30, 1)],
        "memory",
        {"bank": 1, "bit": 30},
    ),
    Fault(
        "bank 0, a cell at 1",
        [("core.banks.bank_0.memory", 0x3A7, 5, 1)],
        "memory",
        {"bank": 0, "bit": 5, "addresses": [0x3A7]},
    ),
    Fault(
        "bank 1, a cell at 0",
        [("core.banks.bank_1.memory", 0xFFF, 31, 0)],
        "memory",
        {"bank": 1, "bit": 31, "addresses": [0xFFF]},
    ),
    Fault(
        "bank 1, two cells",
        [("core.banks.bank_1.memory", 0, 0, 0), ("core.banks.bank_1.memory", 9, 17, 1)],
        "memory",
        {"bank": 1, "bit": 17, "addresses": [9]},
    ),
    Fault(
        "the flash, its answer at 1",
        [("chip.pins__dq_i", 0, 1, 1)],
        "flash",
        {"flash": "no chip"},
    ),
    Fault("the flash, IO3 at 0", [("chip.pins__dq_i", 0, 3, 0)], "flash", {"flash": "IO3"}),
    Fault(
        "an element, its product",
        [("core.array.p[9]", 0, 4, 1)],
        "array",
        {"row": 2, "column": 1},
    ),
    Fault(
        "an element, its sum",
        [("core.array.sum_3_0", 0, 6, 0)],
        "array",
        {"row": 3, "column": 0},
    ),
    Fault(
        "an element, its sum's sign",
        [("core.array.sum_0_3", 0, 21, 0)],
        "array",
        {"row": 0, "column": 3},
    ),
    Fault(
        "an element, its activation",
        [("core.array.products.s0_a_6", 0, 7, 0)],
        "array",
        {"row": 1, "column": 2},
    ),
    Fault("a row, its activations", [("core.feeder.waiting_2", 0, 9, 1)], "array", {"row": 2}),
    Fault(
        "the weight buffer, a column's data line",
        [("core.weights.memory.read__data", 0, 8 + 2, 0)],
        "array",
        {"column": 1},
    ),
    Fault(
        "the weight buffer, a cell",
        [("core.weights.memory.memory", 77, 16 + 5, 1)],
        "weights",
        {"weights": 0, "column": 2, "steps": [77]},
    ),
    Fault(
        "the weight buffer, a cell of its other half",
        [("core.weights.memory.memory", 256 + 200, 0, 0)],
        "weights",
        {"weights": 1, "column": 0, "steps": [200]},
    ),
    Fault(
        "the weight buffer, an address bit",
        [("core.weights.read_address", 0, 6, 0)],
        "weights",
        {"weights": "all"},
    ),
    Fault(
        "channel parameters, a bias",
        [(f"{_RESULTS}.parameters.early.memory", 1, 12, 1)],
        "requantizer",
        {"requantizer": 1, "column": 3},
    ),
    Fault(
        "a requantizer's lane",
        [(f"{_RESULTS}.requantizer.biased", 0, 9, 0)],
        "requantizer",
        {"requantizer": 1},
    ),
    Fault(
        "the first lookup table, a cell",
        [(f"{_TABLES}.first.memory", 40, 27, 1)],
        "tables",
        {"table": "first", "requantizer": 1, "codes": [40 - 128]},
    ),
    Fault(
        "the second lookup table, a cell",
        [(f"{_TABLES}.residual.memory", 200, 25, 0)],
        "tables",
        {"table": "second", "requantizer": 1, "codes": [200 - 128]},
    ),
    Fault(
        "a divisor, its lowest bit at 0",
        [(f"{_RESULTS}.parameters.late.memory", 1, 0, 0)],
        "requantizer",
        {"requantizer": 1, "column": 3},
    ),
    Fault(
        "a divisor, its lowest bit at 1",
        [(f"{_RESULTS}.parameters.late.memory", 2, 0, 1)],
        "requantizer",
        {"requantizer": 1, "column": 1},
    ),
    Fault(
        "a divisor, a low bit at 1",
        [(f"{_RESULTS}.parameters.late.memory", 0, 3, 1)],
        "requantizer",
        {"requantizer": 1, "column": 1},
    ),
    Fault(
        "the divisors' data line, their lowest bit",
        [(f"{_RESULTS}.parameters.late.read__data", 0, 0, 1)],
        "requantizer",
        {"requantizer": 1},
    ),
    Fault(
        "an offset, its lowest bit at 0",
        [(f"{_RESULTS}.parameters.offset.memory", 1, 0, 0)],
        "requantizer",
        {"requantizer": 1, "column": 3},
    ),
    Fault(
        "an offset for negative sums, its lowest bit at 1",
        [(f"{_RESULTS}.parameters.offset.memory", 6, 0, 1)],
        "requantizer",
        {"requantizer": 1, "column": 1},
    ),
    Fault(
        "a bias, its lowest bit at 1",
        [(f"{_RESULTS}.parameters.early.memory", 3, 0, 1)],
        "requantizer",
        {"requantizer": 1, "column": 3},
    ),
    Fault(
        "a channel's ties, never",
        [(f"{_RESULTS}.parameters.early.memory", 0, 27, 0)],
        "requantizer",
        {"requantizer": 1, "column": 1},
    ),
    Fault(
        "the first lookup table, an entry's lowest bit at 1",
        [(f"{_TABLES}.first.memory", 40, 0, 1)],
        "tables",
        {"table": "first", "requantizer": 1, "codes": [40 - 128]},
    ),
    Fault(
        "the first lookup table, an entry's low bit at 0",
        [(f"{_TABLES}.first.memory", 17, 5, 0)],
        "tables",
        {"table": "first", "requantizer": 1, "codes": [17 - 128]},
    ),
    Fault(
        "the second lookup table, an entry's lowest bit at 0",
        [(f"{_TABLES}.residual.memory", 200, 0, 0)],
        "tables",
        {"table": "second", "requantizer": 1, "codes": [200 - 128]},
    ),
    Fault(
        "the second lookup table, an entry's highest bit at 1",
        [(f"{_TABLES}.residual.memory", 3, 28, 1)],
        "tables",
        {"table": "second", "requantizer": 1, "codes": [3 - 128]},
    ),
    Fault(
        "the second lookup table, a data line",
        [(f"{_TABLES}.residual.read__data", 0, 1, 0)],
        "tables",
        {"table": "second", "requantizer": 1, "bit": 1},
    ),
    Fault(
        "the post-op, its sum",
        [(f"{_RESULTS}.post_op.total", 0, 18, 0)],
        "tables",
        {"table": "sum", "requantizer": 1, "bit": 18},
    ),
    Fault(
        "the post-op, the lowest bit of its codes",
        [(f"{_RESULTS}.post_op.inverted", 0, 0, 1)],
        "requantizer",
        {"requantizer": 1},
    ),
    Fault(
        "the sequencer, groups that are left",
        [("core.sequencer.groups", 0, 1, 1)],
        "control",
        {"sequencer": "groups", "groups": [3, 4, 5, 6]},
    ),
    Fault(
        "the sequencer, the half that it fills",
        [("core.sequencer.fill__half", 0, 0, 0)],
        "control",
        {"sequencer": "groups", "groups": [1, 2, 3, 4, 5, 6]},
    ),
    Fault(
        "the write-back, a byte that it writes",
        [("core.write_back.collector.write_en", 0, 2, 0)],
        "control",
        {"write_back": "lane", "lane": 2},
    ),
    Fault(
        "the write-back, a bit of a byte",
        [("core.write_back.collector.held", 0, 11, 1)],
        "control",
        {"write_back": "data", "lane": 1, "bit": 3},
    ),
    Fault(
        "the write-back, an address bit",
        [("core.write_back.address.row_word", 0, 1, 0)],
        "control",
        {"write_back": "addresses"},
    ),
)


def examined(
    fault: Fault, config: AcceleratorConfig = CONFIG, only: Sequence[str] = ()
) -> list[Step]:
    """What the self-test, or these steps of it, say of a core with a fault."""
    core = CompiledCore(config)
    if config.flash_lanes:
        core.burn(bytes(range(256)) * 16)  # something that is no program
    for name, word, bit, value in fault.held:
        core.state.hold(name, bit, value, word)
    return list(selftest(config, core, only=only))


def is_named(fault: Fault, steps: Sequence[Step]) -> bool:
    """Whether the right step fails first, and names the place."""
    first = next((step for step in steps if step.failed), None)
    if first is None or first.name != fault.step:
        return False
    return any(fault.place.items() <= dict(place).items() for place in first.places)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="faults whose title has this")
    parser.add_argument("--first", type=int, default=1, help="number of the first fault")
    given = parser.parse_args()
    asked, found, named = given.only or "", 0, 0
    numbered = [(n, fault) for n, fault in enumerate(FAULTS, 1) if asked in fault.title]
    faults = [(number, fault) for number, fault in numbered if number >= given.first]
    for number, fault in faults:
        start = time.monotonic()
        steps = examined(fault)
        failed = [step for step in steps if step.failed]
        right = is_named(fault, steps)
        found, named = found + bool(failed), named + right
        verdict = "named" if right else "found, not named" if failed else "NOT FOUND"
        seconds = time.monotonic() - start
        print(f"{number:2} {verdict:16} {seconds:5.1f} s  {fault.title}", flush=True)
        for step in failed[:1]:
            print(f"      {step.name}: {step.said}")
        if not right:
            print(f"      should be {fault.step}: {dict(fault.place)}")
    print(f"{len(faults)} faults: {found} found, {named} of them named")
    return named < len(faults)


if __name__ == "__main__":
    sys.exit(main())
