"""What the benchmark gives a peer: the model, the port, how many workers to start."""

import os
from pathlib import Path

MODEL = Path(os.environ["BENCHMARK_MODEL"])
PORT = int(os.environ["BENCHMARK_PORT"])
WORKERS = int(os.environ["BENCHMARK_WORKERS"])

MODEL_WORKERS = int(os.environ.get("BENCHMARK_MODEL_WORKERS", WORKERS))
"""Of a service of its own for the model: one collects the largest batches."""

MAX_BATCH_SIZE = int(os.environ.get("BENCHMARK_MAX_BATCH_SIZE", "8"))
"""Where a peer batches: larger ones cost nothing less per image on a CPU thread."""

STAGES = int(os.environ.get("BENCHMARK_STAGES", "1"))
"""Of mosec: 2 has decoding and inference in processes of their own."""
