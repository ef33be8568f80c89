"""The loaded model: ONNX Runtime or OpenVINO, and the execution provider it really got."""
