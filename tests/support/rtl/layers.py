"""Random layers as descriptors have them, and their loops as plain Python walks them."""

from collections.abc import Iterator, Mapping
from random import Random

from accel.isa import COORDINATE_BITS, Isa


def random_fields(isa: Isa, rng: Random, *, broadcast: bool = False) -> dict[str, int]:
    """A layer of few and short loops, with any steps, that goes over its input's edges; it makes
    codes of its own sums alone."""
    config = isa.config
    fields = {
        name: rng.getrandbits(shape.width)
        for name, shape in isa.descriptor
        if name not in ("next", "last", "dma")
    }
    fields |= dict.fromkeys(("keep_sums", "add_sums") & fields.keys(), 0)
    # The taps of a broadcast layer fill all rows; a run of them may lack one that no row needs.
    shortest = config.rows - fields.get("stride2_skip", 0)
    taps = rng.randint(shortest, config.rows + 2) if broadcast else rng.randint(1, 3)
    outer_taps = rng.randint(2 if broadcast and taps < config.rows else 1, 3)
    return fields | {
        "broadcast": int(broadcast),
        "shared": int(rng.random() < 0.2),
        "blocks_less_one": 0 if broadcast else rng.choice([0, 0, 1, 2]),
        "inner_taps_less_one": taps - 1,
        "outer_taps_less_one": outer_taps - 1,
        "run_less_one": rng.randrange(7),
        "runs_less_one": rng.randrange(4),
        "groups_less_one": rng.randrange(4),
        "inner_size_negated": (1 << COORDINATE_BITS) - rng.randint(1, 9),
        "outer_size_negated": (1 << COORDINATE_BITS) - rng.randint(1, 9),
        "inner_origin": (taps - rng.randrange(3)) % (1 << COORDINATE_BITS),
        "outer_origin": (outer_taps - rng.randrange(3)) % (1 << COORDINATE_BITS),
        "inner_stride": rng.randint(1, 3),
        "outer_stride": rng.randint(1, 3),
    }


def taps(f: Mapping[str, int]) -> Iterator[tuple[int, int, int]]:
    """Word offset, and inner and outer coordinate less those of the window's end, of each tap."""
    counts = [f[f"{name}_less_one"] + 1 for name in ("outer_taps", "inner_taps", "blocks")]
    offset = 0
    for outer in range(-counts[0], 0):
        for inner in range(-counts[1], 0):
            for block in range(counts[2]):
                yield offset, inner, outer
                if block < counts[2] - 1:
                    offset += 1
            offset += f["tap_inner_step"] if inner < -1 else f["tap_outer_step"]


def positions(f: Mapping[str, int], group: int) -> list[tuple[int, int, int]]:
    """Word address and coordinates of the window's end of each output position of a group."""
    address = f["input_base"] + group * f["input_group_step"]
    found = []
    for outer in range(f["runs_less_one"] + 1):
        for inner in range(f["run_less_one"] + 1):
            x = f["inner_origin"] + inner * f["inner_stride"]
            found.append((address, x, f["outer_origin"] + outer * f["outer_stride"]))
            last = inner == f["run_less_one"]
            address += f["position_outer_step" if last else "position_inner_step"]
    return found


def is_outside(f: Mapping[str, int], inner: int, outer: int) -> bool:
    """Whether coordinates, which are modulo, are none of the input's."""
    span = 1 << COORDINATE_BITS
    inside = (inner % span + f["inner_size_negated"], outer % span + f["outer_size_negated"])
    return max(inside) >= span
