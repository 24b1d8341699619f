"""Clocks: which one a core is to have, checked before elaboration, and the cells that make it."""

from accel.core.clocking.generator import ClockGenerator
from accel.core.clocking.plan import ClockPlan

__all__ = ["ClockGenerator", "ClockPlan"]
