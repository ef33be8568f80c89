"""A model of lower precision as a folder: its graph, its golden image, its spec."""

import shutil
from pathlib import Path

from conversion.photographs import photograph
from inference.sessions.session import open_session
from model_spec import ONNX_FILE, Golden, ModelSpec, Precision, sha256_of_file
from preprocessing import transform
from settings import Device

# Wide enough for another engine's rounding, far too small for a wrong normalisation.
_GOLDEN_TOLERANCE = 0.05


def write(folder: Path, fp32: Path, precision: Precision, device: Device) -> ModelSpec:
    """Write all but the graph.

    Args:
        folder: with ``model.onnx``.
        fp32: folder of the model that it was made from.
        precision: of the graph.
        device: that gives the golden answer.

    Returns:
        The spec: as of fp32 but for the precision, the files and the golden answer.
    """
    spec = ModelSpec.load(fp32)
    shutil.copy(fp32 / spec.golden.file, folder)
    files = {name: sha256_of_file(folder / name) for name in (ONNX_FILE, spec.golden.file)}
    spec = spec.model_copy(update={"precision": precision, "files": files})
    spec.save(folder)
    spec = spec.model_copy(update={"golden": _own_golden(folder, spec, device)})
    spec.save(folder)
    return spec


def _own_golden(folder: Path, spec: ModelSpec, device: Device) -> Golden:
    session = open_session(folder, device, intra_op_threads=1)
    image = photograph(folder / spec.golden.file)
    probabilities = session.run(transform(image, spec.preprocessing)[None])[0]
    return Golden(
        file=spec.golden.file,
        class_id=int(probabilities.argmax()),
        confidence=float(probabilities.max()),
        tolerance=_GOLDEN_TOLERANCE,
    )
