"""The cores that random networks run on in RTL: those of all boards, and ten odd shapes.

A core with a flash streams from it only what its memory has no room for, which small networks do
not need; so there is each of those once more with less memory.
"""

from collections.abc import Mapping
from types import MappingProxyType

from accel.boards import BOARDS
from accel.config import AcceleratorConfig

SMALL_BANK_WORDS = 256

ODD_SHAPES: Mapping[str, AcceleratorConfig] = MappingProxyType(
    {
        "2x1": AcceleratorConfig(rows=2, columns=1, bank_words=8192),
        "2x16 ecp5": AcceleratorConfig(
            rows=2, columns=16, requantizers=2, family="ecp5", bank_words=8192
        ),
        "16x2": AcceleratorConfig(rows=16, columns=2, requantizers=2, bank_words=2048),
        "3x5": AcceleratorConfig(rows=3, columns=5, bank_words=4096),
        "5x3 ice40hx": AcceleratorConfig(
            rows=5, columns=3, element="booth", family="ice40hx", bank_words=2048
        ),
        "6x9 ecp5": AcceleratorConfig(
            rows=6, columns=9, requantizers=3, family="ecp5", sum_bits=26, bank_words=4096
        ),
        "12x4 ice40up": AcceleratorConfig(
            rows=12,
            columns=4,
            requantizers=4,
            family="ice40up",
            weight_steps=768,
            bank_words=512,
            flash_lanes=1,
        ),
        "4x12 int4 ecp5": AcceleratorConfig(
            rows=4,
            columns=12,
            requantizers=4,
            format="int8_int4",
            family="ecp5",
            bank_words=512,
            flash_lanes=4,
        ),
        "2x64": AcceleratorConfig(rows=2, columns=64, requantizers=1, bank_words=8192),
        "16x32 ecp5": AcceleratorConfig(
            rows=16, columns=32, requantizers=16, family="ecp5", sum_bits=28, bank_words=2048
        ),
    }
)


def board_cores() -> dict[str, AcceleratorConfig]:
    """Each configuration that a board comes with, by the boards' names."""
    names: dict[AcceleratorConfig, list[str]] = {}
    for name, board in BOARDS.items():
        names.setdefault(AcceleratorConfig(**board.configuration), []).append(name)
    return {", ".join(boards): config for config, boards in names.items()}


def all_cores() -> dict[str, AcceleratorConfig]:
    """By name: of boards, of those with a flash with little memory, and of odd shapes."""
    boards = board_cores()
    small = {
        f"little memory: {name}": config.replace(bank_words=SMALL_BANK_WORDS)
        for name, config in boards.items()
        if config.flash_lanes
    }
    return {**boards, **small, **ODD_SHAPES}
