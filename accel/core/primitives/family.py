"""The families of FPGA that the primitives know."""

from ...config import FAMILIES, Family

__all__ = ["FAMILIES", "Family", "check_family"]


def check_family(family: Family) -> Family:
    """Return ``family`` if it is known, raise ``ValueError`` otherwise."""
    if family not in FAMILIES:
        known = ", ".join(repr(name) for name in FAMILIES)
        raise ValueError(f"Family must be one of {known}, not {family!r}")
    return family
