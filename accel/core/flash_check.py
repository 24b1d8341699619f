"""Whether what lies in a flash is an image for this core, and undamaged."""

import zlib

from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..protocol import FlashStatus

LENGTH_BYTES = 4
CRC_BYTES = 4

LENGTH_LIMIT = 1 << 23
"""An image is shorter than this."""

_POLYNOMIAL = 0xEDB88320  # CRC-32 as in zlib: reflected, from all ones, inverted at the end
_ONES = 0xFFFFFFFF
_LENGTH_BITS = 24
_NIBBLE = 4


class _Phase:
    HEAD, SKIP, BODY, SETTLE = range(4)


class ImageCheck(wiring.Component):
    """Checks the bytes of an image: a header, its length, contents, and the CRC of all of these.

    The header is compared by its CRC, so another one passes by a chance of 2 ** -32. Takes a byte
    every other cycle.

    Parameters
    ----------
    header : bytes
        How an image begins. Behind it comes the length in bytes of the whole image, 4 bytes, the
        lowest first.

    Members
    -------
    begin : In(1)
        Begin anew.
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
        phase, half = Signal(2), Signal()
        head = phase == _Phase.HEAD
        wrong, taken = Signal(), Signal()

        # Bytes up to the body, the length's among them; counted twice, see below.
        first = len(self.header) + LENGTH_BYTES - 1
        left = Signal(range(first + 1), init=first)
        with m.If((phase == _Phase.SKIP) | (head & taken)):
            m.d.sync += left.eq(Mux(left == 0, first, left - 1))

        # The length is shifted in and then counts down. That it covers the bytes which have passed
        # is seen by counting them once more.
        length, any_left, counts = Signal(_LENGTH_BITS), Signal(), Signal()
        less_one = Signal(_LENGTH_BITS)
        m.d.comb += [
            counts.eq(~head),
            Cat(less_one, any_left).eq(length + counts.replicate(_LENGTH_BITS)),
        ]
        with m.If(taken | (phase == _Phase.SKIP)):
            shifted = Cat(length[8:], self.i.payload)
            with m.If(counts | (left != 0)):
                m.d.sync += length.eq(Mux(counts, less_one, shifted))

        # Low half of a byte first
        eats, matches = Signal(), Signal()
        crc = Signal(32, init=_ONES)
        mixed = Signal(_NIBBLE)
        m.d.comb += [
            mixed.eq(crc[:_NIBBLE] ^ self.i.payload.word_select(half, _NIBBLE)),
            eats.eq(self.i.valid & (head | ((phase == _Phase.BODY) & any_left))),
            taken.eq(eats & half),
            self.i.ready.eq(taken),
        ]
        with m.If(eats):
            m.d.sync += [crc.eq(_crc_step(crc, mixed)), half.eq(~half)]
        m.d.sync += matches.eq(crc == Mux(head, _register(self.header), _residue()))

        m.d.comb += wrong.eq(
            (head & taken & (left == LENGTH_BYTES - 1) & ~matches)
            | (head & taken & (left == 0) & (self.i.payload.any() | length[-1]))
            | ((phase == _Phase.SKIP) & ~any_left)
        )
        with m.If((left == 0) & ((head & taken) | (phase == _Phase.SKIP))):
            m.d.sync += phase.eq(phase + 1)
        with m.If((phase == _Phase.BODY) & ~any_left):
            m.d.sync += phase.eq(_Phase.SETTLE)
        with m.If(self.begin):
            m.d.sync += [phase.eq(_Phase.HEAD), half.eq(0), left.eq(first), crc.eq(_ONES)]

        passed = Mux(matches, FlashStatus.OK, FlashStatus.WRONG_CRC)
        m.d.comb += [
            self.ended.eq(wrong | (phase == _Phase.SETTLE)),
            self.status.eq(Mux(wrong, FlashStatus.WRONG_HEADER, passed)),
        ]
        return m


def _register(data: bytes) -> int:
    """What the CRC's register holds behind ``data``."""
    return zlib.crc32(data) ^ _ONES


def _residue() -> int:
    """What it holds behind any data and their CRC."""
    return _register(bytes(CRC_BYTES))  # the CRC of no data is 0


def _crc_of_nibble(nibble: int) -> int:
    for _ in range(_NIBBLE):
        nibble = nibble >> 1 ^ (_POLYNOMIAL if nibble & 1 else 0)
    return nibble


def _crc_step(crc: Value, mixed: Value) -> Value:
    """The register after four more bits, given its low ones mixed with them."""
    value = Cat(crc[_NIBBLE:], C(0, _NIBBLE))
    for index in range(_NIBBLE):
        value ^= Mux(mixed[index], _crc_of_nibble(1 << index), 0)
    return value
