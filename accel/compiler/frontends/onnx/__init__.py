"""Reads .onnx files: QDQ, QOperator, QONNX and QCDQ."""

from .reader import FRONTEND

__all__ = ["FRONTEND"]
