"""A model of lower precision as a folder: its graph, its golden image, its spec."""

import shutil
from pathlib import Path

from model_spec import ONNX_FILE, ModelSpec, Precision, sha256_of_file


def write(folder: Path, fp32: Path, precision: Precision) -> ModelSpec:
    """Write all but the graph.

    Args:
        folder: with ``model.onnx``.
        fp32: folder of the model that it was made from.
        precision: of the graph.

    Returns:
        The spec: as of fp32 but for the precision and the files.
    """
    spec = ModelSpec.load(fp32)
    shutil.copy(fp32 / spec.golden.file, folder)
    files = {name: sha256_of_file(folder / name) for name in (ONNX_FILE, spec.golden.file)}
    spec = spec.model_copy(update={"precision": precision, "files": files})
    spec.save(folder)
    return spec
