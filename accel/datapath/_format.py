"""Claims about a number format: weights survive packing, and all ways to compute a product
agree."""

import operator
from collections.abc import Iterator

import numpy as np
from amaranth.hdl import Module, Signal, signed
from amaranth.sim import Simulator

from accel.numeric.formats import NumberFormat

from ._claim import Claim


def claims(number: NumberFormat) -> Iterator[Claim]:
    """The claims about one format."""
    yield Claim(
        what=f"{len(number)} weights in {number.weight_bits} bits come back from memory",
        how="all weights",
        problem=_packing(number),
    )
    same = "the product is the same of integers, arrays and Amaranth values"
    if number.product is operator.mul:
        yield Claim(what=same, how="it is Python's *")
        return
    pairs = len(number.activations) * len(number)
    yield Claim(what=same, how=f"all {pairs:,} pairs", problem=_product(number))


def _packing(number: NumberFormat) -> str:
    weights = np.concatenate([number.values, number.values[::-1]])
    back = number.unpack(int(number.pack(weights)), len(weights))
    for weight, found in zip(weights.tolist(), back, strict=True):
        if weight != found:
            return f"a weight of {weight} comes back as {found}"
    return ""


def _product(number: NumberFormat) -> str:
    pairs = [(a, c) for a in number.activations.tolist() for c in number.codes.tolist()]
    arrays = np.asarray(number.product(*np.array(pairs, np.int64).T)).tolist()
    try:
        integers = [int(number.product(a, c)) for a, c in pairs]
    except Exception as problem:  # noqa: BLE001 -- a user's own code
        return f"product of integers raised {type(problem).__name__}: {problem}"
    try:
        values = _simulated(number, pairs)
    except Exception as problem:  # noqa: BLE001 -- a user's own code
        return f"product of Amaranth values raised {type(problem).__name__}: {problem}"
    for (a, c), of_integers, of_arrays, of_values in zip(
        pairs, integers, arrays, values, strict=True
    ):
        if not of_integers == of_arrays == of_values:
            return (
                f"an activation of {a} and the weight code {c} give {of_integers} of integers, "
                f"{of_arrays} of arrays and {of_values} of Amaranth values"
            )
    return ""


def _simulated(number: NumberFormat, pairs: list[tuple[int, int]]) -> list[int]:
    """The product as a circuit, of as many bits as the format says."""
    a, b = Signal(signed(number.activation_bits)), Signal(signed(number.weight_bits))
    p = Signal(signed(number.product_bits))
    product = number.product(a, b)
    m = Module()
    m.d.comb += p.eq(product)
    found = []

    async def bench(ctx) -> None:
        for activation, code in pairs:
            ctx.set(a, activation)
            ctx.set(b, code)
            found.append(ctx.get(p))

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
    return found
