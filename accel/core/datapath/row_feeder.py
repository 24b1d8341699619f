"""From words of activation memory to the activation that each multiplier takes."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..primitives.family import Family, check_family
from ..primitives.fanout import fan_out
from ..primitives.ice40 import chosen


def latency_of(family: Family) -> int:
    """Cycles from a word to the operands: on the ECP5 each row has registers of its own for what
    comes to all rows."""
    return 1 if check_family(family) == "ecp5" else 0


class RowFeeder(wiring.Component):
    """Gives every row its bytes in turn, or all rows the same word.

    A word that is read for row ``r`` holds ``rows`` channels of that row's position. The row takes
    byte 0 in the cycle in which the word arrives and the others in the cycles after it, while the
    words of the other rows arrive: one word a cycle feeds all rows, each a cycle later than the one
    above, which is just the skew that the array needs. In a broadcast layer column ``c`` of every
    row takes byte ``c`` of the word.

    Parameters
    ----------
    rows, columns
        Size of the array.
    activation_shape
        Shape of an activation; a word has ``rows`` bytes.
    family, simulate
        On the ECP5 rows have registers of their own, in simulation one for all.

    Members
    -------
    word : In(8 * rows), or_pad : In(8)
        The word that arrives, once ``or_pad`` is ORed to each of its bytes; on the ECP5 the word
        as it is. See `Padding`.
    load : In(rows)
        The row that it is for, a bit each.
    broadcast : In(1)
        It is for all rows.
    o : Out(ArrayLayout(activation_shape, rows * columns))
        Operands in row-major order, ``latency`` cycles later.
    """

    def __init__(
        self,
        *,
        rows: int,
        columns: int,
        activation_shape,
        family: Family = "generic",
        simulate: bool = False,
    ):
        self.rows = rows
        self.columns = columns
        self.family = family
        self.simulate = simulate
        self.latency = latency_of(family)
        super().__init__(
            {
                "word": In(data.ArrayLayout(activation_shape, rows)),
                "or_pad": In(Shape.cast(activation_shape).width),
                "load": In(rows),
                "broadcast": In(1),
                "o": Out(data.ArrayLayout(activation_shape, rows * columns)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        self._or_pad = C(0, len(self.or_pad)) if self.latency else self.or_pad
        after = data.ArrayLayout(self.word.shape().elem_shape, self.rows - 1)
        for r, (word, load, broadcast) in enumerate(self._for_rows(m)):
            waiting = Signal(after, name=f"waiting_{r}", reset_less=True)
            arrived = [word[b] | self._or_pad for b in range(1, self.rows)]
            shifted = [*(waiting[b] for b in range(1, self.rows - 1)), waiting[0]]
            for b in range(self.rows - 1):
                m.d.sync += waiting[b].eq(Mux(load, arrived[b], shifted[b]))

            # Byte 0 of a word for all rows comes to every row like that of its own words.
            own = self._chosen(m, f"own_{r}", load | broadcast, word[0], waiting[0])
            for c in range(self.columns):
                taken = own
                if c % self.rows:
                    taken = self._chosen(m, f"taken_{r}_{c}", broadcast, word[c % self.rows], own)
                m.d.comb += self.o[r * self.columns + c].eq(taken)
        return m

    def _chosen(self, m, name, choose, one, other):
        return chosen(
            m, name, choose, one, self._or_pad, other, family=self.family, simulate=self.simulate
        )

    def _for_rows(self, m):
        """Word, load and broadcast of each row."""
        if not self.latency:
            return [(self.word, self.load[r], self.broadcast) for r in range(self.rows)]
        words, broadcasts = (
            fan_out(m, value, self.rows, family=self.family, simulate=self.simulate, name=name)
            for value, name in ((self.word.as_value(), "word"), (self.broadcast, "broadcast"))
        )
        load = Signal.like(self.load, name="row_load", reset_less=True)
        m.d.sync += load.eq(self.load)
        layout = self.word.shape()
        return [(data.View(layout, words[r]), load[r], broadcasts[r]) for r in range(self.rows)]
