"""From words of activation memory to the activation that each multiplier takes."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out


class RowFeeder(wiring.Component):
    """Gives every row its bytes in turn, or all rows the same word.

    A word that is read for row ``r`` holds ``rows`` channels of that row's position. The row takes
    byte 0 in the cycle in which the word arrives and the others in the cycles behind it, while the
    words of the other rows arrive: one word a cycle feeds all rows, each a cycle later than the one
    above, which is just the skew that the array wants. In a broadcast layer column ``c`` of every
    row takes byte ``c`` of the word.

    Parameters
    ----------
    rows, columns
        Size of the array.
    activation_shape
        Shape of an activation; a word has ``rows`` bytes.

    Members
    -------
    word : In(8 * rows)
        The word that arrives.
    load : In(rows)
        The row that it is for, a bit each.
    broadcast : In(rows)
        It is for all rows, as each of them is told.
    o : Out(ArrayLayout(activation_shape, rows * columns))
        Operands in row-major order, in the cycle of the word.
    """

    def __init__(self, *, rows: int, columns: int, activation_shape):
        self.rows = rows
        self.columns = columns
        super().__init__(
            {
                "word": In(data.ArrayLayout(activation_shape, rows)),
                "load": In(rows),
                "broadcast": In(rows),
                "o": Out(data.ArrayLayout(activation_shape, rows * columns)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        behind = data.ArrayLayout(self.word.shape().elem_shape, self.rows - 1)
        for r in range(self.rows):
            load = self.load[r]
            waiting = Signal(behind, name=f"waiting_{r}", reset_less=True)
            arrived = [self.word[b] for b in range(1, self.rows)]
            shifted = [*(waiting[b] for b in range(1, self.rows - 1)), waiting[0]]
            for b in range(self.rows - 1):
                m.d.sync += waiting[b].eq(Mux(load, arrived[b], shifted[b]))

            # Byte 0 of a word for all rows comes to every row like that of its own words.
            own = Mux(load | self.broadcast[r], self.word[0], waiting[0])
            for c in range(self.columns):
                shared = self.word[c % self.rows]
                taken = Mux(self.broadcast[r], shared, own) if c % self.rows else own
                m.d.comb += self.o[r * self.columns + c].eq(taken)
        return m
