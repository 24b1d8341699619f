"""How many block RAMs a core takes, memory by memory."""

from ...config import BANKS, AcceleratorConfig
from ...isa import Isa
from ...numeric.elementwise.lookup_tables import ENTRY_BITS
from ..control import read_address
from ..datapath import parameter_table, post_op, word_collector
from ..flash import read_ahead, reader
from ..primitives import delay_line, dual_port, ecp5_memory, ice40_memory, two_readers
from . import weight_buffer


def block_rams(config: AcceleratorConfig) -> dict[str, int]:
    """Number of cells by memory; those of LUTs, of registers or in SPRAM take none.

    A memory that synthesis infers takes as many cells as hold what is read of it.
    """
    family = config.family
    step = config.steps_per_weight_row * config.step_bits
    parameters = {
        name: dual_port.block_rams(**memory, read_bits=Isa(config).channel_parameters[name].size)
        for name, memory in parameter_table.parameter_memories(config).items()
    }
    tables = two_readers.block_rams(**post_op.tables_memory(config), read_bits=ENTRY_BITS)
    return {
        "activations": BANKS * of_bank(config),
        "weights": dual_port.block_rams(**weight_buffer.weight_memory(config), read_bits=step),
        "parameters": config.requantizers * sum(parameters.values()),
        "tables": config.requantizers * tables,
        "positions": delay_line.block_rams(**read_address.position_ring(config)),
        "destinations": delay_line.block_rams(**word_collector.destinations_of(config)),
        "flash": read_ahead.block_rams(reader.depth_of(family), family)
        if config.flash_lanes
        else 0,
    }


def bits_in_registers(config: AcceleratorConfig) -> int:
    """How many bits of channel parameters are in registers, being too few for a block RAM."""
    if config.family not in ("ice40up", "ice40hx"):
        return 0
    sizes = {name: part.size for name, part in Isa(config).channel_parameters.items()}
    return config.requantizers * sum(
        sizes[name] * memory["depth"]
        for name, memory in parameter_table.parameter_memories(config).items()
        if not dual_port.block_rams(**memory, read_bits=sizes[name])
    )


def of_bank(config: AcceleratorConfig) -> int:
    """Block RAMs of one of the two banks; 0 where they are in SPRAM."""
    bank = config.word_bits, config.bank_words
    if config.family == "ecp5":
        return ecp5_memory.cells_for(*bank)
    return ice40_memory.cells_for(*bank) if config.family == "ice40hx" else 0
