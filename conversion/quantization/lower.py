"""fp32 model → model of lower precision, if it passes the gate."""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from batch.classification.model import Answer, Model
from conversion.errors import ConversionError
from conversion.evaluation.labels import Photograph
from conversion.evaluation.run import BATCH, content, opened
from conversion.gate.gate import judge, lines, passed
from conversion.gate.photographs import Split, split, split_of_crops
from conversion.graph.export import EXTERNAL_DATA_FILE, graph_files
from conversion.quantization.search import Samples, Search, Tried, table
from conversion.quantization.variant import complete, write
from model_comparison import Shortcoming
from model_spec import ONNX_FILE, ModelSpec, Precision
from settings import Settings, load_settings

logger = logging.getLogger("image_classifier.conversion.quantization")

_BF16_RECIPE = "the fp32 graph, which OpenVINO computes in bfloat16"


def lowered(
    fp32: Path,
    folder: Path,
    precision: Precision,
    calibration: Path | None,
    allowed: Collection[Shortcoming],
) -> ModelSpec:
    """Make a model of lower precision and compare it with fp32.

    Args:
        fp32: folder of the fp32 model with its spec.
        folder: empty; gets the model.
        calibration: folder of photographs; None for the project's own.
        allowed: shortcomings with which it is saved all the same.

    Raises:
        ConversionError: it did not pass the gate; the message has the figures.
        StartupError: the device cannot run it.
    """
    settings = load_settings()
    with tempfile.TemporaryDirectory() as name:
        workspace = Path(name)
        photographs = _split(calibration, ModelSpec.load(fp32).labels, workspace)
        tried: Sequence[Tried] = ()
        if precision is Precision.INT8:
            found, tried = _searched(fp32, folder, photographs, settings, workspace)
            recipe = str(found.recipe)
        else:
            for file in graph_files(fp32):
                shutil.copy(fp32 / file, folder)
            recipe = _BF16_RECIPE
        write(folder, fp32, precision, settings.device)
        spec = complete(folder, fp32, settings.device)
        comparison = judge(folder, fp32, photographs, settings, recipe)
        logger.info("%s", "\n".join(lines(comparison)))
        comparison = passed(comparison, allowed, table(tried))
        for each in comparison.shortcomings:
            logger.warning("saved although it may be %s than fp32; its spec says so", each.value)
        return spec.model_copy(update={"comparison": comparison})


def _split(calibration: Path | None, labels: Sequence[str], workspace: Path) -> Split:
    if calibration is None:
        crops = workspace / "crops"
        crops.mkdir()
        found = split_of_crops(crops)
    else:
        found = split(calibration, labels)
    logger.info("photographs: %s", found.source)
    for note in found.notes:
        logger.info("%s", note)
    return found


def _searched(
    fp32: Path, folder: Path, photographs: Split, settings: Settings, workspace: Path
) -> tuple[Tried, Sequence[Tried]]:
    """The recipe that was found, and all that were tried; its graph is copied into the folder."""
    if EXTERNAL_DATA_FILE in graph_files(fp32):
        raise ConversionError("not saved: int8 is not made of parameters over 2 GiB")
    samples = asyncio.run(_samples(photographs.calibrating, opened(fp32, settings)))
    search = Search(fp32, samples, settings.device, workspace)
    found = search.find()
    shutil.copy(found.folder / ONNX_FILE, folder)
    return found, search.tried


async def _samples(photographs: Sequence[Photograph], model: Model) -> Samples:
    """The photographs that can be classified; closes the model."""
    answers = list[Answer]()
    try:
        for start in range(0, len(photographs), BATCH):
            batch = photographs[start : start + BATCH]
            contents = [content(each, model.max_bytes) for each in batch]
            given = await model.classify(contents)
            answers += [each for each in given if isinstance(each, Answer)]
    finally:
        await model.close()
    if not answers:
        raise ConversionError(
            f"none of the {len(photographs)} photographs that calibrate could be classified; "
            f"the first is {photographs[0].path}"
        )
    return Samples(
        np.stack([each.pixels for each in answers]),
        np.stack([each.probabilities for each in answers]),
    )
