"""Resources and speed of a core before synthesis, fitted to recorded builds."""

from accel.estimate.model import Estimate, NotEstimated, estimate

__all__ = ["Estimate", "NotEstimated", "estimate"]
