"""What the components of the core are built from: marks of a step, delays, loop counters."""

from amaranth.hdl import *
from amaranth.lib import data, wiring

# What one reduction step tells the array, in the time of row 0.
step_layout = data.StructLayout(
    {
        "valid": 1,  # multiply and accumulate
        "first": 1,  # of a tile: begin a new sum
        "last": 1,  # of a tile, whether valid or not: the sums are complete after it
        "half": 1,  # of the weight and parameter buffers that the tile uses
        "group_last": 1,  # the last tile of its group of output channels
    }
)


def idle_high(flow: wiring.Flow) -> wiring.Member:
    """A port of one bit that is 1 from the start, and where nothing is connected."""
    # The stubs have the keyword of Amaranth 0.4, "reset".
    return flow(1, init=1)  # type: ignore[call-arg]


def delayed(m: Module, value, cycles: int, *, name: str, init=None):
    """``value`` as it was ``cycles`` cycles ago. Without ``init`` the registers have no reset."""
    for index in range(cycles):
        if init is None:
            stage = Signal.like(value, name=f"{name}_{index + 1}", reset_less=True)
        else:
            stage = Signal.like(value, name=f"{name}_{index + 1}", init=init)
        m.d.sync += stage.eq(value)
        value = stage
    return value


def reached(count: Value, target: int) -> Value:
    """Whether a counter that counts up from 0 is at ``target`` for the first time.

    Only the bits that are set in ``target`` are compared.
    """
    return Cat(bit for index, bit in enumerate(count) if target >> index & 1).all()


def advanced(value: Value, step, *, load, loaded) -> Value:
    """``Mux(load, loaded, value + step)``, as wide as ``value``, in one cell of an iCE40 a bit.

    A cell adds one bit. It has two inputs to spare where ``step`` has no bit, but one of them is an
    operand of the carry as well. So ``load`` is that operand: what is added while it is set does
    not matter, since the sum is not chosen then.
    """
    step = Value.cast(step)
    operand = Cat(step, load.replicate(len(value) - len(step)))
    return Mux(load, loaded, (value + operand)[: len(value)])


def at_least(value: Value, inverted: Value) -> Value:
    """Whether ``value`` is at least what ``inverted`` is the complement of, both unsigned.

    An iCE40's carry takes its operands as they come. A comparison of two of them inverts one, which
    takes a cell a bit; where a register holds the complement it takes none.
    """
    width = max(len(value), len(inverted))
    return (Cat(C(1, 1), value) + Cat(C(1, 1), inverted))[width + 1]


class LoopCounter:
    """Counts the iterations of a loop, again and again. Its trip count is ``less_one + 1``.

    ``value`` is minus the iterations that are left, the present one included: from minus the trip
    count to -1, modulo. So the last iteration needs no comparison with the trip count, and ``last``
    is a register: in nested loops, comparisons would add up along one path. For the same reason
    ``last_then``, which is what ``last`` becomes with a ``restart`` or else with an ``advance``,
    does not depend on ``advance``.

    ``restart`` must be set once after ``less_one`` has changed, one cycle later or more.
    """

    def __init__(self, m: Module, less_one: Value, *, advance, restart, name: str):
        self.value = Signal(len(less_one), name=name, reset_less=True)
        self.last = Signal(name=f"{name}_last", reset_less=True)
        self.last_then = Signal(name=f"{name}_last_then")
        single = Signal(name=f"{name}_single", reset_less=True)
        m.d.sync += single.eq(less_one == 0)
        again = Signal(name=f"{name}_again")
        m.d.comb += [
            again.eq(restart | self.last),
            self.last_then.eq(Mux(again, single, ~self.value == 1)),
        ]
        with m.If(restart | advance):
            m.d.sync += [
                self.value.eq(advanced(self.value, C(1, 1), load=again, loaded=~less_one)),
                self.last.eq(self.last_then),
            ]
