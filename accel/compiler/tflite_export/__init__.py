"""Graphs written as .tflite files."""
