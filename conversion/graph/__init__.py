"""The ONNX graph of a network: exported, halved, verified."""
