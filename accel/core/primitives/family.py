"""The families of FPGA that the primitives know."""

from typing import Literal, get_args

Family = Literal["generic", "ice40up", "ice40hx", "ecp5"]

FAMILIES: tuple[str, ...] = get_args(Family)


def check_family(family: str) -> str:
    """Return ``family`` if it is known, raise ``ValueError`` otherwise."""
    if family not in FAMILIES:
        known = ", ".join(repr(name) for name in FAMILIES)
        raise ValueError(f"Family must be one of {known}, not {family!r}")
    return family
