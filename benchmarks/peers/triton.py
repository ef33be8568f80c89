"""Triton through PyTriton: dynamic batching, an instance of the function per processor.

An image is one element of a BYTES tensor; Triton's HTTP form for it is a JSON header with
the bytes behind it. The answer is the best classes and their probabilities as tensors.
"""

import numpy as np
import numpy.typing as npt
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from benchmarks.measurement.core import TOP_K, Core
from benchmarks.peers import given


class Classify:
    """The whole classifier."""

    def __init__(self) -> None:
        self.core = Core(given.MODEL)

    @batch
    def __call__(self, image: npt.NDArray[np.object_]) -> dict[str, npt.NDArray[np.generic]]:
        """Bytes ``[N, 1]`` → the best classes and their probabilities, both ``[N, 5]``."""
        answers = self.core.classify([bytes(each) for each in image[:, 0]])
        best = [answer["predictions"] for answer in answers]
        return {
            "class_id": np.array([[each["class_id"] for each in row] for row in best], np.int32),
            "confidence": np.array(
                [[each["confidence"] for each in row] for row in best], np.float32
            ),
        }


if __name__ == "__main__":
    configuration = TritonConfig(
        http_address="127.0.0.1", http_port=given.PORT, allow_grpc=False, allow_metrics=False
    )
    with Triton(config=configuration) as triton:
        triton.bind(
            model_name="classifier",
            infer_func=[Classify() for _ in range(given.WORKERS)],
            inputs=[Tensor(name="image", dtype=np.bytes_, shape=(1,))],
            outputs=[
                Tensor(name="class_id", dtype=np.int32, shape=(TOP_K,)),
                Tensor(name="confidence", dtype=np.float32, shape=(TOP_K,)),
            ],
            config=ModelConfig(
                max_batch_size=given.MAX_BATCH_SIZE,
                batcher=DynamicBatcher(max_queue_delay_microseconds=0),
            ),
        )
        triton.serve()
