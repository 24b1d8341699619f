"""All products of a processing element, in random order, and after how many cycles they come."""

import random
from collections.abc import Iterator

from amaranth.sim import Simulator

from accel.config import AcceleratorConfig
from accel.core.pe import element_of

from ._claim import Claim

_PERIOD = 1e-6
_MORE_CYCLES = 8  # behind the stated latency in which a late product is looked for

Operands = tuple[list[int], list[int]]  # of a cycle: activations and weight codes, row-major


def claim(config: AcceleratorConfig) -> Claim:
    """Every activation with every weight, each on some of the array's products."""
    number, latency = config.number_format, element_of(config).latency(config)
    pairs = len(number.activations) * len(number)
    return Claim(
        what=f"each product is the format's, {latency} cycles behind its operands",
        how=f"all {pairs:,} pairs, family {config.family}",
        problem=_problem(config, latency),
    )


def _problem(config: AcceleratorConfig, latency: int) -> str:
    cycles = list(_cycles(config, random.Random(1)))
    product = config.number_format.product
    expected = [[int(product(a, b)) for a, b in zip(*step, strict=True)] for step in cycles]
    try:
        seen = _simulated(config, cycles, latency + _MORE_CYCLES)
    except Exception as problem:  # noqa: BLE001 -- a user's own code
        return f"simulation raised {type(problem).__name__}: {problem}"
    if seen[latency:][: len(expected)] == expected:
        return ""
    for other in range(latency + _MORE_CYCLES + 1):
        if seen[other:][: len(expected)] == expected:
            return f"products come {other} cycles behind their operands, not the stated {latency}"
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
                    f"an activation of {a} and the weight {_weight(config, b)} give {found[k]}, not "
                    f"{wanted[k]}, in row {row}, column {column} of {config.rows}x{config.columns} "
                    f"(and {wrong - 1:,} more)"
                )
    return "there are fewer products than operands"


def _weight(config: AcceleratorConfig, code: int) -> str:
    number = config.number_format
    weight = int(number.values[number.codes == code][0])
    return str(weight) if weight == code else f"{weight} (code {code})"


def _cycles(config: AcceleratorConfig, rng: random.Random) -> Iterator[Operands]:
    """Operands as the array gives them: in a row, columns ``rows`` apart have the same activation."""
    number, rows, columns = config.number_format, config.rows, config.columns
    lanes = min(rows, columns)
    together = -(-columns // rows)
    jobs = []
    for activation in number.activations.tolist():
        codes = number.codes.tolist()
        rng.shuffle(codes)
        codes += codes[: -len(codes) % together]
        jobs += [(activation, codes[i : i + together]) for i in range(0, len(codes), together)]
    rng.shuffle(jobs)
    jobs += jobs[: -len(jobs) % (rows * lanes)]
    for start in range(0, len(jobs), rows * lanes):
        step = jobs[start : start + rows * lanes]
        chosen = [
            (step[r * lanes + c % rows], c // rows) for r in range(rows) for c in range(columns)
        ]
        yield [a for (a, _), _ in chosen], [codes[at] for (_, codes), at in chosen]


def _simulated(config: AcceleratorConfig, cycles: list[Operands], more: int) -> list[list[int]]:
    """The products before each cycle's clock edge, for some cycles more than there are operands."""
    dut = element_of(config).create(config, True)
    count = config.rows * config.columns
    seen = []

    async def bench(ctx) -> None:
        for activations, codes in [*cycles, *[cycles[0]] * more]:
            ctx.set(dut.a, activations)
            ctx.set(dut.b, codes)
            products = ctx.get(dut.p)
            seen.append([products[k] for k in range(count)])
            await ctx.tick()
        products = ctx.get(dut.p)
        seen.append([products[k] for k in range(count)])

    simulator = Simulator(dut)
    simulator.add_clock(_PERIOD)
    simulator.add_testbench(bench)
    simulator.run()
    return seen
