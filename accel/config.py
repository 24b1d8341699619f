"""The size of a core, which compiler, core, simulators and driver share."""

from dataclasses import asdict, dataclass, replace
from math import gcd
from typing import Any, Literal, get_args

from .errors import UserError
from .numeric.formats import FORMATS, NumberFormat

Family = Literal["generic", "ice40up", "ice40hx", "ecp5"]
FAMILIES: tuple[Family, ...] = get_args(Family)
BANKS = 2
FLASH = BANKS  # a chunk is in a bank of memory or, by this number, in flash
FLASH_LANES = (0, 1, 2, 4)
SUM_BYTES = 4  # of a sum that is kept in memory
_MOST_SUM_WORDS = 8
_SUMS_MARGIN = 32


class InvalidConfiguration(UserError):
    """A configuration value is outside what the core can be built for."""


@dataclass(frozen=True, kw_only=True)
class AcceleratorConfig:
    """The size of a core.

    Parameters
    ----------
    rows, columns
        The array: ``rows`` output positions times ``columns`` output channels a cycle. A word of
        activation memory holds ``rows`` channels of one position.
    format
        Name of the number format, a file in ``numeric/formats``.
    element
        Name of the processing element, a file in ``core/pe``.
    dsps
        DSP cells for an element that makes the other products of logic, ``mixed``. Elements of one
        kind do not ask.
    family
        Whose multipliers and memories are used: ``generic`` (no vendor cells), ``ice40up``,
        ``ice40hx`` (HX and LP), ``ecp5``.
    sum_bits
        Width of an accumulator. The compiler proves that no sum of a program leaves it.
    requantizers
        Results requantized in a cycle; divides ``rows`` and ``columns``.
    weight_steps
        Depth of the weight buffer in reduction steps, both halves together.
    bank_words
        Words in each of the two activation banks.
    flash_lanes
        Data lines over which chunks are streamed from an SPI flash: 1, 2 or 4; 0 for a core without
        a flash.
    wide_sums
        1 for a core that keeps 32-bit sums in memory and adds to them, else 0.
    """

    rows: int = 4
    columns: int = 4
    format: str = "int8"
    element: str = "multiplier"
    dsps: int = 0
    family: Family = "generic"
    sum_bits: int = 24
    requantizers: int = 1
    weight_steps: int = 2048
    bank_words: int = 16384
    flash_lanes: int = 0
    wide_sums: int = 1

    def __post_init__(self) -> None:
        for name, low, high in (
            ("rows", 2, 32),
            ("columns", 1, 64),
            ("dsps", 0, 2048),
            ("sum_bits", 16, 32),
            ("requantizers", 1, 32),
            ("weight_steps", 16, 65536),
            ("bank_words", 256, 1 << 20),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise InvalidConfiguration(
                    f"Array {name} must be an integer from {low} to {high}, not {value!r}"
                )
        if self.flash_lanes not in FLASH_LANES:
            lanes = ", ".join(map(str, FLASH_LANES))
            raise InvalidConfiguration(
                f"Flash lanes must be one of {lanes}, not {self.flash_lanes!r}"
            )
        if self.wide_sums not in (0, 1):
            raise InvalidConfiguration(f"Wide sums must be 0 or 1, not {self.wide_sums!r}")
        if self.format not in FORMATS:
            raise InvalidConfiguration(
                f"Number format must be one of {', '.join(FORMATS)}, not {self.format!r}"
            )
        if self.family not in FAMILIES:
            raise InvalidConfiguration(
                f"Family must be one of {', '.join(FAMILIES)}, not {self.family!r}"
            )
        if self.rows % self.requantizers or self.columns % self.requantizers:
            raise InvalidConfiguration(
                f"Requantizers must divide rows and columns, not {self.requantizers} of "
                f"{self.rows}x{self.columns}"
            )
        if self.weight_steps % (2 * self.steps_per_weight_row):
            raise InvalidConfiguration(
                f"Weight steps must be a multiple of {2 * self.steps_per_weight_row}, "
                f"not {self.weight_steps}"
            )

    @property
    def number_format(self) -> NumberFormat:
        return FORMATS[self.format]

    @property
    def word_bits(self) -> int:
        """Bits in a word of activation memory."""
        return 8 * self.rows

    @property
    def step_bits(self) -> int:
        """Bits of weights that the array takes in one reduction step."""
        return self.columns * self.number_format.weight_bits

    @property
    def steps_per_weight_row(self) -> int:
        """Reduction steps in a row of the weight buffer: more than 1 where steps are narrow."""
        return max(1, self.word_bits // self.step_bits)

    @property
    def words_per_weight_row(self) -> int:
        """Memory words in a row of the weight buffer: more than 1 where steps are wide."""
        return -(-self.step_bits // self.word_bits)

    @property
    def weight_rows(self) -> int:
        return self.weight_steps // self.steps_per_weight_row

    @property
    def flash_divider(self) -> int:
        """Cycles of a period of the flash's clock.

        An ECP5 has no double-data-rate cell at that pin, so it needs two.
        """
        return 2 if self.family == "ecp5" else 1

    @property
    def drain_cycles(self) -> int:
        """Cycles that the results of one tile take to leave the array."""
        return self.rows * self.columns // self.requantizers

    @property
    def word_cycles(self) -> int:
        """Cycles in which results fill a word of memory, or a part of one.

        Results begin and end words only at multiples of it.
        """
        return gcd(self.rows, self.columns) // self.requantizers

    @property
    def pace(self) -> int:
        """Cycles from results to the next ones in a layer with a residual operand.

        There a word of the output is read before it is written. Where results fill a word in a
        single cycle, every other cycle must be free for the read.
        """
        return 2 if self.word_cycles == 1 else 1

    def tile_cycles(self, residual: int, sums: int = 0) -> int:
        """Cycles from the first results of a tile to those of the next one, in a layer with a
        residual operand or without, or in one whose sums are kept or added to."""
        if sums:
            # Nothing of the next tile meets anything of this one.
            return self.drain_cycles * self.sums_pace + _SUMS_MARGIN
        return self.drain_cycles * (self.pace if residual else 1)

    @property
    def sums_in_word(self) -> int:
        """Bytes of a memory word that kept sums take, of those that leave the array together.

        They fill whole words or an even part of one. An array of fewer than four rows has half a
        sum in each.
        """
        if self.rows < SUM_BYTES:
            return SUM_BYTES // 2
        room, together = self.rows // SUM_BYTES, self.requantizers
        most = 1 << room.bit_length() - 1
        return SUM_BYTES * (together if together <= room else gcd(most, together))

    @property
    def sum_words(self) -> int:
        """Memory words of the kept sums that leave the array together."""
        return SUM_BYTES * self.requantizers // self.sums_in_word

    @property
    def sums_pace(self) -> int:
        """Cycles from sums to the next ones in a layer whose sums are kept or added to.

        Each word is read in one cycle and written in another. Where it is an odd number of words,
        further cycles keep those apart.
        """
        return (2 if self.sum_words in (1, 2, 4) else 3) * self.sum_words

    @property
    def sums_share(self) -> int:
        """How many times a word has the kept sums that leave the array together: a power of two."""
        times = self.rows // self.sums_in_word if self.sum_words == 1 else 1
        return 1 << times.bit_length() - 1

    @property
    def sums_tile_words(self) -> int:
        """Memory words from the kept sums of a tile to those of the next one, a power of two."""
        words = -(-self.drain_cycles // self.sums_share)
        return (1 << (words - 1).bit_length()) * (1 << (self.sum_words - 1).bit_length())

    @property
    def keeps_sums(self) -> bool:
        """Whether layers can keep their sums: not where many that leave the array together take
        words of their own, and where not even those of a tile fit memory."""
        fits = self.sum_words <= _MOST_SUM_WORDS and self.sums_tile_words <= self.bank_words
        return bool(self.wide_sums) and fits

    @property
    def broadcast(self) -> bool:
        """Whether depthwise layers can broadcast one word to all rows, a byte to a column."""
        return self.columns >= self.rows

    @property
    def broadcast_rows(self) -> int:
        """Rows of the output that a depthwise layer computes at a time.

        1 unless the array has several columns for each byte of a word.
        """
        return max(1, self.columns // self.rows) if self.columns % self.rows == 0 else 1

    @property
    def peak_macs(self) -> int:
        """Multiply-accumulates a cycle."""
        return self.rows * self.columns

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def replace(self, **changes: Any) -> "AcceleratorConfig":
        """The same configuration with changes.

        Unless it is among them, ``weight_steps`` is rounded down to whole rows of the buffer.
        """
        if "weight_steps" not in changes:
            changes |= {"weight_steps": _whole_rows({**asdict(self), **changes})}
        return replace(self, **changes)


def _whole_rows(values: dict[str, Any]) -> int:
    """The weight steps of a configuration, rounded down to whole rows of both halves."""
    steps, bits = values["weight_steps"], 0
    if values["format"] in FORMATS and min(values["rows"], values["columns"]) > 0:
        bits = values["columns"] * FORMATS[values["format"]].weight_bits
    return steps - steps % (2 * max(1, 8 * values["rows"] // bits)) if bits else steps
