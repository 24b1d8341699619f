"""Reads .onnx files: QDQ, QOperator, QONNX and QCDQ."""

from typing import Any

from .header import recognizes

__all__ = ["FRONTEND", "recognizes"]


def __getattr__(name: str) -> Any:
    """The front end, whose readers are imported for files of this format alone."""
    if name != "FRONTEND":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .reader import FRONTEND

    return FRONTEND
