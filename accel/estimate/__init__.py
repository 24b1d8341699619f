"""What a core takes and how fast it is, before synthesis: fitted to recorded builds."""

from accel.estimate.model import Estimate, NotEstimated, estimate

__all__ = ["Estimate", "NotEstimated", "estimate"]
