"""What a configuration needs of an FPGA, as far as that is known without synthesis."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from accel.boards import Board
from accel.config import BANKS, AcceleratorConfig, InvalidConfiguration
from accel.core.memory.block_ram_count import block_rams, of_bank
from accel.core.pe import ELEMENTS, element_of, serving
from accel.errors import Refusal
from accel.numeric.formats import FORMATS

LEAST_BANK, MOST_BANK = 256, 1 << 20  # words
_SPRAM_SHAPE = (16, 16384)


class TooLarge(Refusal):
    """A configuration needs more of a resource than the board's FPGA has."""

    @property
    def of_size(self) -> bool:
        return True


def configure(board: Board | None, **changes: Any) -> AcceleratorConfig:
    """The default configuration, of a board if given, with ``changes``; ``None`` changes nothing.

    Where ``rows`` changes and ``bank_words`` does not, the banks keep their size in bytes, rounded
    down to a power of two words. A processing element that is made for one number format brings
    that format along; a format whose products the default element does not make brings an element
    that does. Raises ``InvalidConfiguration`` and ``BrokenExtension``.
    """
    changes = {name: value for name, value in changes.items() if value is not None}
    default = AcceleratorConfig(**(board.configuration if board else {}))
    changes |= _datapath(default, changes)
    rows = changes.get("rows", default.rows)
    if rows != default.rows and rows > 0 and "bank_words" not in changes:
        words = default.bank_words * default.rows // rows
        changes["bank_words"] = 1 << max(words, 1).bit_length() - 1
    return default.replace(**changes)


def _datapath(default: AcceleratorConfig, changes: Mapping[str, Any]) -> dict[str, str]:
    """The number format of a processing element that is made for one, if ``changes`` name no
    format; or an element for a format that the default element does not serve."""
    element, form = changes.get("element"), changes.get("format")
    if element is not None and element in ELEMENTS and form is None:
        only = ELEMENTS[element].format
        return {"format": only} if only else {}
    if form in FORMATS and element is None:
        names = serving(default.replace(format=form))
        if names and default.element not in names:
            return {"element": names[0]}
    return {}


def is_of(made: Mapping[str, Any], board: Board) -> bool:
    """Whether a record of place and route is of a board's device, clock and default core as they
    are.

    A value that the record lacks was added to the configuration later; its default is what the
    record had.
    """
    then = AcceleratorConfig(**made["configuration"])
    return (made["device"], made["clock_mhz"], then) == (
        board.device,
        board.clock.made_mhz,
        configure(board),
    )


def needs(config: AcceleratorConfig) -> Mapping[str, int]:
    """The cells that a core takes, logic aside, by the names of ``Board.resources``."""
    if config.family == "generic":
        return {}
    found = {"DSP": element_of(config).dsps(config), "EBR": sum(block_rams(config).values())}
    if config.family == "ice40up":
        found["SPRAM"] = BANKS * _blocks((config.word_bits, config.bank_words), _SPRAM_SHAPE)
    return found


def dsps_of(config: AcceleratorConfig) -> int:
    """DSP cells of the array. Raises ``InvalidConfiguration`` where the element does not serve."""
    return element_of(config).dsps(config)


def largest_bank(config: AcceleratorConfig, board: Board) -> int:
    """The most ``bank_words`` that the board has beside the rest of the core; 0 where that alone
    is too large."""
    if config.family == "ice40up":
        width, depth = _SPRAM_SHAPE
        wide = -(-config.word_bits // width)
        return board.resources.get("SPRAM", 0) // BANKS // wide * depth
    cells = board.resources.get("EBR", 0) - needs(config)["EBR"] + BANKS * of_bank(config)
    step = LEAST_BANK
    low, high = 0, MOST_BANK // step
    while low < high:
        middle = (low + high + 1) // 2
        if BANKS * of_bank(replace(config, bank_words=middle * step)) <= cells:
            low = middle
        else:
            high = middle - 1
    return low * step


def problems(config: AcceleratorConfig, board: Board) -> list[str]:
    """For each resource of which the board has too little for the core: which, and how much.

    Without remedies: what lifts one limit may lower another, see `accel.explore.fit`.
    """
    found = _flash_problems(config, board)
    try:
        check_datapath(config)
    except InvalidConfiguration as problem:
        return [*found, str(problem)]
    for name, needed in needs(config).items():
        available = board.resources.get(name, 0)
        if needed > available:
            found.append(
                f"the {config.rows}x{config.columns} core needs {needed} {name} "
                f"({_meaning(name, config)}), "
                f"{board.device} has {available}"
            )
    return found


def _flash_problems(config: AcceleratorConfig, board: Board) -> list[str]:
    """Why programs cannot be streamed from the board's flash; empty if they can."""
    data_lines = config.flash_lanes
    wired = board.flash.data_lines if board.flash else ()
    if not data_lines or data_lines in wired:
        return []
    has = f"at most {max(wired)} of them wired" if wired else "none for programs"
    return [f"the core reads a flash on {data_lines} data lines, {board.name} has {has}"]


def check_datapath(config: AcceleratorConfig) -> None:
    """Raise ``InvalidConfiguration`` where the processing element does not serve the rest."""
    element_of(config)


def check_fits(config: AcceleratorConfig, board: Board) -> None:
    """Raise ``TooLarge`` with all the numbers at once, and what `check_datapath` raises."""
    check_datapath(config)
    found = problems(config, board)
    if found:
        raise TooLarge("\n  ".join([f"Board {board.name} is too small for this core:", *found]))


def _blocks(memory: tuple[int, int], block: tuple[int, int]) -> int:
    return -(-memory[0] // block[0]) * -(-memory[1] // block[1])


def _meaning(name: str, config: AcceleratorConfig) -> str:
    if name != "EBR":
        return {"DSP": "the array's multipliers", "SPRAM": "activations"}[name]
    cells = sorted(block_rams(config).items(), key=lambda item: -item[1])
    return ", ".join(f"{n} of {memory}" for memory, n in cells if n)
