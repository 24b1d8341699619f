"""Walks the tiles of a layer: one read and one reduction step a cycle."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import BANKS, AcceleratorConfig
from ...isa import Isa
from ..signals import step_layout
from ..signatures import ActivationPort, LayerControl, TileControl
from .position_loops import PositionLoops
from .read_address import ReadAddress
from .tap_loops import TapLoops
from .tile_spacing import TileSpacing
from .tile_start import TileStart


class TileLoops(wiring.Component):
    """Walks the groups of a layer, their tiles, and the reduction steps of each tile.

    A tile is ``rows`` output positions of one group of output channels. Once begun it never stalls.
    It begins when the group's weights are loaded and when the previous tile's results will have
    left the array in time. In each cycle of a tile the word for one row is read; after ``rows``
    cycles each row has its next word, so a tap's block takes ``rows`` cycles. In a broadcast layer
    the word is for all rows and a tap takes one cycle; the last ``rows - 1`` taps of a run, which
    only the other rows need, are no valid steps.

    Timing: the address comes one cycle after the step that it belongs to, ``outside`` two.

    Members
    -------
    layer : In(LayerControl)
        The layer.
    tiles : In(TileControl)
        Which halves of the weight buffer hold their group; whether a tile is in progress.
    share : In(BANKS)
        Banks of which layers that read them leave cycles free, see `TapLoops`; stable during a
        layer.
    read : Out(ActivationPort)
        Reads of the input bank: ``coming`` with the step, the address a cycle later.
    outside : Out(1)
        The read was outside the input, so its data are to be replaced by padding.
    slot : Out(range(rows)), step : Out(step_layout)
        The row that the read is for, and the reduction step, in the time of row 0.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        isa = Isa(config)
        super().__init__(
            {
                "layer": In(LayerControl(isa)),
                "tiles": In(TileControl()),
                "share": In(BANKS),
                "read": Out(ActivationPort(isa)),
                "outside": Out(1),
                "slot": Out(range(config.rows)),
                "step": Out(step_layout),
            }
        )

    def elaborate(self, platform):
        m = Module()
        d, busy = self.layer.descriptor, self.tiles.busy
        m.submodules.start = start = TileStart(self.config)
        m.submodules.spacing = spacing = TileSpacing(self.config)
        m.submodules.taps = taps = TapLoops(self.config)
        m.submodules.positions = positions = PositionLoops(self.config)
        m.submodules.address = address = ReadAddress(self.config)
        wiring.connect(m, wiring.flipped(self.layer), start.layer, taps.layer, positions.layer)
        wiring.connect(m, wiring.flipped(self.tiles), start.tiles)
        share = Signal()
        m.d.sync += share.eq(self.share.bit_select(d.input_bank, 1))
        m.d.comb += [
            start.share.eq(share),
            taps.share.eq(share),
            address.pause.eq(taps.pause),
            start.open.eq(spacing.open),
            start.tile_last.eq(taps.tile_last),
            start.exhausted.eq(positions.exhausted),
            spacing.residual.eq(d.residual),
            *([spacing.sums.eq(d.keep_sums | d.add_sums)] if self.config.keeps_sums else []),
            spacing.start.eq(self.layer.start),
            spacing.begin.eq(start.begin),
            taps.busy.eq(busy),
            positions.group_passed.eq(start.group_passed),
            positions.advance.eq(busy & taps.advancing),
            address.position.eq(positions.position),
            address.take.eq(taps.first_block),
            address.broadcast.eq(d.broadcast),
            address.inner_size_negated.eq(d.inner_size_negated),
            address.outer_size_negated.eq(d.outer_size_negated),
            address.offset.eq(taps.offset),
            address.inner.eq(taps.inner),
            address.outer.eq(taps.outer),
        ]
        m.d.comb += [
            self.read.coming.eq(busy & ~taps.pause),
            self.read.bank.eq(d.input_bank),
            self.read.address.eq(address.address),
            self.outside.eq(address.outside),
            self.slot.eq(taps.slot),
            self.step.valid.eq(busy & ~taps.idle),
            self.step.first.eq(taps.first),
            self.step.last.eq(taps.tile_last),
            self.step.half.eq(start.half),
            self.step.group_last.eq(positions.exhausted),
        ]
        return m
