"""PyTorch → ONNX → BentoML model store. The only room that imports torch."""
