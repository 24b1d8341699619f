"""The core's pipeline with its cycles, from the latencies that the core's components publish."""

from collections.abc import Iterator
from typing import NamedTuple

from accel import boards
from accel.config import AcceleratorConfig
from accel.core.datapath import post_op, requantizer, result_unit, row_feeder
from accel.core.pe import element_of
from accel.core.primitives import dual_port, memory
from accel.target import resources

from .markdown import table as markdown

BOARDS = ("icebreaker", "ice40_hx8k_b_evn", "ulx3s_85f")
SHOWN = "icebreaker"
STEPS = 16  # of the tiles that are drawn
TILES = 2


class Stage(NamedTuple):
    """A part that data pass through: its name, its file, its cycles, and what it does."""

    name: str
    file: str
    cycles: int
    what: str


def pipeline(config: AcceleratorConfig) -> list[Stage]:
    """What lies between the address of a word of input and the code that is written."""
    family = config.family
    parameters = dual_port.latency_of(family)
    return [
        Stage(
            "tile loops", "control/tile_loops.py", 1, "the address of a word, the marks of its step"
        ),
        Stage(
            "activation bank", "memory/activation_banks.py", memory.latency_of(family), "the word"
        ),
        Stage(
            "padding",
            "datapath/padding.py",
            1,
            "the zero point where a window reaches over the edge",
        ),
        Stage(
            "row feeder", "datapath/row_feeder.py", row_feeder.latency_of(family), "bytes to rows"
        ),
        Stage("products", "pe/", element_of(config).latency(config), "activation times weight"),
        Stage("sums", "datapath/array.py", 1, "each cell adds to the sum of its output"),
        Stage("drain", "datapath/drain.py", 1, "finished sums leave, the next tile is computed"),
        Stage(
            "totals",
            "datapath/result_unit.py",
            result_unit.total_cycles(config),
            "kept sums are added; the ECP5 does it beside the next stage",
        ),
        Stage(
            "channel parameters",
            "datapath/parameter_table.py",
            parameters,
            "bias, divisor and offset",
        ),
        Stage(
            "requantizer",
            "datapath/requantizer.py",
            requantizer.latency_of(family),
            "bias, division by a constant, saturation",
        ),
        Stage(
            "post-op",
            "datapath/post_op.py",
            post_op.latency_of(config),
            "residual operand, lookup tables, clamp",
        ),
        Stage("write-back", "datapath/write_back.py", 1, "the code to its byte of the other bank"),
    ]


def stages() -> str:
    """A row for each stage, a column for each of some boards."""
    configs = [resources.configure(boards.get(name)) for name in BOARDS]
    columns = [pipeline(config) for config in configs]
    rows = [
        [f"[{same[0].name}]({same[0].file})", *(str(stage.cycles) for stage in same), same[0].what]
        for same in zip(*columns, strict=True)
    ]
    totals = [str(sum(stage.cycles for stage in column)) for column in columns]
    heading = ["stage", *(f"`{name}`" for name in BOARDS), "what it does or gives"]
    return markdown(heading, [*rows, ["**from address to written code**", *totals, ""]])


def timeline() -> str:
    """Two tiles on their way through the core, a column a cycle, in a block of text."""
    config = resources.configure(boards.get(SHOWN))
    return "```text\n" + "\n".join(_drawn(config)) + "\n```"


def _drawn(config: AcceleratorConfig) -> Iterator[str]:
    found, period = pipeline(config), max(STEPS, config.drain_cycles)
    begins, at = {}, 0
    for stage in found:
        begins[stage.name] = at
        at += stage.cycles
    # The results of a tile leave one after the other, after its last step.
    late = STEPS - 1
    width = at - 1 + late + (TILES - 1) * period + config.drain_cycles
    yield "cycle".ljust(20) + "".join(f"{n:<10}" for n in range(0, width, 10)).rstrip()
    for stage in found:
        line = ["."] * width
        drained = begins[stage.name] >= begins["drain"]
        for tile in range(TILES):
            first = begins[stage.name] + tile * period + (late if drained else 0)
            taken = config.drain_cycles if drained else STEPS
            for cycle in range(first, min(first + taken + stage.cycles - 1, width)):
                line[cycle] = "A" if tile == 0 and line[cycle] == "." else "B"
        if stage.cycles:
            yield stage.name.ljust(20) + "".join(line)
