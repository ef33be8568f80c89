"""PyTorch → ONNX → BentoML model store, and the evaluation of stored models.

The only room that imports torch.
"""

import os

# As inference/__init__.py does.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
