"""PyTorch → ONNX → BentoML model store, and the evaluation of stored models.

The only room that imports torch.
"""

import os

from interrupts import end_in_one_line_after_ctrl_c

end_in_one_line_after_ctrl_c()

# As inference/__init__.py does.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
