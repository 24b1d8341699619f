"""What a run answers, and what it takes."""

from .answers import Answer, Result, StateInfo, TensorInfo
from .report import Layer, Report

__all__ = ["Answer", "Layer", "Report", "Result", "StateInfo", "TensorInfo"]
