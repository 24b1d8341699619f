"""Graphs written as TFLite files."""
