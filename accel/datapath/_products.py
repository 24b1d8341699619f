"""Claims about all products of a processing element, in random order, and about its latency."""

import random
from collections.abc import Iterator

from amaranth.sim import Simulator

from accel.config import AcceleratorConfig
from accel.core.pe import element_of

from ._claim import Claim
from ._ports import created

_PERIOD = 1e-6
_MORE_CYCLES = 8  # after the stated latency in which a late product is looked for

Operands = tuple[list[int], list[int]]  # of a cycle: activations and weight codes, row-major


def claims(config: AcceleratorConfig) -> Iterator[Claim]:
    """Every activation with every weight; and every byte of several with every other, if it has
    such."""
    yield claim(config)
    if config.number_format.sub_byte:
        yield claim(config, sub_byte=True)


def claim(config: AcceleratorConfig, sub_byte: bool = False) -> Claim:
    """Every activation with every weight, each pair on some of the array's products."""
    number, latency = config.number_format, element_of(config).latency(config)
    pairs = len(number.activations) * len(number)
    what = "each product"
    if sub_byte and number.sub_byte:
        what = f"each sum of {number.sub_byte.packing_factor} sub-byte products"
    return Claim(
        what=f"{what} is the format's, {latency} cycles after its operands",
        how=f"all {pairs:,} pairs, family {config.family}",
        problem=_problem(config, latency, sub_byte),
    )


def _problem(config: AcceleratorConfig, latency: int, sub_byte: bool = False) -> str:
    cycles = list(_cycles(config, random.Random(1)))
    number = config.number_format
    product = number.sub_byte.dot if sub_byte and number.sub_byte else number.product
    expected = [[int(product(a, b)) for a, b in zip(*step, strict=True)] for step in cycles]
    try:
        seen = _simulated(config, cycles, latency + _MORE_CYCLES, sub_byte)
    except Exception as problem:  # noqa: BLE001 -- a user's own code
        return f"simulation raised {type(problem).__name__}: {problem}"
    if seen[latency:][: len(expected)] == expected:
        return ""
    for other in range(latency + _MORE_CYCLES + 1):
        if seen[other:][: len(expected)] == expected:
            return f"products come {other} cycles after their operands, not the stated {latency}"
    for step, wanted, found in zip(cycles, expected, seen[latency:], strict=False):
        for k, (a, b) in enumerate(zip(*step, strict=True)):
            if wanted[k] != found[k]:
                wrong = sum(
                    w != f
                    for some, others in zip(expected, seen[latency:], strict=False)
                    for w, f in zip(some, others, strict=True)
                )
                row, column = divmod(k, config.columns)
                return (
                    f"an activation of {a} and the weight {_weight(config, b)} give {found[k]}, "
                    f"not "
                    f"{wanted[k]}, in row {row}, column {column} of {config.rows}x{config.columns} "
                    f"(and {wrong - 1:,} more)"
                )
    return "there are fewer products than operands"


def _weight(config: AcceleratorConfig, code: int) -> str:
    number = config.number_format
    weight = int(number.values[number.codes == code][0])
    return str(weight) if weight == code else f"{weight} (code {code})"


def _cycles(config: AcceleratorConfig, rng: random.Random) -> Iterator[Operands]:
    """Operands for each cycle, with the structure that the array gives them.

    In a row, columns ``rows`` apart have the same activation. In a column, each row has the weight
    that the row above had a cycle before.
    """
    number, rows, columns = config.number_format, config.rows, config.columns
    different = min(rows, columns)  # activations of a row in one cycle
    # Columns with one activation have weights that meet an activation in each row.
    jobs = []
    for codes in _parts(number.codes.tolist(), -(-columns // rows), rng):
        activations = _parts(number.activations.tolist(), rows, rng)
        jobs += [(some, codes) for some in activations]
    rng.shuffle(jobs)
    jobs += jobs[: -len(jobs) % different]
    steps = [jobs[start : start + different] for start in range(0, len(jobs), different)]
    places = [divmod(k, columns) for k in range(rows * columns)]
    for time in range(len(steps)):
        chosen = [(r, steps[time - r][c % rows], c // rows) for r, c in places]
        yield [some[r] for r, (some, _), _ in chosen], [codes[at] for _, (_, codes), at in chosen]


def _parts(values: list[int], size: int, rng: random.Random) -> list[list[int]]:
    """All values in random order, in lists of ``size``; some come twice to fill the last list."""
    rng.shuffle(values)
    values += values[: -len(values) % size]
    return [values[start : start + size] for start in range(0, len(values), size)]


def _simulated(
    config: AcceleratorConfig, cycles: list[Operands], more: int, sub_byte: bool
) -> list[list[int]]:
    """The products before each clock edge, for ``more`` cycles after the last operands."""
    dut = created(config)
    carries = "carry" in dut.signature.members
    seen = []

    def products(ctx) -> list[int]:
        found = [ctx.get(dut.p[k]) for k in range(config.rows * config.columns)]
        return [p + ctx.get(dut.carry[k]) for k, p in enumerate(found)] if carries else found

    async def bench(ctx) -> None:
        if sub_byte:
            ctx.set(dut.sub_byte, 1)
        # Before it is looked at, all rows have had weights of the rows above.
        before = config.rows - 1
        for time in range(-before, len(cycles) + more):
            activations, codes = cycles[time % len(cycles)]
            ctx.set(dut.a, activations)
            ctx.set(dut.b, codes)
            if time >= 0:
                seen.append(products(ctx))
            await ctx.tick()
        seen.append(products(ctx))

    simulator = Simulator(dut)
    simulator.add_clock(_PERIOD)
    simulator.add_testbench(bench)
    simulator.run()
    return seen
