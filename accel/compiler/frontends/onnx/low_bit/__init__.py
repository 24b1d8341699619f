"""Networks of few bits: QONNX and QCDQ."""
