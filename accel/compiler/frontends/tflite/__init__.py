"""Reads .tflite files."""

from .reader import FRONTEND

__all__ = ["FRONTEND"]
