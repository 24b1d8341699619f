"""Float ONNX networks to int8 with `onnxruntime.quantization`, which is imported nowhere else."""
