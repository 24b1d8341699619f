"""Whether what lies in a flash is an image for this core, and undamaged."""

import zlib
from enum import IntEnum

from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.crc import catalog
from amaranth.lib.wiring import In, Out

from ...protocol import FLASH_IMAGE_LIMIT, FlashStatus
from ..signals import reached

LENGTH_BYTES = 4
CRC_BYTES = 4

_LENGTH_BITS = FLASH_IMAGE_LIMIT.bit_length()  # the highest one is a sign
_NIBBLE = 4
_CRC = catalog.CRC32_ISO_HDLC(data_width=_NIBBLE)  # zlib's
_RESIDUE = zlib.crc32(bytes(CRC_BYTES))  # the CRC of any data and their CRC; that of no data is 0


class _Phase(IntEnum):
    """What the check is at; one bit tells where the length counts."""

    HEAD = 0b00
    SKIP = 0b01
    BODY = 0b11
    SETTLE = 0b10


class ImageCheck(wiring.Component):
    """Checks the bytes of an image: a header, its length, contents, and the CRC of all of these.

    The header is compared by its CRC, so another one passes by a chance of 2 ** -32. Takes a
    byte every other cycle.

    Parameters
    ----------
    header : bytes
        How an image begins. After it comes the length in bytes of the whole image, which is below
        ``FLASH_IMAGE_LIMIT``, in 4 bytes, the lowest first; and at the image's end zlib's CRC-32 of
        all before, likewise.

    Members
    -------
    begin : In(1)
        Begin anew. Must come first.
    i : In(stream.Signature(8))
        The image.
    ended : Out(1), status : Out(FlashStatus)
        The outcome. What these are afterwards, until the next ``begin``, means nothing.

    Raises
    ------
    ValueError
        If the header is empty or has more than 60 bytes.
    """

    def __init__(self, *, header: bytes):
        if not 1 <= len(header) <= 60:
            raise ValueError(f"Header must have 1 to 60 bytes, not {len(header)}")
        self.header = bytes(header)
        super().__init__(
            {
                "begin": In(1),
                "i": In(stream.Signature(8)),
                "ended": Out(1),
                "status": Out(FlashStatus),
            }
        )

    def elaborate(self, platform):
        m = Module()
        phase = Signal(_Phase, reset_less=True)
        head, skip, body = (phase == value for value in (_Phase.HEAD, _Phase.SKIP, _Phase.BODY))

        # A byte that is there stays until its second half, the high one, is taken in.
        half, eats, more = Signal(reset_less=True), Signal(), Signal()
        m.d.comb += [
            eats.eq(half | (self.i.valid & (head | (body & more)))),
            self.i.ready.eq(half),
        ]
        m.d.sync += half.eq(eats & ~half & ~self.begin)

        # Bytes before the body
        first = len(self.header) + LENGTH_BYTES
        passed = Signal(range(first + 1), reset_less=True)
        at_length, at_body, skipped = Signal(), Signal(), Signal()
        m.d.comb += [
            at_length.eq(head & half & (passed == len(self.header))),
            at_body.eq(head & half & reached(passed, first - 1)),
            skipped.eq(skip & reached(passed, first)),
        ]
        with m.If(self.begin | at_body):
            m.d.sync += passed.eq(0)
        with m.Elif(skip | (head & half)):
            m.d.sync += passed.eq(passed + 1)

        # The length is shifted in, but for its last byte, and counts down: first, without a byte,
        # for those that have passed and one more, then with each byte. It is negative after the
        # last one, and before that if there are less; and at once if it is beyond the limit.
        length, counts = Signal(_LENGTH_BITS, reset_less=True), Signal()
        m.d.comb += [counts.eq(skip | body), more.eq(~length[-1])]
        with m.If(skip | (half & ~at_body)):
            less_one = length + counts.replicate(_LENGTH_BITS)
            m.d.sync += length.eq(Mux(counts, less_one, Cat(length[8:], self.i.payload)))

        matches, wrong = self._add_crc(m, head, half, eats), Signal()
        nonzero = Signal(reset_less=True)  # the byte that is there, in its second half
        m.d.sync += nonzero.eq(self.i.payload.any())
        m.d.comb += wrong.eq((at_length & ~matches) | (at_body & nonzero) | (skip & ~more))
        self._add_outcome(m, wrong, matches, phase == _Phase.SETTLE)

        with m.If(self.begin):
            m.d.sync += phase.eq(_Phase.HEAD)
        with m.Elif(at_body):
            m.d.sync += phase.eq(_Phase.SKIP)
        with m.Elif(skipped):
            m.d.sync += phase.eq(_Phase.BODY)
        with m.Elif(body & ~more):
            m.d.sync += phase.eq(_Phase.SETTLE)
        return m

    def _add_crc(self, m, head, half, eats):
        """Whether the CRC was, a cycle ago, what it must be after the header or after it all."""
        # A reset, where the processor's own input would be an input of every bit's sum.
        m.submodules.crc = crc = ResetInserter(self.begin)(_CRC.create())
        matches = Signal(reset_less=True)
        m.d.comb += [
            crc.data.eq(self.i.payload.word_select(half, _NIBBLE)),
            crc.valid.eq(eats),
        ]
        m.d.sync += matches.eq(crc.crc == Mux(head, zlib.crc32(self.header), _RESIDUE))
        return matches

    def _add_outcome(self, m, wrong, matches, at_end):
        ended, outcome = Signal(reset_less=True), Signal(FlashStatus, reset_less=True)
        m.d.comb += [self.ended.eq(ended), self.status.eq(outcome)]
        m.d.sync += [
            ended.eq((wrong | at_end) & ~self.begin),
            outcome.eq(Mux(matches, FlashStatus.OK, FlashStatus.WRONG_CRC)),
        ]
        with m.If(wrong):
            m.d.sync += outcome.eq(FlashStatus.WRONG_HEADER)
