"""The interfaces between the components that run layers, each from the side that asks."""

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..config import AcceleratorConfig
from ..isa import Isa


class RunPort(wiring.Signature):
    """Somebody runs the sequencer.

    Members
    -------
    run, stop : Out(1)
        Begin with the chunk at the pointer; end with the layer that runs.
    idle, layer_done, last : In(1)
        No program runs; a layer ends in this cycle; it is the program's last one.
    release : In(1)
        A place is free once the layer that runs has ended.
    band : Out(1), band_taken : In(1)
        A band is there; it is counted out in this cycle.
    refused : In(1)
        The last run came to a chunk in a flash that holds no valid image, and ended there.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "run": Out(1),
                "stop": Out(1),
                "idle": In(1),
                "layer_done": In(1),
                "last": In(1),
                "release": In(1),
                "band": Out(1),
                "band_taken": In(1),
                "refused": In(1),
            }
        )


class LayerControl(wiring.Signature):
    """The sequencer tells everybody which layer runs.

    Members
    -------
    descriptor : Out(Isa.descriptor)
        The layer; stable while it runs.
    start : Out(1)
        It begins in this cycle. No other layer is running.
    """

    def __init__(self, isa: Isa) -> None:
        super().__init__({"descriptor": Out(isa.descriptor), "start": Out(1)})


class TileControl(wiring.Signature):
    """The sequencer lets the tile loops go on, and counts what they wait for.

    Members
    -------
    ready : Out(2)
        Which halves of the weight buffer hold a whole group of output channels.
    busy : In(1)
        A tile is in progress.
    waiting_weights, waiting_drain : In(1)
        None is: the next one waits for its weights, or for the results of the one before.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "ready": Out(2),
                "busy": In(1),
                "waiting_weights": In(1),
                "waiting_drain": In(1),
            }
        )


class FillBus(wiring.Signature):
    """The sequencer fills lookup tables, channel parameters and weights, a word at a time.

    Members
    -------
    start : Out(1)
        A layer begins: the next word of the lookup tables is their first.
    restart : Out(1)
        A group begins: the next words of parameters and weights are its first.
    half : Out(1)
        The half of the buffers that is filled.
    table_en, parameter_en, weight_en : Out(1)
        What the word is for.
    parameter_column : Out(range(columns)), parameter_word : Out
        Which word of which column's parameters.
    data : Out(word_bits)
        The word.
    """

    def __init__(self, config: AcceleratorConfig) -> None:
        super().__init__(
            {
                "table_en": Out(1),
                "parameter_en": Out(1),
                "parameter_column": Out(range(config.columns)),
                "parameter_word": Out(range(Isa(config).channel_parameter_words)),
                "weight_en": Out(1),
                "restart": Out(1),
                "start": Out(1),
                "half": Out(1),
                "data": Out(config.word_bits),
            }
        )


class ResultRule(wiring.Signature):
    """What of the descriptor decides how a sum becomes a code; stable while results come.

    Members are the descriptor's fields of these names, see `isa`.
    """

    def __init__(self, config: AcceleratorConfig) -> None:
        names = ["tie_parity", "maximum", "lookup_tables", "low", "high"]
        names += ["broadcast"] if config.broadcast_rows > 1 else []
        names += ["add_sums"] if config.keeps_sums else []
        names += ["pack"] if config.number_format.sub_byte else []
        fields = Isa(config).descriptor
        super().__init__({name: Out(fields[name].shape) for name in names})


class ChunkPort(wiring.Signature):
    """The sequencer reads the program, in memory or in flash.

    Members
    -------
    en : Out(1), pointer : Out(Isa.pointer)
        Ask for the word at the pointer.
    granted : In(1)
        It would be read in this cycle if it were asked for.
    data : In(word_bits)
        What was read, the memory's latency later.
    """

    def __init__(self, config: AcceleratorConfig) -> None:
        super().__init__(
            {
                "en": Out(1),
                "pointer": Out(Isa(config).pointer),
                "granted": In(1),
                "data": In(config.word_bits),
            }
        )


class ActivationPort(wiring.Signature):
    """The tile loops read activations. They are never refused.

    Members
    -------
    coming : Out(1)
        There is a read in the next cycle.
    bank : Out(1), address : Out
        The word, in the cycle of the read.
    """

    def __init__(self, isa: Isa) -> None:
        super().__init__({"coming": Out(1), "bank": Out(1), "address": Out(isa.address_bits)})


class ResultPort(wiring.Signature):
    """The write-back reads and writes words of the output. It is never refused.

    Members
    -------
    coming : Out(1)
        There is an access in the next cycle.
    bank : Out(1), address : Out
        The word, in the cycle of the access.
    write_en : Out(rows), write_data : Out(word_bits)
        The bytes to write, one bit each, and a word that holds them; none to read.
    read_data : In(word_bits)
        What was read, the memory's latency later.
    """

    def __init__(self, config: AcceleratorConfig) -> None:
        super().__init__(
            {
                "coming": Out(1),
                "bank": Out(1),
                "address": Out(Isa(config).address_bits),
                "write_en": Out(config.rows),
                "write_data": Out(config.word_bits),
                "read_data": In(config.word_bits),
            }
        )


class MemoryPort(wiring.Signature):
    """The sequencer and the link read memory when nobody else uses it.

    Members
    -------
    en : Out(1), location : Out(Isa.location)
        Read this word.
    granted : In(1)
        It would be read in this cycle.
    read_data : In(word_bits)
        What was read, the memory's latency later.
    """

    def __init__(self, config: AcceleratorConfig) -> None:
        super().__init__(
            {
                "en": Out(1),
                "location": Out(Isa(config).location),
                "granted": In(1),
                "read_data": In(config.word_bits),
            }
        )


class DmaPort(wiring.Signature):
    """The DMA writes words that came from flash where that disturbs nobody.

    Members
    -------
    offered : Out(1), location : Out(Isa.location), data : Out(word_bits)
        A word to write there. Never in a cycle in which a `MemoryPort` asks for the same bank.
    taken : In(1)
        It is written in this cycle.
    """

    def __init__(self, config: AcceleratorConfig) -> None:
        super().__init__(
            {
                "offered": Out(1),
                "location": Out(Isa(config).location),
                "data": Out(config.word_bits),
                "taken": In(1),
            }
        )


class DmaControl(wiring.Signature):
    """The sequencer starts DMA transfers and says when they may use the memory.

    Members
    -------
    transfer : Out(Isa.dma_descriptor), start : Out(1)
        A transfer; it begins, with the words that come from the next cycle on.
    busy : In(1)
        Words of it are missing.
    quiet : Out(1)
        While it is busy: the sequencer asks for no word in the next cycle.
    streaming : Out(1), bank : Out(1)
        Words that come from flash are the layer's own; the bank that the sequencer may ask for
        otherwise.
    """

    def __init__(self, isa: Isa) -> None:
        super().__init__(
            {
                "transfer": Out(isa.dma_descriptor),
                "start": Out(1),
                "busy": In(1),
                "quiet": Out(1),
                "streaming": Out(1),
                "bank": Out(1),
            }
        )


class FlashControl(wiring.Signature):
    """The sequencer starts and ends reads of the flash.

    Members
    -------
    start : Out(1)
        Read from the pointer on; words that are still there are forgotten.
    stop : Out(1)
        Read no more.
    valid : In(1)
        The flash holds a whole image for this core.
    idle : Out(1)
        No program runs, so what is read goes to the link.
    """

    def __init__(self) -> None:
        super().__init__({"start": Out(1), "stop": Out(1), "valid": In(1), "idle": Out(1)})


class ParameterPort(wiring.Signature):
    """A requantizer reads the channel parameters of a column; see `ParameterTable` for the cycles.

    Members
    -------
    early, late, offset : In
        Parts of `Isa.channel_parameters`, in the order in which they are needed.
    negative : Out(1)
        Which of both offsets: the one for negative sums.
    """

    def __init__(self, isa: Isa) -> None:
        parts = {name: In(isa.channel_parameters[name]) for name in ("early", "late", "offset")}
        super().__init__({**parts, "negative": Out(1)})


class WordPort(wiring.Signature):
    """Words that come from the flash.

    Members
    -------
    word : In(word_bits), valid : In(1)
        A word has come; it stays until it is taken.
    taken : Out(1)
        It is taken in this cycle.
    """

    def __init__(self, config: AcceleratorConfig) -> None:
        super().__init__({"word": In(config.word_bits), "valid": In(1), "taken": Out(1)})
