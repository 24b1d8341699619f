"""When tiles begin, group by group."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ...isa import Isa
from ..signals import LoopCounter, delayed
from ..signatures import LayerControl, TileControl


class TileStart(wiring.Component):
    """Begins a tile once the weights of its group are loaded and the spacing allows it.

    Within a group the next tile follows without a pause, but where memory is shared. Between groups
    there is a pause of a cycle, in which the loops start over.

    Timing: ``tiles.busy`` is set from the cycle after ``begin`` to that of ``tile_last``;
    ``group_passed`` comes one cycle after a group's last tile.

    Members
    -------
    layer : In(LayerControl), tiles : In(TileControl)
        As `TileLoops` has them.
    share : In(1)
        There is a cycle without a read between two tiles.
    open : In(1), begin : Out(1)
        The spacing allows a tile; one begins in the next cycle.
    tile_last : In(1), exhausted : In(1)
        The last cycle of a tile; its group has no position after it.
    half : Out(1)
        Of the weight buffer, for the tile that is in progress.
    group_passed : Out(1)
        A group ended in the cycle before.
    """

    def __init__(self, config: AcceleratorConfig):
        super().__init__(
            {
                "layer": In(LayerControl(Isa(config))),
                "tiles": In(TileControl()),
                "share": In(1),
                "open": In(1),
                "begin": Out(1),
                "tile_last": In(1),
                "exhausted": In(1),
                "half": Out(1),
                "group_passed": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        d, start = self.layer.descriptor, self.layer.start
        active, busy = Signal(), self.tiles.busy
        group_end, group_last = Signal(), Signal()

        # A half whose group is done counts as ready until the drain has released it.
        done = Signal(2)
        ended = group_end & ~d.shared
        m.d.sync += done.eq((done | (ended << self.half)) & self.tiles.ready)
        ready = (self.tiles.ready & ~done).bit_select(self.half, 1)

        following = Mux(busy, self.tile_last & ~self.exhausted & ~self.share, active & ready)
        m.d.comb += [
            self.begin.eq(following & self.open),
            group_end.eq(self.tile_last & self.exhausted),
            self.tiles.waiting_weights.eq(active & ~busy & ~ready),
            self.tiles.waiting_drain.eq(active & ~busy & ready & ~self.open),
        ]
        m.d.sync += [
            busy.eq(self.begin | (busy & ~self.tile_last)),
            active.eq(start | (active & ~(group_end & group_last))),
            self.half.eq((self.half ^ ended) & ~start),
            self.group_passed.eq(group_end),
        ]
        groups = LoopCounter(
            m,
            d.groups_less_one,
            advance=self.group_passed,
            restart=delayed(m, start, 1, name="started", init=0),
            name="group",
        )
        m.d.comb += group_last.eq(groups.last)
        return m
