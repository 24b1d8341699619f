"""Low-bit networks: QONNX and QCDQ."""
