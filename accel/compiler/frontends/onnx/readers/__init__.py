"""A reader for each of ONNX's operators."""
