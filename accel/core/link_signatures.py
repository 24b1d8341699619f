"""The interfaces between the link and the other components of the core, from the link's side."""

from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from ..config import BANKS, AcceleratorConfig
from ..isa import Isa
from ..protocol import ALL_LAYERS, COUNT_BITS, HEADER, NO_LIMIT, FlashStatus, Outcome


class RunControl(wiring.Signature):
    """The link begins and aborts runs.

    Members
    -------
    start : Out(1), layers : Out, limit : Out, share : Out(BANKS)
        Run the chunk at the sequencer's pointer; the run's limits, see `RunGuard`; banks of which
        layers that read them leave cycles free.
    shared_layers : Out
        So many layers do, and all of them for `protocol.ALL_LAYERS`.
    free : In(1), take : Out(1)
        A place is free, or nothing runs; one has been written.
    band : Out(1)
        A band is whole.
    abort : Out(1)
        End the run if there is one.
    busy : In(1), outcome : In(Outcome)
        There is one; how the last one ended.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "start": Out(1),
                "layers": Out(COUNT_BITS),
                "limit": Out(bits_for(NO_LIMIT)),
                "share": Out(BANKS),
                "shared_layers": Out(bits_for(ALL_LAYERS)),
                "free": In(1),
                "take": Out(1),
                "band": Out(1),
                "abort": Out(1),
                "busy": In(1),
                "outcome": In(Outcome),
            }
        )


class HostMemory(wiring.Signature):
    """The link uses the sequencer's pointer while no program runs.

    Members
    -------
    set : Out(1), location : Out
        Set the pointer, laid out as `Isa.pointer` has it.
    access, advance : Out(1)
        Read the word at the pointer; move the pointer to the next word.
    """

    def __init__(self, config: AcceleratorConfig) -> None:
        location = Out(Isa(config).pointer.size)
        super().__init__({"set": Out(1), "location": location, "access": Out(1), "advance": Out(1)})


class HostWrite(wiring.Signature):
    """The link writes a word as soon as nobody else is about to access its bank.

    Members
    -------
    valid : Out(1), location : Out(Isa.location), data : Out(word_bits)
        A word to write there. It may be written in the cycle after.
    taken : In(1)
        It is written in this cycle.
    """

    def __init__(self, config: AcceleratorConfig) -> None:
        super().__init__(
            {
                "valid": Out(1),
                "location": Out(Isa(config).location),
                "data": Out(config.word_bits),
                "taken": In(1),
            }
        )


class CounterPort(wiring.Signature):
    """The link reads the counters while nothing is counted.

    Members
    -------
    bit : In(1), next : Out(1)
        The lowest bit of the counters; rotate them so that the next bit is the lowest.
    """

    def __init__(self) -> None:
        super().__init__({"bit": In(1), "next": Out(1)})


class LineRate(wiring.Signature):
    """The link sets the rate of a serial line, which falls back where no good frame comes.

    Members
    -------
    bit : Out, apply : Out(1)
        How long a bit is, as `host_link.uart.bit_length` has it; valid once nothing is being sent.
    good, expired : Out(1)
        A good frame has come; none has for long.
    """

    def __init__(self) -> None:
        width = HEADER["count"]
        names = ("apply", "good", "expired")
        super().__init__({"bit": Out(width), **{name: Out(1) for name in names}})


class HostFlash(wiring.Signature):
    """The link reads the flash while no program runs.

    Members
    -------
    selected : In(1)
        The pointer is into the flash.
    status : In(FlashStatus)
        What is known of the image in the flash.
    start, check : Out(1)
        Read from the pointer on; check the image again.
    data : In(stream of bytes)
        What is read.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "selected": In(1),
                "status": In(FlashStatus),
                "start": Out(1),
                "check": Out(1),
                "data": In(stream.Signature(8)),
            }
        )
