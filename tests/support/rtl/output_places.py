"""Random layers by where their codes go, and these places as plain Python finds them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import gcd
from random import Random

from accel.config import AcceleratorConfig
from accel.isa import Isa
from tests.support.rtl.layers import random_fields


def output_fields(isa: Isa, rng: Random, *, residual: bool) -> dict[str, int]:
    """A layer of which columns, and positions of each run, are left out; first bytes are multiples
    of the requantizers. With a residual operand no byte is written twice."""
    config = isa.config
    rows, columns, count = config.rows, config.columns, config.requantizers
    fields = random_fields(isa, rng)
    fields |= {
        "broadcast": rng.getrandbits(1),
        "residual": int(residual),
        "run_filling": rng.randrange(min(rows, fields["run_less_one"] + 1)),
        "output_lane": rng.randrange(0, rows, count),
        "output_group_lanes": rng.randrange(0, rows, count),
        "columns_less_one": rng.randrange(columns),
        "last_columns_less_one": rng.randrange(columns),
    }
    if columns % rows == 0:
        fields |= {"output_lane": 0, "output_group_lanes": 0}
    return fields | (places_of_their_own(fields, isa, rng) if residual else {})


def places_of_their_own(f: Mapping[str, int], isa: Isa, rng: Random) -> dict[str, int]:
    """Steps between groups and positions that all go forwards, or all go backwards."""
    rows, columns = isa.config.rows, isa.config.columns
    lane = rng.randrange(0, rows, gcd(rows, columns)) if columns % rows else 0
    group = columns if columns >= rows else rng.choice([columns, rows])
    span = -(-(lane + f["groups_less_one"] * group + columns) // rows)
    inner = span + rng.randrange(3)
    outer = inner + rng.randrange(5)
    sign = rng.choice([1, -1])
    return {
        "output_lane": lane,
        "output_group_words": group // rows,
        "output_group_lanes": group % rows,
        "output_inner_step": sign * inner % (1 << isa.address_bits),
        "output_outer_step": sign * outer % (1 << isa.address_bits),
        **({"output_broadcast_row_step": 1} if isa.config.broadcast_rows > 1 else {}),
    }


@dataclass(frozen=True)
class Place:
    """Where neighbouring results go: ``lane`` of ``word``, which has other results before and after
    unless it begins or ends here."""

    word: int
    lane: int
    real: bool
    begins: bool
    ends: bool


def places(f: Mapping[str, int], config: AcceleratorConfig, address_bits: int) -> Iterator[Place]:
    """The places of the results in the order of the drain.

    Requantizers write together: up to the last of those that have a channel to write. On cores of
    several broadcast rows each has a place of its own.
    """
    rows, columns, count = config.rows, config.columns, config.requantizers
    real = f["run_less_one"] + 1 - f["run_filling"]
    for group in range(f["groups_less_one"] + 1):
        last_group = group == f["groups_less_one"]
        limit = f["last_columns_less_one" if last_group else "columns_less_one"]
        word, found = f["output_base"], []
        for run in range(f["runs_less_one"] + 1):
            lines = f.get(
                "last_broadcast_rows_less_one"
                if run == f["runs_less_one"]
                else "broadcast_rows_less_one"
            )
            for inner in range(f["run_less_one"] + 1):
                odd = len(found) % rows % 2
                found.append((word, inner < real and not (f.get("stride2_skip") and odd), lines))
                if inner == f["run_less_one"]:
                    word += f["output_outer_step"]
                elif odd or not f.get("stride2_skip"):
                    word += f["output_inner_step"]
        found += [(0, False, 0)] * (-len(found) % rows)
        first = group * (f["output_group_words"] * rows + f["output_group_lanes"])
        for word, wanted, lines in found:
            for column in range(0, columns, count):
                byte, channel = word * rows + f["output_lane"] + first + column, column
                if config.broadcast_rows > 1:
                    line, lane = divmod(column, rows)
                    byte += line * rows * (f["output_broadcast_row_step"] - 1)
                    channel = lane if f["broadcast"] else column
                    wanted = wanted and line <= lines
                yield Place(
                    word=byte // rows % (1 << address_bits),
                    lane=byte % rows,
                    real=wanted and channel <= limit,
                    begins=column == 0 or byte % rows == 0,
                    ends=column == columns - count or byte % rows == rows - count,
                )
