"""Reads .tflite files."""

from .reader import FRONTEND, recognizes

__all__ = ["FRONTEND", "recognizes"]
